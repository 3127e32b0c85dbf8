import { TerraformResource } from 'cdktf';
import type { Construct } from 'constructs';
import type { JsonObject } from './synthesized';

/**
 * A `terraform_data` resource: built into Terraform, so that no provider has to be present. Its values are read back
 * through `output`, which makes them late-bound, as the attributes of real resources are.
 *
 * cdktf's own class for it asks the terraform binary for its version when it is synthesized; this one does not.
 *
 * @see https://developer.hashicorp.com/terraform/language/resources/terraform-data
 */
export class FakeResource extends TerraformResource {
  static readonly tfResourceType = 'terraform_data';

  constructor(
    scope: Construct,
    id: string,
    /** Values of the resource; strings may be tokens. */
    private readonly values: JsonObject,
  ) {
    super(scope, id, { terraformResourceType: FakeResource.tfResourceType });
  }

  /** A late-bound value. */
  output(name: string): string {
    return this.getStringAttribute(`output.${name}`);
  }

  /** What Terraform reads. */
  protected override synthesizeAttributes(): Record<string, JsonObject> {
    return { input: this.values };
  }
}

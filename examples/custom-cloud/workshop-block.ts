import { TerraformResource } from 'cdktf';
import { Construct } from 'constructs';
import { NO_PARTS, expectCloud, legalName, stateful } from 'lnmt';
import type { IBuildingBlock, KubernetesParts, StatefulProps } from 'lnmt';

/** Name of this target: the value of `cloud` on everything that it makes. */
export const WORKSHOP = 'workshop';

type Values = Readonly<Record<string, string | number | readonly string[]>>;

/** Stands for a resource of your provider: what is put in comes out again, known only after deployment. */
export class WorkshopResource extends TerraformResource {
  constructor(
    scope: Construct,
    id: string,
    private readonly values: Values,
  ) {
    super(scope, id, { terraformResourceType: 'terraform_data' });
  }

  output(name: string): string {
    return this.getStringAttribute(`output.${name}`);
  }

  protected override synthesizeAttributes(): Record<string, Values> {
    return { input: this.values };
  }
}

/** A building block with one resource. */
export class WorkshopBlock extends Construct implements IBuildingBlock {
  readonly cloud = WORKSHOP;
  readonly kubernetes: KubernetesParts = NO_PARTS;
  protected readonly resource: WorkshopResource;

  constructor(scope: Construct, id: string, values: Values) {
    super(scope, id);
    this.resource = new WorkshopResource(this, 'Resource', values);
  }

  /** What it stands on has to be of the same cloud. */
  protected on(blocks: Readonly<Record<string, IBuildingBlock | undefined>>): void {
    for (const [property, block] of Object.entries(blocks)) {
      if (block) expectCloud(this, property, block, WORKSHOP);
    }
  }

  /** Pins the address and guards what nobody can make again. All resources have one type here, hence the kind. */
  protected keep(kind: string, props: StatefulProps): void {
    stateful(this.resource, [...props.naming, kind], props.onRemoval ?? 'retain');
  }
}

/** Names as this provider wants them. */
export function nameOf(naming: readonly string[]): string {
  return legalName({ maxLength: 40 }, naming);
}

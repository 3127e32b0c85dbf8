import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { freeId } from '../constructs/checks';
import { TERRAFORM_RANGE } from '../constructs/versions';
import { StateBackend } from './state-backend';

/** Props of {@link LnmtStack}. */
export interface LnmtStackProps {
  /** Where the state is kept. @default StateBackend.local() */
  readonly state?: StateBackend;
}

/** A Terraform stack with a backend whose path is the same on every machine, and a range of Terraform versions. */
export class LnmtStack extends TerraformStack {
  constructor(scope: Construct, id: string, props: LnmtStackProps = {}) {
    super(scope, freeId(scope, id));
    (props.state ?? StateBackend.local()).apply(this);
    this.addOverride('terraform.required_version', TERRAFORM_RANGE);
  }
}

import { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { freeId } from '../constructs/checks';
import { LnmtError } from '../constructs/errors';
import { TERRAFORM_RANGE } from '../constructs/versions';
import { StateBackend } from './state-backend';

/** Props of {@link LnmtStack}. */
export interface LnmtStackProps {
  /** Where the state is kept. @default StateBackend.local() */
  readonly state?: StateBackend;
}

/** A Terraform stack with a backend whose path is the same on every machine, and a range of Terraform versions. */
export class LnmtStack extends TerraformStack {
  /** @throws LNMT1001 for an id that cannot name a stack, LNMT1020 for one that is taken */
  constructor(scope: Construct, id: string, props: LnmtStackProps = {}) {
    super(scope, stackId(scope, id));
    (props.state ?? StateBackend.local()).apply(this);
    this.addOverride('terraform.required_version', TERRAFORM_RANGE);
  }
}

// cdktf selects stacks by pattern, so it refuses these too, without a code.
function stackId(scope: Construct, id: string): string {
  if (!/[\s*?[\]{}!]/.test(id)) return freeId(scope, id);
  throw new LnmtError('LNMT1001', scope, {
    what: 'the id cannot name a stack',
    got: JSON.stringify(id),
    allowed: 'ids without white space and the characters * ? [ ] { } !',
    remedy: 'choose another id',
  });
}

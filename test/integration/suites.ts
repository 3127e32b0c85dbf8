import { autoscaling } from './autoscaling';
import { cdktnAlias } from './cdktn-alias';
import { controlPlane } from './control-plane';
import { helm } from './helm';
import { packaged } from './package';
import { providerFacts } from './provider-facts';
import { schemas } from './schemas';
import { terraform } from './terraform';
import type { Suite } from './suite';

/** Every suite, in the order in which they run: the cheap ones first. */
export const suites: readonly Suite[] = [
  schemas,
  providerFacts,
  helm,
  packaged,
  cdktnAlias,
  terraform,
  controlPlane,
  autoscaling,
];

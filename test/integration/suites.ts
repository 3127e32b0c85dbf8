import { autoscaling } from './autoscaling';
import { controlPlane } from './control-plane';
import { helm } from './helm';
import { providerFacts } from './provider-facts';
import { schemas } from './schemas';
import { terraform } from './terraform';
import type { Suite } from './suite';

/** Every suite, in the order in which they run: the cheap ones first. */
export const suites: readonly Suite[] = [schemas, providerFacts, helm, terraform, controlPlane, autoscaling];

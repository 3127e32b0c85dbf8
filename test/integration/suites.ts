import { autoscaling } from './autoscaling';
import { cdktfCli } from './cdktf-cli';
import { checkov } from './checkov';
import { controlPlane } from './control-plane';
import { helm } from './helm';
import { images } from './images';
import { modelSigning } from './model-signing';
import { packaged } from './package';
import { providerFacts } from './provider-facts';
import { schemas } from './schemas';
import type { Suite } from './suite';
import { terraform } from './terraform';

/** Every suite, in the order in which they run: the cheap ones first. */
export const suites: readonly Suite[] = [
  schemas,
  providerFacts,
  helm,
  packaged,
  cdktfCli,
  checkov,
  modelSigning,
  images,
  terraform,
  controlPlane,
  autoscaling,
];

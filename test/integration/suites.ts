import { alerts } from './alerts';
import { autoscaling } from './autoscaling';
import { cdktfCli } from './cdktf-cli';
import { checkov } from './checkov';
import { clients } from './clients';
import { controlPlane } from './control-plane';
import { docs } from './docs';
import { helm } from './helm';
import { images } from './images';
import { modelSigning } from './model-signing';
import { metricNames } from './metric-names';
import { objectStores } from './object-stores';
import { packaged } from './package';
import { providerFacts } from './provider-facts';
import { responseCache } from './response-cache';
import { schemas } from './schemas';
import { schemathesis } from './schemathesis';
import type { Suite } from './suite';
import { terraform } from './terraform';
import { terraformExpressions } from './terraform-expressions';

/** Every suite, in the order in which they run: the cheap ones first. */
export const suites: readonly Suite[] = [
  schemas,
  providerFacts,
  helm,
  packaged,
  metricNames,
  alerts,
  cdktfCli,
  checkov,
  modelSigning,
  clients,
  docs,
  schemathesis,
  responseCache,
  objectStores,
  images,
  terraformExpressions,
  terraform,
  controlPlane,
  autoscaling,
];

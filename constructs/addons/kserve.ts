import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

const NAMESPACE = 'kserve';

/**
 * The definitions of KServe, in a release of their own, so that they stay when the controller goes. Their chart takes no
 * values, so nothing keeps them, and the InferenceServices, when this release is removed too.
 *
 * @see https://kserve.github.io/website/docs/admin-guide/overview
 */
export function kserveCrd(): Addon {
  return {
    name: 'kserve-crd',
    layer: '00-crds',
    namespace: NAMESPACE,
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.kserveCrd,
    provides: ['serving.kserve.io'],
  };
}

/** The controller of KServe, with plain Deployments and autoscalers: Knative is not needed. cert-manager signs its webhooks. */
export function kserve(): Addon {
  return {
    name: 'kserve',
    layer: '10-operators',
    namespace: NAMESPACE,
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.kserve,
    values: { kserve: { controller: { deploymentMode: 'Standard' } } },
    serves: ['serving.kserve.io'],
    after: ['cert-manager'],
  };
}

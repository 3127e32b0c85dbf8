import { SYSTEM_TOLERATION } from '../scheduling';
import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Flux, installed once by Terraform; it pulls everything else. @see https://fluxcd.io/flux/ */
export function flux(): Addon {
  return {
    name: 'flux',
    layer: '10-operators',
    namespace: 'flux-system',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.flux,
    values: {
      installCRDs: true,
      crds: { annotations: { 'helm.sh/resource-policy': 'keep' } },
      imageAutomationController: { create: false },
      imageReflectionController: { create: false },
      // It installs what brings the other nodes, so it runs on those that are there first.
      sourceController: { tolerations: [SYSTEM_TOLERATION] },
      kustomizeController: { tolerations: [SYSTEM_TOLERATION] },
      helmController: { tolerations: [SYSTEM_TOLERATION] },
      notificationController: { tolerations: [SYSTEM_TOLERATION] },
      cli: { tolerations: [SYSTEM_TOLERATION] },
      multitenancy: { enabled: false },
    },
    provides: ['source.toolkit.fluxcd.io', 'kustomize.toolkit.fluxcd.io', 'helm.toolkit.fluxcd.io'],
  };
}

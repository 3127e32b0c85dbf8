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
      multitenancy: { enabled: false },
    },
    provides: ['source.toolkit.fluxcd.io', 'kustomize.toolkit.fluxcd.io', 'helm.toolkit.fluxcd.io'],
  };
}

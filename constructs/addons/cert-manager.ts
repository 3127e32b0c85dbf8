import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** cert-manager. Its chart carries the definitions and keeps them. @see https://cert-manager.io/docs/installation/helm/ */
export function certManager(): Addon {
  return {
    name: 'cert-manager',
    layer: '10-operators',
    namespace: 'cert-manager',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.certManager,
    values: { crds: { enabled: true, keep: true } },
    provides: ['cert-manager.io', 'acme.cert-manager.io'],
  };
}

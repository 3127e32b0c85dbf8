import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/**
 * Backups of CloudNativePG to an object store. It needs cert-manager, and carries its own definition.
 *
 * @see https://cloudnative-pg.io/plugin-barman-cloud/
 */
export function barmanCloudPlugin(): Addon {
  return {
    name: 'plugin-barman-cloud',
    layer: '10-operators',
    namespace: 'cnpg-system',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.barmanCloudPlugin,
    provides: ['barmancloud.cnpg.io'],
    after: ['cert-manager', 'cloudnative-pg'],
  };
}

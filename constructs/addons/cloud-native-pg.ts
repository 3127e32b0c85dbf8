import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** CloudNativePG: PostgreSQL clusters. Its chart carries the definitions. @see https://cloudnative-pg.io/documentation/current/ */
export function cloudNativePg(): Addon {
  return {
    name: 'cloudnative-pg',
    layer: '10-operators',
    namespace: 'cnpg-system',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.cloudNativePg,
    values: {
      crds: { create: true },
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '256Mi' } },
    },
    provides: ['postgresql.cnpg.io'],
  };
}

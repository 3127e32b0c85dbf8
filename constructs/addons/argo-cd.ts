import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Argo CD, installed once by Terraform; it pulls everything else. @see https://argo-cd.readthedocs.io/ */
export function argoCd(): Addon {
  return {
    name: 'argo-cd',
    layer: '10-operators',
    namespace: 'argocd',
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.argoCd,
    values: {
      crds: { install: true, keep: true },
      dex: { enabled: false },
      configs: { params: { 'server.insecure': false } },
      controller: { metrics: { enabled: true } },
    },
    provides: ['argoproj.io'],
  };
}

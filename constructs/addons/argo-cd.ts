import { SYSTEM_TOLERATION } from '../scheduling';
import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/**
 * Argo CD stopped judging the health of Applications by itself; without this, sync waves of an application of applications
 * do not wait for one another.
 *
 * @see https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#argocd-app
 */
const APPLICATION_HEALTH = [
  'hs = { status = "Progressing", message = "" }',
  'if obj.status ~= nil and obj.status.health ~= nil then',
  '  hs.status = obj.status.health.status',
  '  hs.message = obj.status.health.message or ""',
  'end',
  'return hs',
  '',
].join('\n');

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
      // It installs what brings the other nodes, so it runs on those that are there first.
      global: { tolerations: [SYSTEM_TOLERATION] },
      dex: { enabled: false },
      configs: {
        params: { 'server.insecure': false },
        cm: { 'resource.customizations.health.argoproj.io_Application': APPLICATION_HEALTH },
      },
      controller: { metrics: { enabled: true } },
    },
    provides: ['argoproj.io'],
  };
}

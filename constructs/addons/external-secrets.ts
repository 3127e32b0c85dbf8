import type { Addon } from './addon';
import { CATALOGUE } from './catalogue';

/** Where the operator runs; clouds bind its identity to this service account. */
export const EXTERNAL_SECRETS = { namespace: 'external-secrets', serviceAccountName: 'external-secrets' } as const;

/** Options of {@link externalSecrets}. */
export interface ExternalSecretsOptions {
  /** Service account of the operator. @default - that of {@link EXTERNAL_SECRETS} */
  readonly serviceAccountName?: string;
  /** Annotations of the service account, for clouds that bind an identity that way; may be late-bound. @default {} */
  readonly serviceAccountAnnotations?: Readonly<Record<string, string>>;
  /** Labels of the pods, for the same purpose. @default {} */
  readonly podLabels?: Readonly<Record<string, string>>;
}

/**
 * The External Secrets operator. No chart with its definitions alone is published: it carries them, and keeps them when
 * it is removed, because removing them would remove every secret that was made from one.
 *
 * @see https://external-secrets.io/latest/
 */
export function externalSecrets(options: ExternalSecretsOptions = {}): Addon {
  return {
    name: 'external-secrets',
    layer: '10-operators',
    namespace: EXTERNAL_SECRETS.namespace,
    podSecurity: { level: 'restricted' },
    chart: CATALOGUE.externalSecrets,
    values: {
      installCRDs: true,
      crds: { annotations: { 'helm.sh/resource-policy': 'keep' } },
      serviceAccount: {
        create: true,
        name: options.serviceAccountName ?? EXTERNAL_SECRETS.serviceAccountName,
        annotations: options.serviceAccountAnnotations ?? {},
      },
      podLabels: options.podLabels ?? {},
      replicaCount: 2,
      leaderElect: true,
      serviceMonitor: { enabled: false },
    },
    provides: ['external-secrets.io', 'generators.external-secrets.io'],
  };
}

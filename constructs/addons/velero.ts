import type { Addon } from './addon';
import { ADDON_IMAGES, CATALOGUE } from './catalogue';

/** Where Velero runs; clouds bind its identity to this service account. */
export const VELERO = { namespace: 'velero', serviceAccountName: 'velero' } as const;

/** Options of {@link velero}. Strings may be late-bound. */
export interface VeleroOptions {
  /** Bucket of an S3 or S3-compatible store. */
  readonly bucket: string;
  /** Folder inside the bucket. @default 'velero' */
  readonly prefix?: string;
  /** Region of the bucket; S3-compatible stores accept any. @default 'us-east-1' */
  readonly region?: string;
  /** URL of an S3-compatible store. @default - AWS */
  readonly s3Url?: string;
  /**
   * Secret of Velero's namespace with a credentials file under `cloud`. It is read when a backup runs and may come later
   * than Velero: External Secrets writes it in a later layer. @default - the pod's own identity
   */
  readonly credentialsSecret?: string;
  /** Days that backups are kept. @default 35 */
  readonly retentionDays?: number;
  /** Hour of the day (UTC) of the daily backup. @default 3 */
  readonly hour?: number;
  /** Namespaces to back up. @default - all */
  readonly namespaces?: readonly string[];
}

/** Velero with one store and a daily backup of objects and volumes. @see https://velero.io/docs/ */
export function velero(options: VeleroOptions): Addon {
  const { credentialsSecret, retentionDays = 35, hour = 3 } = options;
  const config = {
    region: options.region ?? 'us-east-1',
    ...(options.s3Url === undefined ? {} : { s3Url: options.s3Url, s3ForcePathStyle: 'true' }),
  };
  const plugin = {
    name: 'velero-plugin-for-aws',
    image: ADDON_IMAGES.veleroPluginForAws,
    volumeMounts: [{ mountPath: '/target', name: 'plugins' }],
  };
  return {
    name: 'velero',
    layer: '10-operators',
    namespace: VELERO.namespace,
    podSecurity: { level: 'privileged', reason: 'the node agent reads the volumes of pods from the node' },
    chart: CATALOGUE.velero,
    values: {
      initContainers: [plugin],
      serviceAccount: { server: { create: true, name: VELERO.serviceAccountName } },
      credentials: { useSecret: false },
      deployNodeAgent: true,
      snapshotsEnabled: false,
      configuration: {
        defaultVolumesToFsBackup: true,
        backupStorageLocation: [
          {
            name: 'default',
            default: true,
            provider: 'aws',
            bucket: options.bucket,
            prefix: options.prefix ?? 'velero',
            config,
            ...(credentialsSecret === undefined ? {} : { credential: { name: credentialsSecret, key: 'cloud' } }),
          },
        ],
        volumeSnapshotLocation: [],
      },
      schedules: {
        daily: {
          disabled: false,
          schedule: `0 ${hour} * * *`,
          template: { ttl: `${retentionDays * 24}h0m0s`, includedNamespaces: options.namespaces ?? ['*'] },
        },
      },
    },
    provides: ['velero.io'],
  };
}

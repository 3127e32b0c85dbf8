import { GPU_TAINT } from '../scheduling';
import type { Addon, HelmValues } from './addon';
import { ADDON_IMAGES, CATALOGUE } from './catalogue';

const RELEASE = 'velero';

/** Where Velero runs; clouds bind its identity to this service account. */
export const VELERO = { namespace: 'velero', serviceAccountName: 'velero' } as const;

/** Volumes that are left out: what is in them is lost with the pod in any case, and caches of models are large. */
const VOLUME_POLICY = {
  name: 'volume-policy',
  rules: { version: 'v1', volumePolicies: [{ conditions: { volumeTypes: ['emptyDir'] }, action: { type: 'skip' } }] },
} as const;

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

/** Velero with one store and a daily backup of objects and of volumes that outlive their pods. @see https://velero.io/docs/ */
export function velero(options: VeleroOptions): Addon {
  return {
    name: RELEASE,
    layer: '10-operators',
    namespace: VELERO.namespace,
    podSecurity: { level: 'privileged', reason: 'the node agent reads the volumes of pods from the node' },
    chart: CATALOGUE.velero,
    values: {
      initContainers: [
        {
          name: 'velero-plugin-for-aws',
          image: ADDON_IMAGES.veleroPluginForAws,
          volumeMounts: [{ mountPath: '/target', name: 'plugins' }],
        },
      ],
      serviceAccount: { server: { create: true, name: VELERO.serviceAccountName } },
      credentials: { useSecret: false },
      deployNodeAgent: true,
      // Where no agent runs, the volumes of pods are left out of the backup.
      nodeAgent: { tolerations: [{ key: GPU_TAINT.key, operator: 'Exists', effect: GPU_TAINT.effect }] },
      snapshotsEnabled: false,
      configuration: {
        defaultVolumesToFsBackup: true,
        backupStorageLocation: [location(options)],
        volumeSnapshotLocation: [],
      },
      configMaps: { [VOLUME_POLICY.name]: { data: { 'policy.yaml': JSON.stringify(VOLUME_POLICY.rules) } } },
      schedules: { daily: daily(options) },
    },
    provides: ['velero.io'],
  };
}

function location({ bucket, credentialsSecret, prefix, region, s3Url }: VeleroOptions): HelmValues {
  return {
    name: 'default',
    default: true,
    provider: 'aws',
    bucket,
    prefix: prefix ?? 'velero',
    config: {
      region: region ?? 'us-east-1',
      ...(s3Url === undefined ? {} : { s3Url, s3ForcePathStyle: 'true' }),
    },
    ...(credentialsSecret === undefined ? {} : { credential: { name: credentialsSecret, key: 'cloud' } }),
  };
}

function daily({ hour = 3, namespaces, retentionDays = 35 }: VeleroOptions): HelmValues {
  return {
    disabled: false,
    schedule: `0 ${hour} * * *`,
    template: {
      ttl: `${retentionDays * 24}h0m0s`,
      includedNamespaces: namespaces ?? ['*'],
      // The chart puts the name of its release before that of a ConfigMap.
      resourcePolicy: { kind: 'configmap', name: `${RELEASE}-${VOLUME_POLICY.name}` },
    },
  };
}

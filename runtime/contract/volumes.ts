/** Mount paths inside LNMT's images. Everything else of the root file system is read-only. */
export const VOLUMES = {
  /** Scratch space; a sized emptyDir. */
  tmp: '/tmp',
  /** Downloaded, digest-checked model files; a sized emptyDir or a cache volume. */
  modelCache: '/var/cache/lnmt/models',
  /** API-key file, mounted from a Secret; re-read when it changes. */
  apiKeys: '/etc/lnmt/api-keys',
  /** Files that settings name, mounted from a ConfigMap. */
  files: '/etc/lnmt/files',
  /** Files that settings name and that are secret, mounted from Secrets; followed as they change where the setting says so. */
  secretFiles: '/etc/lnmt/secrets',
  /** Certificate and key of the listeners, mounted from a Secret; re-read when they change. */
  tls: '/etc/lnmt/tls',
  /** Audit logs that outlive their pods; a persistent volume. */
  audit: '/var/lib/lnmt/audit',
  /** Telemetry that its collector has not taken; a sized emptyDir. */
  telemetry: '/var/lib/lnmt/telemetry',
  /** Checkpoints of a training job. */
  checkpoints: '/var/lib/lnmt/checkpoints',
  /** Parallel scratch of a training job. */
  scratch: '/scratch',
  /** Shared memory for collective communication; a memory emptyDir. */
  sharedMemory: '/dev/shm',
} as const;

/** Names of the volumes in pod specifications. */
export const VOLUME_NAMES = {
  tmp: 'tmp',
  modelCache: 'model-cache',
  apiKeys: 'api-keys',
  files: 'files',
  secretFiles: 'secret-files',
  tls: 'tls',
  audit: 'audit',
  telemetry: 'telemetry',
  checkpoints: 'checkpoints',
  scratch: 'scratch',
  sharedMemory: 'shared-memory',
} as const satisfies Record<keyof typeof VOLUMES, string>;

/** File inside {@link VOLUMES.apiKeys}, and key of the Secret: a JSON document `{"keys":[{id, sha256, scopes, expires?, limits?}]}`. */
export const API_KEYS_FILE = 'keys.json';

/** Files inside {@link VOLUMES.tls}, and keys of a Secret of the type `kubernetes.io/tls`. */
export const TLS_FILES = { cert: 'tls.crt', key: 'tls.key' } as const;

/** User and group that LNMT's images run as: numeric, so that `runAsNonRoot` can be checked; ≥ 10000, as scanners ask. */
export const RUN_AS = { user: 10001, group: 10001 } as const;

/** Images of others that the in-cluster databases run, in one place. Official ones only. */
export const THIRD_PARTY_IMAGES = {
  /** Of the CloudNativePG project; the tag follows the PostgreSQL major. @see https://github.com/cloudnative-pg/postgres-containers */
  postgres: (major: string) => `ghcr.io/cloudnative-pg/postgresql:${major}-standard-bookworm`,
  /** @see https://hub.docker.com/r/valkey/valkey */
  valkey: 'docker.io/valkey/valkey:8.1.4-alpine',
} as const;

/** Version of MongoDB's community server that the operator runs. */
export const MONGODB_VERSION = '8.0.12';

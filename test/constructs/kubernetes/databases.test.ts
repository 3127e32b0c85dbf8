import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { MongoDb, ObjectBucket, PostgresCluster, Valkey } from '../../../constructs/kubernetes';
import type { MongoDbProps, PostgresClusterProps, ValkeyProps } from '../../../constructs/kubernetes';
import { checkManifests } from '../../support/kubernetes-check';
import { checkPodSecurity } from '../../support/pod-security';
import type { Json } from '../../support/terraform-json';
import { at, objectOf, render } from './support';

const CLIENTS = [{ description: 'models', namespace: { name: 'models' } }];

describe('a PostgreSQL cluster', () => {
  const postgres = (props: Partial<PostgresClusterProps> = {}) =>
    render((scope) => new PostgresCluster(scope, 'db', { name: 'registry', namespace: 'databases', ...props }));
  const cluster = (props: Partial<PostgresClusterProps> = {}): Json | undefined =>
    at(objectOf(postgres(props), 'Cluster'), 'spec');

  test('has three instances on nodes of their own and takes no password in the clear', () => {
    expect(cluster()).toMatchObject({
      instances: 3,
      affinity: { enablePodAntiAffinity: true, topologyKey: 'kubernetes.io/hostname' },
      postgresql: { pg_hba: ['hostnossl all all all reject'] },
      enableSuperuserAccess: false,
    });
  });

  test('loses no commit with three instances, and does not wait for a copy it has not', () => {
    expect(at(cluster(), 'postgresql.synchronous')).toEqual({ method: 'any', number: 1 });
    expect(at(cluster({ instances: 2 }), 'postgresql.synchronous')).toBeUndefined();
  });

  test('is reached by its clients, by the operator and by itself', () => {
    const ingress = at(objectOf(postgres({ clients: CLIENTS }), 'NetworkPolicy'), 'spec.ingress') as Json[];
    expect(ingress.map((rule) => at(rule, 'ports'))).toEqual([
      undefined,
      [{ port: 5432, protocol: 'TCP' }],
      [
        { port: 8000, protocol: 'TCP' },
        { port: 5432, protocol: 'TCP' },
      ],
    ]);
  });

  test('is backed up through the plugin, daily, only when asked', () => {
    const backup = { destination: 's3://backups/db', credentialsSecret: 'backups', hour: 4, retentionDays: 30 };
    const manifests = postgres({ backup });
    expect(at(objectOf(manifests, 'ScheduledBackup'), 'spec')).toMatchObject({
      schedule: '0 0 4 * * *',
      method: 'plugin',
      pluginConfiguration: { name: 'barman-cloud.cloudnative-pg.io' },
    });
    expect(at(objectOf(manifests, 'ObjectStore'), 'spec.retentionPolicy')).toBe('30d');
    expect(at(cluster({ backup }), 'plugins.0')).toMatchObject({ isWALArchiver: true });
    expect(at(cluster(), 'plugins')).toBeUndefined();
  });

  test('refuses to run without an instance', () => {
    expect(() => postgres({ instances: 0 })).toThrow('LNMT1002 [chart/db]: instances is out of range; got 0 instances');
  });
});

describe('a Valkey', () => {
  const valkey = (props: Partial<ValkeyProps> = {}) =>
    render(
      (scope) =>
        new Valkey(scope, 'cache', {
          name: 'cache',
          namespace: 'databases',
          password: { secret: 'cache', key: 'password' },
          ...props,
        }),
    );
  const start = at(objectOf(valkey(), 'StatefulSet'), 'spec.template.spec.containers.0.command.2') as string;

  test('fits the schemas of its kinds, and its pods pass the restricted standard', async () => {
    const manifests = valkey();
    expect(await checkManifests(manifests)).toEqual({ faults: [], unmodelled: [], checked: manifests.length });
    expect(checkPodSecurity(manifests)).toEqual({ faults: [], pods: 1, relaxed: [] });
  });

  test('speaks TLS only, to its copies too', () => {
    const config = at(objectOf(valkey(), 'ConfigMap'), 'data') as Record<string, string>;
    const lines = (config['valkey.conf'] ?? '').split('\n');
    expect(lines).toEqual(expect.arrayContaining(['port 0', 'tls-port 6379', 'tls-replication yes']));
  });

  test('its password is neither in the configuration nor in the arguments', () => {
    const text = JSON.stringify(valkey());
    expect(text).not.toContain('--requirepass');
    expect(at(objectOf(valkey(), 'StatefulSet'), 'spec.template.spec.containers.0.env')).toEqual([
      { name: 'VALKEYCLI_AUTH', valueFrom: { secretKeyRef: { name: 'cache', key: 'password' } } },
    ]);
  });

  test.each([
    ['cache-0', 'requirepass "a\\"b\\\\$c"\nprimaryauth "a\\"b\\\\$c"\n\n'],
    ['cache-1', 'requirepass "a\\"b\\\\$c"\nprimaryauth "a\\"b\\\\$c"\nreplicaof cache-0.cache 6379\n'],
  ])('%s is told on standard input whom to follow', (host, expected) => {
    // The real shell runs the real script; only the server is replaced by one that repeats what it is told.
    const script = start.replace('exec valkey-server /etc/valkey/valkey.conf -', 'exec cat');
    expect(
      execFileSync('sh', ['-c', script], {
        env: { HOSTNAME: host, VALKEYCLI_AUTH: 'a"b\\$c', PATH: process.env['PATH'] },
      }).toString(),
    ).toBe(expected);
  });

  test('clients write to the first pod, under a name that its certificate has', () => {
    const manifests = valkey();
    expect(at(objectOf(manifests, 'Service', 'cache-primary'), 'spec.selector')).toMatchObject({
      'statefulset.kubernetes.io/pod-name': 'cache-0',
    });
    expect(at(objectOf(manifests, 'Certificate', 'cache-tls'), 'spec.dnsNames')).toContain(
      'cache-primary.databases.svc',
    );
  });

  test('an issuer of the cluster signs in place of an own authority', () => {
    const manifests = valkey({ issuer: { name: 'company' } });
    expect(manifests.filter((m) => m.kind === 'Issuer')).toEqual([]);
    expect(at(objectOf(manifests, 'Certificate'), 'spec.issuerRef')).toMatchObject({
      name: 'company',
      kind: 'ClusterIssuer',
    });
  });

  test('refuses a negative number of copies', () => {
    expect(() => valkey({ replicas: -1 })).toThrow('replicas is out of range; got -1 copies');
  });
});

describe('a MongoDB replica set', () => {
  const mongo = (props: Partial<MongoDbProps> = {}) =>
    render(
      (scope) =>
        new MongoDb(scope, 'db', { name: 'documents', namespace: 'databases', passwordSecret: 'owner', ...props }),
    );

  test('has three members, TLS and SCRAM', () => {
    expect(at(objectOf(mongo(), 'MongoDBCommunity'), 'spec')).toMatchObject({
      type: 'ReplicaSet',
      members: 3,
      security: {
        authentication: { modes: ['SCRAM'] },
        tls: { enabled: true, certificateKeySecretRef: { name: 'documents-tls' } },
      },
      users: [
        { name: 'lnmt', db: 'lnmt', passwordSecretRef: { name: 'owner' }, roles: [{ name: 'dbOwner', db: 'lnmt' }] },
      ],
    });
  });

  test('the certificate has the names of the members', () => {
    expect(at(objectOf(mongo(), 'Certificate', 'documents-tls'), 'spec.dnsNames')).toContain(
      '*.documents-svc.databases.svc.cluster.local',
    );
  });

  test('refuses an even number of members', () => {
    expect(() => mongo({ members: 2 })).toThrow(
      'LNMT3013 [chart/db]: members must be an odd number; got 2 members; allowed: 1, 3, 5 or 7',
    );
  });

  test('refuses a volume of nothing', () => {
    expect(() => mongo({ storageGiB: 0 })).toThrow('storageGiB is out of range; got 0 GiB');
  });
});

describe('an object bucket', () => {
  const claim = { name: 'models', namespace: 'ml', bucketName: 'ml-models', storageClassName: 'rook-ceph-bucket' };
  const bucket = (maxSize?: string) =>
    render((scope) => new ObjectBucket(scope, 'bucket', { ...claim, ...(maxSize === undefined ? {} : { maxSize }) }));

  test('is claimed by name from the class', () => {
    expect(at(objectOf(bucket('500Gi'), 'ObjectBucketClaim'), 'spec')).toEqual({
      bucketName: 'ml-models',
      storageClassName: 'rook-ceph-bucket',
      additionalConfig: { maxSize: '500Gi' },
    });
  });

  test('refuses a size that is no quantity', () => {
    expect(() => bucket('huge')).toThrow('LNMT3003: maxSize is not a quantity; got "huge"');
  });
});

import { OnPremFileStorage, OnPremFileStore, OnPremObjectStorage, OnPremObjectStore, OnPremSecrets } from 'lnmt/onprem';
import { FakeCloud, renderObjects, synthTerraform } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import type { IObjectStore, IWorkloadIdentity } from 'lnmt';
import { addonsOf, Bench, objectsOf } from './site';

function identity(bench: Bench, namespace: string): IWorkloadIdentity {
  return bench.cloud.security.workloadIdentity(bench.stack, `identity-${namespace}`, {
    cluster: bench.cluster,
    namespace,
    serviceAccountName: 'digits',
    naming: ['ml', namespace],
  });
}

const bucketClaim = OnPremObjectStorage.bucketClaim({
  storageClass: 'rook-ceph-bucket',
  endpoint: 'http://rook-ceph-rgw-store.rook-ceph.svc',
});

describe('an object store on the bucket of a site', () => {
  const store = (bench = new Bench()): IObjectStore =>
    bench.cloud.storage.objectStore(bench.stack, 'models', { naming: ['ml', 'models'] });

  it('is a folder of the bucket, reached with the endpoint and the credentials from a Secret', () => {
    const { binding, uri } = store();
    expect(uri).toBe('s3://lnmt/ml-models');
    expect(binding).toEqual({
      env: { LNMT_S3_ENDPOINT: 'https://s3.example.com:9000', AWS_REGION: 'us-east-1' },
      secretEnv: {
        AWS_ACCESS_KEY_ID: { secret: 'ml-models-s3', key: 'AWS_ACCESS_KEY_ID' },
        AWS_SECRET_ACCESS_KEY: { secret: 'ml-models-s3', key: 'AWS_SECRET_ACCESS_KEY' },
      },
      egress: [
        {
          description: 'S3-compatible store at https://s3.example.com:9000',
          cidrs: ['10.20.0.0/16'],
          ports: [{ port: 9000, protocol: 'TCP' }],
        },
      ],
    });
  });

  it('brings its credentials into namespaces with a grant and into no other, however late the grant', () => {
    const bench = new Bench();
    const models = store(bench);
    expect(renderObjects(models.kubernetes)).toEqual([]);
    models.grants.read(identity(bench, 'inference'));
    models.grants.readWrite(identity(bench, 'training'));
    models.grants.read(identity(bench, 'a-third'));
    const [secret] = objectsOf(models, 'ClusterExternalSecret');
    expect(secret).toMatchObject({
      metadata: { name: 'ml-models-s3' },
      spec: {
        externalSecretName: 'ml-models-s3',
        namespaceSelectors: ['a-third', 'inference', 'training'].map((name) => ({
          matchLabels: { 'kubernetes.io/metadata.name': name },
        })),
        externalSecretSpec: {
          secretStoreRef: { kind: 'ClusterSecretStore', name: 'lnmt' },
          data: [
            { secretKey: 'AWS_ACCESS_KEY_ID', remoteRef: { key: 'ml.s3', property: 'AWS_ACCESS_KEY_ID' } },
            { secretKey: 'AWS_SECRET_ACCESS_KEY', remoteRef: { key: 'ml.s3', property: 'AWS_SECRET_ACCESS_KEY' } },
          ],
        },
      },
    });
  });

  it('makes no Terraform resource and cannot be asked while Terraform plans', () => {
    const bench = new Bench();
    const models = store(bench);
    expect(models.objectExists(bench.stack, 'check', 'digits/3/manifest.json', 'missing')).toBeUndefined();
    expect(synthTerraform(bench.stack).addresses()).toEqual([]);
  });
});

describe('an object store that is claimed', () => {
  it('is a bucket of its own that outlives its release', () => {
    const bench = new Bench({ objectStore: bucketClaim });
    const store = bench.cloud.storage.objectStore(bench.stack, 'models', { naming: ['ml', 'models'] });
    expect(store.uri).toBe('s3://ml-models');
    expect(objectsOf(store, 'ObjectBucketClaim')).toMatchObject([
      {
        metadata: { name: 'ml-models', namespace: 'lnmt-secrets', annotations: { 'helm.sh/resource-policy': 'keep' } },
        spec: { bucketName: 'ml-models', storageClassName: 'rook-ceph-bucket' },
      },
    ]);
    expect(store.binding.egress).toMatchObject([{ namespace: { name: 'rook-ceph' }, ports: [{ port: 8080 }] }]);
  });

  it('goes with its release when it is to be destroyed', () => {
    const bench = new Bench({ objectStore: bucketClaim });
    const props = { naming: ['ml', 'models'], onRemoval: 'destroy' } as const;
    const [claim] = objectsOf(bench.cloud.storage.objectStore(bench.stack, 'models', props), 'ObjectBucketClaim');
    expect(JSON.stringify(claim)).not.toContain('resource-policy');
  });

  it('refuses a secret backend that cannot read its credentials', () => {
    const secrets = OnPremSecrets.vault({ server: 'https://vault.example.com', role: 'lnmt' });
    expect(() => new Bench({ objectStore: bucketClaim, secrets })).toThrow(
      'LNMT2304: objectStore claims buckets, whose credentials secrets cannot read; got secrets from vault; ' +
        'allowed: OnPremSecrets.kubernetes(); use OnPremSecrets.kubernetes(), or OnPremObjectStorage.s3()',
    );
  });
});

describe('an object store that exists', () => {
  it('is adopted with its own server', () => {
    const bench = new Bench();
    const store = OnPremObjectStore.fromS3(bench.stack, 'store', {
      endpoint: 'http://minio.example.com',
      bucket: 'old',
      credentialsSecret: ['old'],
      cidrs: ['198.51.100.7/32'],
    });
    expect(store).toMatchObject({ uri: 's3://old', cloud: 'onprem', credentialsKey: 'old' });
    expect(store.binding.egress).toMatchObject([{ cidrs: ['198.51.100.7/32'], ports: [{ port: 80 }] }]);
  });

  it('has a URI in which the name of its folder is encoded', () => {
    const store = OnPremObjectStore.fromS3(new Bench().stack, 'store', {
      ...{ endpoint: 'http://minio.example.com', bucket: 'old', credentialsSecret: ['old'], cidrs: [] },
      prefix: 'my models/100%',
    });
    expect(store).toMatchObject({ uri: 's3://old/my%20models/100%25', prefix: 'my models/100%' });
  });

  it.each(['s3.example.com', 'https://s3.example.com/bucket', 'ftp://s3.example.com', ''])(
    'refuses %j as endpoint',
    (endpoint) => {
      expect(() => OnPremObjectStorage.s3({ endpoint, bucket: 'b', credentialsSecret: ['s'] })).toThrow(
        `LNMT2305: OnPremObjectStorage.s3 endpoint is not the URL of a server; got ${JSON.stringify(endpoint)}; ` +
          'allowed: http:// or https:// with host and optional port, without a path; correct OnPremObjectStorage.s3 endpoint',
      );
    },
  );
});

describe('a file store', () => {
  it('is the shared class on an NFS server, through its driver', () => {
    const { cloud, placed, stack } = new Bench();
    const store = cloud.storage.fileStore(stack, 'files', { ...placed, naming: ['ml', 'files'] });
    expect(store.storageClassName).toBe('lnmt-shared');
    expect(store.kubernetes.addons[0]?.values).toMatchObject({
      storageClass: { name: 'lnmt-shared', parameters: { server: 'nfs.example.com', share: '/export/lnmt' } },
    });
  });

  it('is the shared class on a driver that the cluster has', () => {
    const fileStore = OnPremFileStorage.csi({
      provisioner: 'rook-ceph.cephfs.csi.ceph.com',
      parameters: { fsName: 'a' },
    });
    const { cloud, placed, stack } = new Bench({ fileStore });
    const store = cloud.storage.fileStore(stack, 'files', { ...placed, naming: ['ml', 'files'] });
    expect(addonsOf(store)).toEqual([]);
    expect(objectsOf(store, 'StorageClass')).toMatchObject([
      { metadata: { name: 'lnmt-shared' }, provisioner: 'rook-ceph.cephfs.csi.ceph.com', reclaimPolicy: 'Retain' },
    ]);
  });

  it('is adopted under its own name', () => {
    expect(OnPremFileStore.fromStorageClass(new Bench().stack, 'files', 'nfs').storageClassName).toBe('nfs');
  });
});

describe('parallel scratch', () => {
  it('is one claim in each namespace that asks for it', () => {
    const { cloud, placed, stack } = new Bench({ parallelStorageClass: 'cephfs-fast' });
    const scratch = cloud.storage.parallelFileStore(stack, 'scratch', { ...placed, naming: ['ml'], sizeGiB: 50 });
    const names = ['training', 'training', 'notebooks'].map((namespace) => scratch.claim(namespace).claimName);
    expect(new Set(names)).toEqual(new Set(['ml-scratch']));
    expect(objectsOf(scratch, 'PersistentVolumeClaim').map((claim) => claim['metadata'])).toMatchObject([
      { name: 'ml-scratch', namespace: 'notebooks' },
      { name: 'ml-scratch', namespace: 'training' },
    ]);
    expect(objectsOf(scratch, 'PersistentVolumeClaim')[0]).toMatchObject({
      spec: {
        accessModes: ['ReadWriteMany'],
        storageClassName: 'cephfs-fast',
        resources: { requests: { storage: '50Gi' } },
      },
    });
  });

  it('refuses a site without a parallel file system', () => {
    const { cloud, placed, stack } = new Bench();
    expect(() => cloud.storage.parallelFileStore(stack, 'scratch', { ...placed, naming: ['ml'] })).toThrow(
      'LNMT1007 [ml]: onprem does not offer parallel-file-store: the site states no parallel file system; ' +
        'set parallelStorageClass of OnPremCloud, or use the file store',
    );
  });
});

describe('a backup', () => {
  it('is written daily by Velero, with credentials that may come after it', () => {
    const { cloud, placed, stack } = new Bench();
    const store = cloud.storage.objectStore(stack, 'models', { naming: ['ml', 'models'] });
    const backup = cloud.operations.backup(stack, 'backup', { ...placed, naming: ['ml'], targets: [], store, hour: 5 });
    expect(backup.kubernetes.addons[0]?.values).toMatchObject({
      configuration: {
        backupStorageLocation: [
          {
            bucket: 'lnmt',
            prefix: 'ml-models/velero',
            config: { s3Url: 'https://s3.example.com:9000' },
            credential: { name: 'velero-store', key: 'cloud' },
          },
        ],
      },
      schedules: { daily: { schedule: '0 5 * * *', template: { ttl: '840h0m0s' } } },
    });
    expect(objectsOf(backup, 'ExternalSecret')).toMatchObject([
      {
        metadata: { name: 'velero-store', namespace: 'velero' },
        spec: {
          target: {
            template: {
              data: {
                cloud:
                  '[default]\naws_access_key_id={{ .AWS_ACCESS_KEY_ID }}\naws_secret_access_key={{ .AWS_SECRET_ACCESS_KEY }}\n',
              },
            },
          },
        },
      },
    ]);
  });

  it('refuses to be without a store', () => {
    const { cloud, placed, stack } = new Bench();
    expect(() => cloud.operations.backup(stack, 'backup', { ...placed, naming: ['ml'], targets: [] })).toThrow(
      'LNMT2306 [ml/backup]: backup has no store to write to; allowed: an object store of this target; pass store',
    );
  });

  it('refuses a store that only says it lives here', () => {
    const { cloud, placed, stack } = new Bench();
    const store = new FakeCloud({ name: 'onprem' }).storage.objectStore(stack, 'fake', { naming: ['ml'] });
    expect(() => cloud.operations.backup(stack, 'backup', { ...placed, naming: ['ml'], targets: [], store })).toThrow(
      'LNMT2303 [ml/backup]: store was not made by the on-premises constructs; got ml/fake; ' +
        'allowed: an object that OnPremCloud or OnPremObjectStore.fromS3 returned; adopt it with OnPremObjectStore.fromS3',
    );
  });
});

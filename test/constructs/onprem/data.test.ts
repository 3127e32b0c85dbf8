import { OnPremCache, OnPremCertificates, OnPremDatabase, OnPremDocumentStore, OnPremSecrets } from 'lnmt/onprem';
import { renderObjects } from 'lnmt/testing';
import type { IBuildingBlock } from 'lnmt';
import { describe, expect, it } from 'vitest';
import { checkPodSecurity } from '../../support/pod-security';
import { manifestOf } from '../../support/manifests';
import type { Json } from '../../support/terraform-json';
import { addonsOf, Bench, objectsOf } from './site';

const vault = OnPremSecrets.vault({ server: 'https://vault.example.com:8200', role: 'lnmt' });

function database(bench: Bench, options = {}): ReturnType<typeof bench.cloud.data.relationalDatabase> {
  return bench.cloud.data.relationalDatabase(bench.stack, 'database', {
    ...bench.placed,
    naming: ['ml', 'database'],
    ...options,
  });
}

function cache(bench: Bench, options = {}): ReturnType<typeof bench.cloud.data.cache> {
  return bench.cloud.data.cache(bench.stack, 'cache', { ...bench.placed, naming: ['ml', 'cache'], ...options });
}

const kinds = (block: IBuildingBlock): string[] => renderObjects(block.kubernetes).map(({ kind }) => kind);

describe('a database', () => {
  it('is a PostgreSQL of three instances that outlives its release', () => {
    const bench = new Bench({ blockStorageClass: 'ceph-block' });
    const block = database(bench, { vcpus: 4, memoryGiB: 16, storageGiB: 200 });
    expect(addonsOf(block)).toEqual(['cloudnative-pg']);
    expect(objectsOf(block, 'Cluster')).toMatchObject([
      {
        metadata: { namespace: 'ml-database', annotations: { 'helm.sh/resource-policy': 'keep' } },
        spec: {
          instances: 3,
          storage: { size: '200Gi', storageClass: 'ceph-block' },
          resources: { requests: { cpu: '4', memory: '16Gi' } },
          bootstrap: { initdb: { database: 'lnmt', owner: 'lnmt', secret: { name: 'owner' } } },
        },
      },
    ]);
  });

  it('has one instance when it need not be available', () => {
    expect(objectsOf(database(new Bench(), { highlyAvailable: false }), 'Cluster')).toMatchObject([
      { spec: { instances: 1 } },
    ]);
  });

  it('lives in a namespace of its own that is kept with it and admits restricted pods only', () => {
    expect(objectsOf(database(new Bench()), 'Namespace')).toMatchObject([
      {
        metadata: {
          name: 'ml-database',
          annotations: { 'helm.sh/resource-policy': 'keep' },
          labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
        },
      },
    ]);
  });

  it('keeps nothing that is to be destroyed', () => {
    const block = database(new Bench(), { onRemoval: 'destroy' });
    expect(JSON.stringify(renderObjects(block.kubernetes))).not.toContain('resource-policy');
  });

  it('has a password that is made once, and is found under one key', () => {
    const block = database(new Bench());
    expect(block.credentials?.externalKey).toBe('ml.database.owner');
    expect(objectsOf(block, 'Password')).toHaveLength(1);
    expect(objectsOf(block, 'ExternalSecret')).toMatchObject([
      {
        metadata: { name: 'ml.database.owner', namespace: 'lnmt-secrets' },
        spec: {
          refreshPolicy: 'CreatedOnce',
          target: { creationPolicy: 'Orphan', template: { data: { username: 'lnmt', password: '{{ .password }}' } } },
        },
      },
      {
        metadata: { name: 'owner', namespace: 'ml-database' },
        spec: {
          target: { template: { type: 'kubernetes.io/basic-auth' } },
          data: [
            { secretKey: 'username', remoteRef: { key: 'ml.database.owner', property: 'username' } },
            { secretKey: 'password', remoteRef: { key: 'ml.database.owner', property: 'password' } },
          ],
        },
      },
    ]);
  });

  it('reads a password that people wrote into Vault, and makes none', () => {
    const block = database(new Bench({ secrets: vault }));
    expect(block.credentials?.externalKey).toBe('ml/database/owner');
    expect(kinds(block)).not.toContain('Password');
  });

  it('lets in the servers of its platform, or the namespaces that the site states', () => {
    const peers = (block: IBuildingBlock): string => JSON.stringify(objectsOf(block, 'NetworkPolicy')[0]?.['spec']);
    expect(peers(database(new Bench()))).toContain('ml-inference');
    const own = peers(database(new Bench({ clientNamespaces: ['shop'] })));
    expect(own).toContain('"shop"');
    expect(own).not.toContain('ml-inference');
  });

  it('tells its clients where it is', () => {
    expect(database(new Bench())).toMatchObject({
      host: 'ml-database-rw.ml-database.svc',
      port: 5432,
      egress: [
        {
          namespace: { name: 'ml-database', podLabels: { 'cnpg.io/cluster': 'ml-database' } },
          ports: [{ port: 5432, protocol: 'TCP' }],
        },
      ],
    });
  });

  it('is adopted where one exists', () => {
    const block = OnPremDatabase.fromPostgres(new Bench().stack, 'old', {
      host: 'pg.example.com',
      cidrs: ['198.51.100.9/32'],
      credentialsKey: 'old/pg',
    });
    expect(block).toMatchObject({ host: 'pg.example.com', port: 5432, databaseName: 'lnmt', cloud: 'onprem' });
    expect(block.credentials?.externalKey).toBe('old/pg');
    expect(block.egress).toMatchObject([{ cidrs: ['198.51.100.9/32'], ports: [{ port: 5432 }] }]);
  });
});

describe('a cache', () => {
  it('is a Valkey with a password, TLS and restricted pods', () => {
    const block = cache(new Bench(), { memoryGiB: 4, replicas: 2 });
    const [set] = objectsOf(block, 'StatefulSet');
    expect(set).toMatchObject({
      metadata: { name: 'ml-cache', namespace: 'ml-cache', annotations: { 'helm.sh/resource-policy': 'keep' } },
      spec: { replicas: 3 },
    });
    expect(block).toMatchObject({ host: 'ml-cache-primary.ml-cache.svc', port: 6379, tls: true });
    const manifests = renderObjects(block.kubernetes).map(({ object }) => manifestOf(object as Json, 'cache'));
    expect(checkPodSecurity(manifests)).toMatchObject({ faults: [], pods: 1 });
  });

  it('brings cert-manager, or uses the issuer of the site', () => {
    expect(addonsOf(cache(new Bench()))).toEqual(['cert-manager']);
    const block = cache(new Bench({ certificates: OnPremCertificates.issuer('site') }));
    expect(addonsOf(block)).toEqual([]);
    expect(objectsOf(block, 'Certificate')).toMatchObject([
      { spec: { issuerRef: { name: 'site', kind: 'ClusterIssuer' } } },
    ]);
  });

  it('is adopted where one exists', () => {
    const block = OnPremCache.fromValkey(new Bench().stack, 'old', {
      host: 'valkey.example.com',
      cidrs: ['198.51.100.0/24'],
    });
    expect(block).toMatchObject({ host: 'valkey.example.com', port: 6379, tls: true, cloud: 'onprem' });
    expect(block.credentials).toBeUndefined();
  });
});

describe('a document store', () => {
  const build = (bench: Bench): ReturnType<typeof bench.cloud.data.documentStore> =>
    bench.cloud.data.documentStore(bench.stack, 'documents', { cluster: bench.cluster, naming: ['ml', 'documents'] });

  const account = (bench: Bench, namespace: string): Parameters<ReturnType<typeof build>['grants']['readWrite']>[0] =>
    bench.cloud.security.workloadIdentity(bench.stack, namespace, {
      cluster: bench.cluster,
      namespace,
      serviceAccountName: 'a',
      naming: ['ml', namespace],
    });

  it('is a MongoDB that lets nobody in until somebody is granted', () => {
    const bench = new Bench();
    const block = build(bench);
    expect(block.api).toBe('mongodb');
    expect(addonsOf(block)).toEqual(['mongodb-kubernetes', 'cert-manager']);
    const closed = JSON.stringify(objectsOf(block, 'NetworkPolicy'));
    expect(closed).not.toContain('metadata.name');
    expect(kinds(block)).not.toContain('ClusterExternalSecret');
  });

  it('opens its port and hands out its password by a grant', () => {
    const bench = new Bench();
    const block = build(bench);
    block.grants.readWrite(account(bench, 'models'));
    expect(JSON.stringify(objectsOf(block, 'NetworkPolicy'))).toContain('"kubernetes.io/metadata.name":"models"');
    expect(objectsOf(block, 'ClusterExternalSecret')).toMatchObject([
      { spec: { namespaceSelectors: [{ matchLabels: { 'kubernetes.io/metadata.name': 'models' } }] } },
    ]);
  });

  it('shares its namespace with a second one', () => {
    const bench = new Bench();
    const second = (): IBuildingBlock =>
      bench.cloud.data.documentStore(bench.stack, 'second', { cluster: bench.cluster, naming: ['ml', 'second'] });
    const blocks = [build(bench), second()];
    expect(blocks.flatMap((block) => objectsOf(block, 'Namespace'))).toHaveLength(1);
  });

  it('is adopted where one exists', () => {
    const bench = new Bench();
    const block = OnPremDocumentStore.fromMongoDb(bench.stack, 'old', {
      databaseName: 'crm',
      credentialsKey: 'old-mongo',
    });
    block.grants.readWrite(account(bench, 'models'));
    expect(block).toMatchObject({ storeName: 'crm', api: 'mongodb' });
    expect(kinds(block)).toEqual(['ClusterExternalSecret']);
  });
});

import { ClusterAccess } from 'lnmt';
import { OnPremCertificates, OnPremCloud, OnPremSecrets } from 'lnmt/onprem';
import { renderObjects, synthTerraform, testStack } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { addonsOf, Bench, objectsOf, SITE } from './site';

describe('the network', () => {
  it('is the range that the site states', () => {
    expect(new Bench().network).toMatchObject({ cidr: '10.20.0.0/16', cloud: 'onprem' });
  });

  it('refuses another range', () => {
    const { cloud, stack } = new Bench();
    expect(() => cloud.compute.network(stack, 'other', { naming: ['ml'], cidr: '10.0.0.0/16' })).toThrow(
      'LNMT2302 [ml/other]: cidr is not that of the adopted network; got 10.0.0.0/16; allowed: 10.20.0.0/16; ' +
        'leave cidr out here and state the range in network.cidr of OnPremCloud',
    );
  });
});

describe('the cluster', () => {
  it('is reached through a kubeconfig whose path the deployer gives', () => {
    expect(new Bench().cluster).toMatchObject({
      clusterName: 'plant-7',
      connection: { kind: 'kubeconfig' },
      kubeconfigCommand: 'kubectl config view --minify',
    });
    const kubeconfig = { path: '/etc/lnmt/kubeconfig', context: 'plant-7' };
    expect(new Bench({ kubeconfig }).cluster).toMatchObject({
      connection: { kind: 'kubeconfig', ...kubeconfig },
      kubeconfigCommand: 'kubectl --kubeconfig /etc/lnmt/kubeconfig --context plant-7 config view --minify',
    });
  });

  it('gets a metrics-server unless it has one, and tells the platform to bring none', () => {
    const args = (resourceMetrics: 'install' | 'install-unverified'): unknown =>
      new Bench({ resourceMetrics }).cluster.kubernetes.addons[0]?.values?.['args'];
    expect(args('install')).toEqual([]);
    expect(args('install-unverified')).toEqual(['--kubelet-insecure-tls']);
    const { cluster } = new Bench({ resourceMetrics: 'present' });
    expect(addonsOf(cluster)).toEqual([]);
    expect(cluster.servesResourceMetrics).toBe(true);
  });
});

describe('secrets', () => {
  const store = (bench: Bench): ReturnType<typeof bench.cloud.security.secretStore> =>
    bench.cloud.security.secretStore(bench.stack, 'secrets', {
      cluster: bench.cluster,
      platform: 'ml',
      naming: ['ml'],
    });

  it('are Kubernetes Secrets of one namespace that one account may read', () => {
    const block = store(new Bench());
    expect(addonsOf(block)).toEqual(['external-secrets']);
    expect(block).toMatchObject({ storeName: 'lnmt', valueField: 'value' });
    expect(block.externalKey('api-keys')).toBe('ml.api-keys');
    expect(objectsOf(block, 'Role')).toMatchObject([
      {
        metadata: { namespace: 'lnmt-secrets' },
        rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }],
      },
    ]);
    expect(objectsOf(block, 'ClusterSecretStore')).toMatchObject([
      {
        metadata: { name: 'lnmt' },
        spec: {
          provider: {
            kubernetes: {
              remoteNamespace: 'lnmt-secrets',
              auth: { serviceAccount: { name: 'lnmt-secret-reader', namespace: 'lnmt-secrets' } },
            },
          },
        },
      },
    ]);
  });

  it('are paths of Vault, read with the account of the operator', () => {
    const secrets = OnPremSecrets.vault({ server: 'https://vault.example.com:8200', role: 'lnmt' });
    const bench = new Bench({ secrets });
    const block = store(bench);
    expect(block.externalKey('api-keys')).toBe('ml/api-keys');
    expect(objectsOf(block, 'Role')).toEqual([]);
    expect(objectsOf(block, 'ClusterSecretStore')).toMatchObject([
      {
        spec: {
          provider: {
            vault: {
              server: 'https://vault.example.com:8200',
              path: 'secret',
              version: 'v2',
              auth: { kubernetes: { role: 'lnmt', serviceAccountRef: { name: 'external-secrets' } } },
            },
          },
        },
      },
    ]);
    const secret = bench.cloud.security.secret(bench.stack, 's', { naming: ['ml', 'api-keys'], description: 'keys' });
    expect(secret.externalKey).toBe(block.externalKey('api-keys'));
  });
});

describe('what a site does not state', () => {
  const props = { naming: ['ml'], domainName: 'ml.example.com' };

  it('refuses a zone where nobody signs, and a registry where there is none', () => {
    const { cloud, stack } = new Bench();
    expect(() => cloud.operations.dnsZone(stack, 'zone', props)).toThrow(
      'the site states nobody who signs certificates',
    );
    expect(() => cloud.security.containerRegistry(stack, 'registry', { naming: ['ml'], repositories: [] })).toThrow(
      'onprem does not offer container-registry: the site states no registry; set registry of OnPremCloud',
    );
  });

  it('is listed with what is a gap on every site', () => {
    expect(Object.keys(new OnPremCloud(SITE).gaps).sort()).toEqual([
      ...['container-registry', 'dns-zone', 'encryption-key', 'node-provisioning', 'parallel-file-store'],
      ...['reserved-capacity', 'spot-capacity', 'virtual-machine'],
    ]);
    const all = { parallelStorageClass: 'a', registry: 'b', certificates: OnPremCertificates.issuer('c') };
    expect(Object.keys(new OnPremCloud({ ...SITE, ...all }).gaps)).toHaveLength(5);
  });
});

describe('a zone', () => {
  const zone = (certificates: OnPremCertificates): ReturnType<OnPremCloud['operations']['dnsZone']> => {
    const { cloud, stack } = new Bench({ certificates });
    return cloud.operations.dnsZone(stack, 'zone', { naming: ['ml', 'dns'], domainName: 'ml.example.com' });
  };

  it('has a wildcard certificate of a private authority', () => {
    const block = zone(OnPremCertificates.privateAuthority(['ca']));
    expect(addonsOf(block)).toEqual(['cert-manager']);
    expect(objectsOf(block, 'ClusterIssuer')).toMatchObject([{ spec: { ca: { secretName: 'ml-dns-tls' } } }]);
    expect(objectsOf(block, 'Certificate')).toMatchObject([
      {
        metadata: { name: 'ml-dns-tls', namespace: 'ml-dns-tls' },
        spec: { secretName: 'ml-dns-tls', dnsNames: ['ml.example.com', '*.ml.example.com'] },
      },
    ]);
    expect(objectsOf(block, 'ExternalSecret')).toMatchObject([
      { metadata: { namespace: 'cert-manager' }, spec: { target: { template: { type: 'kubernetes.io/tls' } } } },
    ]);
  });

  it('has one of the issuer that the site has', () => {
    const block = zone(OnPremCertificates.issuer('site'));
    expect(renderObjects(block.kubernetes).map(({ kind }) => kind)).toEqual(['Namespace', 'Certificate']);
    expect(objectsOf(block, 'Certificate')).toMatchObject([
      { spec: { issuerRef: { kind: 'ClusterIssuer', name: 'site' } } },
    ]);
  });
});

describe('registry, identity and monitoring', () => {
  it('adopts the prefix of the site', () => {
    const { cloud, stack } = new Bench({ registry: 'harbor.example.com/lnmt/' });
    expect(cloud.security.containerRegistry(stack, 'registry', { naming: ['ml'], repositories: [] })).toMatchObject({
      prefix: 'harbor.example.com/lnmt',
      loginCommand: 'docker login harbor.example.com',
    });
  });

  it('gives pods nothing but their service account', () => {
    const { cloud, cluster, stack } = new Bench();
    const identity = cloud.security.workloadIdentity(stack, 'identity', {
      cluster,
      namespace: 'models',
      serviceAccountName: 'digits',
      naming: ['ml', 'digits'],
    });
    expect(identity).toMatchObject({ serviceAccountAnnotations: {}, podLabels: {} });
    expect(cloud.security.egress).toEqual([]);
  });

  it('runs Prometheus on the block storage of the site, with the adapter that autoscalers read', () => {
    const { cloud, cluster, stack } = new Bench({ blockStorageClass: 'ceph-block' });
    const monitoring = cloud.operations.monitoring(stack, 'monitoring', {
      cluster,
      naming: ['ml'],
      metricsRetentionDays: 30,
    });
    expect(addonsOf(monitoring)).toEqual(['prometheus-operator-crds', 'kube-prometheus-stack', 'prometheus-adapter']);
    expect(JSON.stringify(monitoring.kubernetes.addons[1]?.values)).toContain('"storageClassName":"ceph-block"');
  });
});

describe('the whole site', () => {
  it('needs no provider and no resource of Terraform', () => {
    const stack = testStack();
    const cloud = new OnPremCloud(SITE);
    cloud.bind(stack, { team: 'ml' });
    const network = cloud.compute.network(stack, 'network', { naming: ['ml'] });
    const access = ClusterAccess.insideNetwork();
    cloud.compute.cluster(stack, 'cluster', { naming: ['ml'], network, version: '1.36', access });
    const { document, providers } = synthTerraform(stack);
    expect(providers).toEqual({});
    expect(document['resource']).toBeUndefined();
  });
});

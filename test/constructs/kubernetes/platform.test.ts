import { describe, expect, test } from 'vitest';
import { METRICS } from '../../../runtime/contract';
import { ClusterSecretStore, PlatformNamespace, metricRules } from '../../../constructs/kubernetes';
import type { ClusterSecretStoreProps, PlatformNamespaceProps } from '../../../constructs/kubernetes';
import { checkManifests } from '../../support/kubernetes-check';
import { at, objectOf, render } from './support';

const namespace = (props: Partial<PlatformNamespaceProps> = {}) =>
  render((scope) => new PlatformNamespace(scope, 'namespace', { name: 'models', ...props }));

describe('a namespace of a platform', () => {
  test('fits the schemas of its kinds', async () => {
    expect(await checkManifests(namespace())).toEqual({ faults: [], unmodelled: [], checked: 4 });
  });

  test('enforces, audits and warns by the restricted standard of one version', () => {
    const labels = at(objectOf(namespace({ kubernetesVersion: '1.35' }), 'Namespace'), 'metadata.labels');
    expect(labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/enforce-version': 'v1.35',
      'pod-security.kubernetes.io/audit': 'restricted',
      'pod-security.kubernetes.io/audit-version': 'v1.35',
      'pod-security.kubernetes.io/warn': 'restricted',
      'pod-security.kubernetes.io/warn-version': 'v1.35',
    });
  });

  test('its own labels win over the user’s, so that nobody relaxes it by a label', () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged', team: 'vision' };
    expect(at(objectOf(namespace({ labels }), 'Namespace'), 'metadata.labels')).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'restricted',
      team: 'vision',
    });
  });

  test('starts closed both ways, DNS apart', () => {
    const spec = at(objectOf(namespace(), 'NetworkPolicy'), 'spec');
    expect(spec).toMatchObject({ podSelector: {}, policyTypes: ['Ingress', 'Egress'], ingress: [] });
    expect(at(spec, 'egress.0.to.0')).toEqual({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    });
  });

  test('takes a quota, zero included, and gives containers memory limits but no CPU limits', () => {
    const manifests = namespace({ quota: { 'requests.nvidia.com/gpu': '16', 'services.nodeports': '0' } });
    expect(at(objectOf(manifests, 'ResourceQuota'), 'spec.hard')).toEqual({
      'requests.nvidia.com/gpu': '16',
      'services.nodeports': '0',
    });
    expect(at(objectOf(manifests, 'LimitRange'), 'spec.limits.0')).toEqual({
      type: 'Container',
      defaultRequest: { cpu: '100m', memory: '128Mi' },
      default: { memory: '512Mi' },
    });
  });

  test('refuses a quota that is no quantity', () => {
    expect(() => namespace({ quota: { pods: 'many' } })).toThrow('LNMT3003: quota pods is not a quantity; got "many"');
  });

  test('refuses a name that Kubernetes would refuse', () => {
    expect(() => namespace({ name: 'My_Models' })).toThrow('LNMT3000 [chart/namespace]: name is not a Kubernetes name');
  });
});

describe('a store of secrets', () => {
  const store = (props: Partial<ClusterSecretStoreProps> = {}) =>
    render(
      (scope) =>
        new ClusterSecretStore(scope, 'store', {
          name: 'lnmt',
          platform: 'ml',
          provider: { fake: { data: [] } },
          ...props,
        }),
    );
  const conditions = (props: Partial<ClusterSecretStoreProps> = {}): unknown =>
    at(objectOf(store(props), 'ClusterSecretStore'), 'spec.conditions');
  const own = { namespaceSelector: { matchLabels: { 'lnmt.dev/platform': 'ml' } } };

  test('fits the schema of External Secrets', async () => {
    expect(await checkManifests(store({ namespaces: ['a'] }))).toEqual({ faults: [], unmodelled: [], checked: 1 });
  });

  test('may be used from namespaces of the platform, and from those that are named', () => {
    expect(conditions()).toEqual([own]);
    expect(conditions({ namespaces: ['b', 'a', 'b'] })).toEqual([own, { namespaces: ['a', 'b'] }]);
  });

  test('refuses a namespace that is none', () => {
    expect(() => store({ namespaces: ['Team'] })).toThrow(
      'LNMT3000 [chart/store]: namespaces is not a Kubernetes name',
    );
  });
});

describe('the rules of the metrics adapter', () => {
  test('there is one for every derived metric of the contract, under that name and from that series', () => {
    const derived = Object.values(METRICS).filter((row) => 'derived' in row);
    expect(metricRules().map((rule) => rule.name.as)).toEqual(derived.map((row) => row.derived.name));
    expect(metricRules()).toHaveLength(1);
  });

  test('a rule rates the counter over its window, by namespace and pod, without callers that were refused', () => {
    expect(metricRules()[0]).toEqual({
      seriesQuery: 'lnmt_inference_requests_total{namespace!="",pod!=""}',
      resources: { overrides: { namespace: { resource: 'namespace' }, pod: { resource: 'pod' } } },
      name: { as: 'inference_requests_per_second' },
      metricsQuery: 'sum(rate(<<.Series>>{<<.LabelMatchers>>,code!~"401|403"}[1m])) by (<<.GroupBy>>)',
    });
  });
});

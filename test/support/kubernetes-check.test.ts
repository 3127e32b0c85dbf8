import { describe, expect, test } from 'vitest';
import { checkManifests } from './kubernetes-check';
import { manifestOf, parseManifests } from './manifests';

const deployment = (spec: object): ReturnType<typeof manifestOf> =>
  manifestOf(
    JSON.parse(
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'digits', namespace: 'models' },
        spec,
      }),
    ) as never,
    'chart/0.yaml',
  );
const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'a', image: 'a' }] } };

describe('the check of manifests against kubernetes-models', () => {
  test('accepts a core object and a custom one', async () => {
    const monitor = parseManifests(
      'apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {}, endpoints: [{port: metrics}]}',
      'a.yaml',
    );
    const objects = [deployment({ selector: { matchLabels: { app: 'a' } }, template }), ...monitor];
    expect(await checkManifests(objects)).toEqual({ faults: [], unmodelled: [], checked: 2 });
  });

  test('refuses a Deployment without a selector, and says which', async () => {
    const { faults } = await checkManifests([deployment({ template })]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^apps\/v1 Deployment models\/digits \(chart\/0\.yaml\): .*selector/);
  });

  test('refuses a wrong type inside a pod', async () => {
    const wrong = {
      ...template,
      spec: { containers: [{ name: 'a', image: 'a', ports: [{ containerPort: 'http' }] }] },
    };
    expect((await checkManifests([deployment({ selector: {}, template: wrong })])).faults).toHaveLength(1);
  });

  test('lists the kinds that it cannot judge instead of passing them', async () => {
    const kafka = manifestOf({ apiVersion: 'kafka.strimzi.io/v1', kind: 'Kafka', metadata: { name: 'k' } }, 'a');
    expect(await checkManifests([kafka, kafka])).toEqual({
      faults: [],
      unmodelled: ['kafka.strimzi.io/v1/Kafka'],
      checked: 0,
    });
  });
});

describe('the reader of manifests', () => {
  test('opens lists, skips empty documents, and reads bare words as the API server does', async () => {
    const objects = parseManifests(
      '---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: on}}\n',
      'a',
    );
    expect(objects.map((o) => [o.kind, o.name, o.object['data']])).toEqual([['ConfigMap', 'a', { x: true }]]);
  });

  test('refuses broken YAML and what is no Kubernetes object', () => {
    expect(() => parseManifests('a: [', 'broken.yaml')).toThrow(/^broken\.yaml: /);
    expect(() => parseManifests('a: b', 'other.yaml')).toThrow(/^other\.yaml: not a Kubernetes object/);
  });
});

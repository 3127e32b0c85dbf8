import { DataResource } from 'cdktf';
import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { describe, expect, test } from 'vitest';
import type { Addon } from '../../../constructs/addons/addon';
import type { Layer } from 'lnmt';
import { AWKWARD_DATA, readArgument } from '../../support/terraform-expression';
import { configMap, objects, synthesize } from './support';
import type { Output } from './support';

function addon(name: string, more: Partial<Addon> = {}): Addon {
  return {
    name,
    layer: '10-operators',
    namespace: `${name}-system`,
    podSecurity: { level: 'restricted' },
    chart: { repository: 'https://charts.example.com', name, version: '1.2.3' },
    ...more,
  };
}

function releases(output: Output): { name: string; layer: string; wait: boolean; atomic: boolean }[] {
  const found = Object.values(output.stack('ml-workloads').resource?.['helm_release'] ?? {});
  const index = JSON.parse(output.file(/ml-workloads\/lnmt\.json/)) as { releases: { name: string; layer: string }[] };
  return index.releases.map(({ name, layer }) => {
    const release = found.find((candidate) => candidate['name'] === name);
    return { name, layer, wait: release?.['wait'] === true, atomic: release?.['atomic'] === true };
  });
}

function config(name: string, size: number, seed = 1): Record<string, string> {
  // Text that does not compress, without randomness.
  let state = seed;
  const next = (): string => ((state = (state * 1103515245 + 12345) % 2147483648), (state % 1e9).toString(36));
  let text = name;
  while (text.length < size) text += next();
  return { text };
}

describe('releases', () => {
  test('give a chart of others its values as they are, whatever they hold', () => {
    const output = synthesize(({ workloads, token }) => {
      const values = { ...AWKWARD_DATA, late: `say "${token()}"` };
      workloads.add(workloads, { addons: [addon('a', { values })], objects: [] });
    });
    const releases = Object.values(output.stack('ml-workloads').resource?.['helm_release'] ?? {});
    const [text] = releases.find(({ name }) => name === 'a')?.['values'] as string[];
    const reference = /\$\{(data\.[\w.-]+)\}/.exec(text ?? '')?.[1] ?? '';
    expect(readArgument(text ?? '', { [reference]: 'x' })).toEqual({ ...AWKWARD_DATA, late: 'say "x"' });
  });

  test('install by layer: namespaces and definitions, operators, platform, apps', () => {
    const output = synthesize(({ workloads }) => {
      const layers: Layer[] = ['30-apps', '20-platform'];
      workloads.add(workloads, {
        addons: [addon('b', { after: ['c'] }), addon('c'), addon('a')],
        objects: layers.map((layer, index) => ({
          ...objects((chart) => {
            new ApiObject(chart, 'o', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `x${index}` } });
          }),
          id: `p${index}`,
          layer,
        })),
      });
    });
    expect(releases(output)).toEqual([
      { name: 'ml-workloads-namespaces', layer: '00-crds', wait: true, atomic: false },
      { name: 'a', layer: '10-operators', wait: true, atomic: true },
      { name: 'c', layer: '10-operators', wait: true, atomic: true },
      { name: 'b', layer: '10-operators', wait: true, atomic: true },
      { name: 'ml-workloads-20-platform', layer: '20-platform', wait: true, atomic: true },
      { name: 'ml-workloads-30-apps', layer: '30-apps', wait: false, atomic: false },
    ]);
  });

  test('put the objects of a layer after the add-ons that define them, and before all other add-ons', () => {
    const output = synthesize(({ workloads }) => {
      const pool = objects((chart) => {
        new ApiObject(chart, 'p', { apiVersion: 'karpenter.sh/v1', kind: 'NodePool', metadata: { name: 'general' } });
      });
      workloads.add(workloads, {
        addons: [
          addon('gpu-operator'),
          addon('karpenter-crd', { provides: ['other'] }),
          addon('karpenter', { after: ['karpenter-crd'], serves: ['karpenter.sh'] }),
        ],
        objects: [{ ...pool, layer: '10-operators' }],
      });
    });
    expect(releases(output).map((release) => release.name)).toEqual([
      'ml-workloads-namespaces',
      'karpenter-crd',
      'karpenter',
      'ml-workloads-10-operators',
      'gpu-operator',
    ]);
  });

  test('wait for the Terraform resources of the constructs whose objects they hold', () => {
    const output = synthesize(({ workloads, stack }) => {
      const endpoint = new Construct(stack, 'endpoint');
      new DataResource(endpoint, 'identity');
      new DataResource(stack, 'unrelated');
      workloads.add(endpoint, { addons: [addon('a')], objects: [configMap({ a: 'b' })] });
    });
    const found = Object.values(output.stack('ml-workloads').resource?.['helm_release'] ?? {});
    for (const name of ['a', 'ml-workloads-30-apps']) {
      const release = found.find((candidate) => candidate['name'] === name);
      const identities = (release?.['depends_on'] as string[]).filter((entry) => entry.startsWith('terraform_data.'));
      expect(identities).toEqual([expect.stringContaining('endpoint_identity')]);
    }
  });

  test('put definitions among the objects of a layer before everything else of it', () => {
    const output = synthesize(({ workloads }) => {
      const define = objects((chart) => {
        new ApiObject(chart, 'd', {
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'CustomResourceDefinition',
          metadata: { name: 'd.x' },
        });
        new ApiObject(chart, 'c', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } });
      });
      workloads.add(workloads, { addons: [], objects: [{ ...define, layer: '20-platform' }] });
    });
    expect(releases(output).map((release) => release.name)).toEqual([
      'ml-workloads-20-platform-definitions',
      'ml-workloads-20-platform',
    ]);
  });

  test('are split by part where a layer nears the limit of Helm', () => {
    const output = synthesize(({ workloads }) => {
      workloads.add(workloads, {
        addons: [],
        objects: [1, 2, 3].map((n) => ({
          ...objects((chart) => {
            new ApiObject(chart, 'o', {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { name: `c${n}` },
              data: config('x', 300_000, n),
            });
          }),
          id: `part${n}`,
        })),
      });
    });
    expect(releases(output)).toHaveLength(3);
  });

  test('refuse a single part above the limit, with sizes', () => {
    expect(() =>
      synthesize(({ workloads }) => {
        workloads.add(workloads, { addons: [], objects: [configMap(config('x', 1_500_000))] });
      }),
    ).toThrow(/LNMT4004 .*got about \d+ bytes; allowed: 900000 bytes/);
  });

  test('refuse one add-on with two settings', () => {
    expect(() =>
      synthesize(({ workloads }) => {
        workloads.add(workloads, { addons: [addon('a'), addon('a', { values: { x: 1 } })], objects: [] });
      }),
    ).toThrow(/LNMT4007 .*add-on a: it is asked for twice with different settings/);
  });

  test('install an add-on once that two constructs ask for alike', () => {
    const output = synthesize(({ workloads }) =>
      workloads.add(workloads, { addons: [addon('a'), addon('a')], objects: [] }),
    );
    expect(releases(output).filter((release) => release.name === 'a')).toHaveLength(1);
  });

  test('refuse add-ons that wait for each other', () => {
    expect(() =>
      synthesize(({ workloads }) => {
        workloads.add(workloads, { addons: [addon('a', { after: ['b'] }), addon('b', { after: ['a'] })], objects: [] });
      }),
    ).toThrow(/LNMT4007 .*waits for itself/);
  });

  test('give namespaces of add-ons the strictest level that they pass, with the reason', () => {
    const output = synthesize(({ workloads }) => {
      workloads.add(workloads, {
        addons: [addon('gpu', { podSecurity: { level: 'privileged', reason: 'loads kernel modules' } })],
        objects: [],
      });
    });
    const namespace = output.file(/templates\/namespace-gpu-system/);
    expect(namespace).toContain('pod-security.kubernetes.io/enforce: privileged');
    expect(namespace).toContain('gpu: loads kernel modules');
  });
});

describe('an object in a release', () => {
  const refused = (
    define: Parameters<typeof objects>[0],
    layer: Layer = '20-platform',
    namespace?: string,
  ): (() => Output) => {
    return () =>
      synthesize(({ workloads }) => {
        const part = { id: 'part', layer, define, ...(namespace === undefined ? {} : { namespace }) };
        workloads.add(workloads, { addons: [], objects: [part] });
      });
  };

  test('refuses to land in whatever namespace its release has', () => {
    const define = refused(
      (chart) => void new ApiObject(chart, 'c', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } }),
    );
    expect(define).toThrow(/LNMT4002 .*ConfigMap c has no namespace/);
  });

  test.each([
    [
      'a load balancer',
      { apiVersion: 'v1', kind: 'Service', spec: { type: 'LoadBalancer' } },
      /load balancer is assigned/,
    ],
    [
      'a claim without its pod',
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: {} },
      /bound only when a pod mounts it/,
    ],
  ])('refuses %s in a layer that waits', (_what, body, reason) => {
    const define = refused(
      (chart) => void new ApiObject(chart, 'o', { ...body, metadata: { name: 'o' } }),
      '20-platform',
      'n',
    );
    expect(define).toThrow(reason);
    expect(define).toThrow(/LNMT4003/);
  });

  test('refuses to be defined twice', () => {
    const define = refused(
      (chart) => {
        new ApiObject(chart, 'a', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } });
        new ApiObject(chart, 'b', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } });
      },
      '30-apps',
      'n',
    );
    expect(define).toThrow(/LNMT4005 .*ConfigMap n\/c is defined twice/);
  });

  test('refuses what is not plain data', () => {
    const define = refused(
      (chart) =>
        void new ApiObject(chart, 'a', {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'c' },
          data: { m: new Map([['a', 1]]) },
        }),
      '30-apps',
      'n',
    );
    expect(define).toThrow(/LNMT4006 .*part part cannot be rendered/);
  });
});

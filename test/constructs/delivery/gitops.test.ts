import util from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { Delivery } from 'lnmt';
import type { Addon } from '../../../constructs/addons/addon';
import { argoCd } from '../../../constructs/addons/argo-cd';
import { readArgument } from '../../support/terraform-expression';
import { configMap, synthesize } from './support';
import type { Output } from './support';

const REPO = { url: 'https://git.example.com/ml/platform.git', path: 'clusters/prod' };

const OPERATOR: Omit<Addon, 'values'> = {
  name: 'operator',
  layer: '10-operators',
  namespace: 'operator-system',
  podSecurity: { level: 'restricted' },
  chart: { repository: 'oci://registry.example.com/charts', name: 'operator', version: '1.2.3' },
};

function output(delivery: Delivery): Output {
  return synthesize(({ workloads, token }) => {
    workloads.add(workloads, {
      addons: [{ ...OPERATOR, values: { bucket: token() } }],
      objects: [configMap({ bucket: token(), literal: '${HOME} {{ x }}' })],
    });
  }, delivery);
}

function releases(out: Output): Record<string, unknown>[] {
  return Object.values(out.stack('ml-workloads').resource?.['helm_release'] ?? {});
}

/** Everything that would be committed to git. */
function committed(out: Output): string {
  return [...out.files]
    .filter(([name]) => name.startsWith('gitops/'))
    .map(([, text]) => text)
    .join('\n');
}

describe.each([
  ['Argo CD', Delivery.argocd({ repo: REPO }), 'argo-cd'],
  ['Flux', Delivery.flux({ repo: REPO }), 'flux'],
] as const)('delivery by %s', (_name, delivery, controller) => {
  test('installs the controller and a bootstrap chart by Terraform, and nothing else', () => {
    expect(releases(output(delivery)).map((release) => release['name'])).toEqual([
      controller,
      'ml-workloads-bootstrap',
    ]);
  });

  test('creates the controller’s namespace, which no release before it could', () => {
    expect(releases(output(delivery))[0]).toMatchObject({ create_namespace: true });
  });

  test('lets the controller run on the nodes that are there first', () => {
    expect(JSON.stringify(releases(output(delivery))[0])).toContain('CriticalAddonsOnly');
  });

  test('commits names of late-bound values and no Terraform expression', () => {
    const text = committed(output(delivery));
    expect(text).toContain('terraform_data_bucket_output');
    expect(text).not.toMatch(/TfToken|terraform_remote_state|\$\{terraform_data\./);
  });

  test('lets the values cross in the bootstrap chart', () => {
    const bootstrap = releases(output(delivery))[1];
    expect(JSON.stringify(bootstrap?.['values'])).toContain('terraform_data_bucket_output');
  });
});

describe('delivery by Argo CD', () => {
  const out = output(Delivery.argocd({ repo: REPO }));

  test('orders Applications by sync waves in the order of releases', () => {
    const index = JSON.parse(out.file(/ml-workloads\/lnmt\.json/)) as { releases: { name: string }[] };
    const waves = index.releases.map(({ name }) => {
      const text = out.file(new RegExp(`apps/templates/${name}\\.yaml$`));
      return Number(/sync-wave: "(\d+)"/.exec(text)?.[1]);
    });
    expect(waves).toEqual([...waves].sort((a, b) => a - b));
    expect(new Set(waves).size).toBe(waves.length);
  });

  test('hands Argo CD its values as they are, a program with quotes among them', () => {
    const [text] = releases(out)[0]?.['values'] as string[];
    expect(readArgument(text ?? '')).toEqual(argoCd().values);
  });

  test('never prunes definitions', () => {
    expect(out.file(/apps\/templates\/ml-workloads-namespaces\.yaml/)).toContain('prune: false');
  });

  test('limits its project to this repository and the charts of the add-ons', () => {
    expect(out.file(/bootstrap.*appproject/)).toMatch(
      /sourceRepos:\n\s+- https:\/\/git\.example\.com\/ml\/platform\.git\n\s+- registry\.example\.com\/charts\n/,
    );
  });
});

describe('delivery by Flux', () => {
  const out = output(Delivery.flux({ repo: REPO }));

  test('chains Kustomizations in the order of releases, all substituting from the one bridge object', () => {
    const index = JSON.parse(out.file(/ml-workloads\/lnmt\.json/)) as { releases: { name: string }[] };
    index.releases.forEach(({ name }, position) => {
      const { spec } = parse(out.file(new RegExp(`releases/${name}\\.yaml$`))) as {
        spec: { dependsOn?: { name: string }[]; postBuild: unknown; path: string };
      };
      const before = index.releases[position - 1];
      expect(spec.dependsOn).toEqual(before === undefined ? undefined : [{ name: before.name }]);
      expect(spec.postBuild).toEqual({ substituteFrom: [{ kind: 'ConfigMap', name: 'lnmt-cluster-vars' }] });
      expect(spec.path).toBe(`./clusters/prod/ml-workloads/${name}`);
    });
  });

  test('escapes literal variables, and leaves braces of templates alone', () => {
    expect(out.file(/30-apps\/configmap-/)).toContain('literal: $${HOME} {{ x }}');
  });

  test('writes late-bound values as variables, in manifests and in values of charts', () => {
    expect(out.file(/30-apps\/configmap-/)).toContain('bucket: "${terraform_data_bucket_output}"');
    expect(out.file(/operator\/helmrelease-/)).toContain('bucket: "${terraform_data_bucket_output}"');
  });

  test('takes charts of an OCI registry as such', () => {
    expect(out.file(/operator\/helmrepository-/)).toMatch(/type: oci/);
  });
});

describe('delivery by export', () => {
  const out = output(Delivery.export());

  test('installs nothing by Terraform', () => {
    expect(releases(out)).toEqual([]);
  });

  test('names every late-bound value in values.yaml, and outputs all of them', () => {
    expect(out.file(/export\/ml-workloads\/ml-workloads-30-apps\/values\.yaml/)).toContain(
      'terraform_data_bucket_output: ""',
    );
    const stack = JSON.parse(out.file(/^stacks\/ml-workloads\/cdk\.tf\.json$/)) as {
      output: Record<string, { value: object }>;
    };
    expect(Object.keys(stack.output['late_bound_values']?.value ?? {})).toEqual(['terraform_data_bucket_output']);
  });

  test('uses nothing that Node.js warns of', () => {
    const deprecated = vi.spyOn(util, 'isArray');
    try {
      output(Delivery.export());
      expect(deprecated).not.toHaveBeenCalled();
    } finally {
      deprecated.mockRestore();
    }
  });
});

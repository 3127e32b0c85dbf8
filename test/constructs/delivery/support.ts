import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { App, DataResource, LocalBackend, TerraformStack } from 'cdktf';
import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import type { KubernetesObjects } from 'lnmt';
import { Delivery, Workloads } from 'lnmt';

/** A synthesized app: every file of the output by its path. */
export interface Output {
  readonly files: ReadonlyMap<string, string>;
  /** A synthesized stack. */
  stack(name: string): Record<string, never> & { resource?: Record<string, Record<string, Record<string, unknown>>> };
  /** The only file whose path matches. */
  file(pattern: RegExp): string;
}

export interface TwoStacks {
  readonly app: App;
  readonly infra: TerraformStack;
  readonly stack: TerraformStack;
  readonly workloads: Workloads;
  /** An attribute of a resource in the infrastructure stack: a token. */
  readonly token: () => string;
}

/** Builds infra and workloads, lets `define` record, synthesizes into a folder that is removed again. */
export function synthesize(define: (stacks: TwoStacks) => void, delivery = Delivery.direct()): Output {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-delivery-'));
  try {
    const stacks = twoStacks(outdir, delivery);
    define(stacks);
    stacks.app.synth();
    return readOutput(outdir);
  } finally {
    fs.rmSync(outdir, { recursive: true, force: true });
  }
}

export function twoStacks(outdir: string, delivery = Delivery.direct(), prefix = 'ml'): TwoStacks {
  const app = new App({ outdir });
  return { app, ...addStacks(app, prefix, delivery) };
}

export function addStacks(app: App, prefix: string, delivery: Delivery): Omit<TwoStacks, 'app'> {
  const infra = new TerraformStack(app, `${prefix}-infra`);
  new LocalBackend(infra, { path: `../../../terraform.${prefix}-infra.tfstate` });
  const bucket = new DataResource(infra, 'bucket', { input: { a: 'a' } });
  const stack = new TerraformStack(app, `${prefix}-workloads`);
  new LocalBackend(stack, { path: `../../../terraform.${prefix}-workloads.tfstate` });
  const workloads = new Workloads(stack, 'workloads', {
    platformName: prefix,
    cloud: 'fake',
    connection: { kind: 'kubeconfig', context: 'test' },
    delivery,
    bootstrap: true,
  });
  return { infra, stack, workloads, token: () => bucket.getStringAttribute('output') };
}

export function readOutput(outdir: string): Output {
  const files = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) walk(full);
      else files.set(path.relative(outdir, full), fs.readFileSync(full, 'utf8'));
    }
  };
  walk(outdir);
  const find = (pattern: RegExp): string => {
    const found = [...files.entries()].filter(([name]) => pattern.test(name));
    if (found.length !== 1) throw new Error(`${found.length} files match ${pattern}: ${[...files.keys()].join(' ')}`);
    return found[0]?.[1] ?? '';
  };
  return {
    files,
    file: find,
    stack: (name) => JSON.parse(find(new RegExp(`^stacks/${name}/cdk.tf.json$`))) as ReturnType<Output['stack']>,
  };
}

/** A part with one ConfigMap. */
export function configMap(data: Record<string, unknown>, options: Partial<KubernetesObjects> = {}): KubernetesObjects {
  return objects((chart) => {
    new ApiObject(chart, 'config', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data });
  }, options);
}

/** A part of whatever objects. */
export function objects(define: (chart: Chart) => void, options: Partial<KubernetesObjects> = {}): KubernetesObjects {
  return { id: 'part', layer: '30-apps', namespace: 'apps', define, ...options };
}

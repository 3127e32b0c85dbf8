import fs from 'node:fs';
import path from 'node:path';
import { describeManifest } from './manifests';
import type { Manifest } from './manifests';
import type { JsonObject } from './terraform-json';

/** What `kubernetes-models` says about a set of objects. */
export interface KubernetesVerdict {
  /** One sentence a fault; empty when every object that has a model fits it. */
  readonly faults: readonly string[];
  /** `apiVersion/kind` of the objects that no installed package knows, each once, sorted: they remain unchecked here. */
  readonly unmodelled: readonly string[];
  readonly checked: number;
}

type ModelClass = new (object: JsonObject) => { validate(): void };

const packages = path.resolve(__dirname, '../../node_modules');
const crdPackages = fs
  .readdirSync(path.join(packages, '@kubernetes-models'))
  .filter((name) => !['apimachinery', 'base', 'validate'].includes(name))
  .map((name) => `@kubernetes-models/${name}`);
const models = new Map<string, ModelClass | null>();

/**
 * Validates objects by the schemas that `kubernetes-models` and the `@kubernetes-models/*` packages bring: missing fields, wrong types,
 * enumerations and patterns. They do not see unknown fields: the integration suite `schemas` does.
 */
export async function checkManifests(manifests: Iterable<Manifest>): Promise<KubernetesVerdict> {
  const faults: string[] = [];
  const unmodelled = new Set<string>();
  let checked = 0;
  for (const manifest of manifests) {
    const Model = await modelOf(manifest);
    if (!Model) {
      unmodelled.add(`${manifest.apiVersion}/${manifest.kind}`);
      continue;
    }
    checked++;
    try {
      new Model(manifest.object).validate();
    } catch (error) {
      faults.push(
        `${describeManifest(manifest)} (${manifest.source}): ${String((error as Error).message).replace(/\s*\n\s*/g, '; ')}`,
      );
    }
  }
  return { faults, unmodelled: [...unmodelled].sort(), checked };
}

async function modelOf({ apiVersion, kind }: Manifest): Promise<ModelClass | null> {
  const key = `${apiVersion}/${kind}`;
  const known = models.get(key);
  if (known !== undefined) return known;
  // The packages are ES modules, one file a kind: only a dynamic import reaches them from here.
  const file = ['kubernetes-models', ...crdPackages]
    .map((name) => path.join(packages, name, apiVersion, `${kind}.js`))
    .find((candidate) => fs.existsSync(candidate));
  const model = file ? ((await import(file)) as Record<string, ModelClass>)[kind] : undefined;
  models.set(key, model ?? null);
  return model ?? null;
}

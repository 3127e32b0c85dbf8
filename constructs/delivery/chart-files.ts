import { createHash } from 'node:crypto';
import { Yaml } from 'cdk8s';
import { describeObject } from './late-binding';
import type { LateBinding } from './late-binding';
import type { PlannedRelease } from './releases';
import { HELM_DIALECT, objectText } from './template';

/** Files by relative path, forward slashes. */
export type FileTree = ReadonlyMap<string, string>;

/** A generated Helm chart. */
export interface GeneratedChart {
  /** Name of chart and release. */
  readonly name: string;
  /** Name of its folder: release name and content hash, so that a change of content is a change of path. */
  readonly folder: string;
  readonly files: FileTree;
  /** Names of its late-bound values, sorted. */
  readonly values: readonly string[];
}

const HASH_LENGTH = 12;

/** Version of every generated chart: its identity is the content hash in its path. */
export const CHART_VERSION = '0.1.0';

/** Writes the objects of a release as a Helm chart. @throws LNMT4001 for tokens that cannot be bound late */
export function generateChart(
  release: Extract<PlannedRelease, { kind: 'objects' }>,
  binding: LateBinding,
): GeneratedChart {
  const files = new Map<string, string>();
  const values = new Set<string>();
  for (const part of release.parts) {
    for (const object of part.objects) {
      const rendered = objectText(part.owner, object, binding, HELM_DIALECT);
      rendered.values.forEach((value) => values.add(value));
      files.set(`templates/${fileName(describeObject(object))}.yaml`, rendered.text);
    }
  }
  const names = [...values].sort();
  files.set('Chart.yaml', chartYaml(release.name));
  files.set('values.yaml', valuesYaml(names));
  return { name: release.name, folder: `${release.name}-${hashTree(files)}`, files, values: names };
}

/** `Chart.yaml` of a generated chart. */
export function chartYaml(name: string): string {
  return Yaml.stringify({
    apiVersion: 'v2',
    name,
    description: 'Kubernetes objects synthesized by LNMT',
    type: 'application',
    version: CHART_VERSION,
  });
}

function valuesYaml(names: readonly string[]): string {
  const comment = '# Values that are known once the infrastructure exists.\n';
  return names.length === 0 ? `${comment}{}\n` : comment + names.map((name) => `${name}: ""\n`).join('');
}

/** SHA-256 over sorted paths and contents, shortened. */
export function hashTree(files: FileTree): string {
  const hash = createHash('sha256');
  for (const path of [...files.keys()].sort()) {
    const content = files.get(path) ?? '';
    hash.update(`${path}\0${Buffer.byteLength(content)}\0${content}`);
  }
  return hash.digest('hex').slice(0, HASH_LENGTH);
}

/** A file name from an object's description; different descriptions give different names. */
export function fileName(description: string): string {
  const plain = description.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const hash = createHash('sha256').update(description).digest('hex').slice(0, 6);
  return `${plain.slice(0, 100)}-${hash}`;
}

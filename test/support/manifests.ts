import fs from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { isObject, textOf } from './terraform-json';
import type { Json, JsonObject } from './terraform-json';

/** A Kubernetes object and where it was found. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Empty when the object names none. */
  readonly namespace: string;
  readonly object: JsonObject;
  /** The file, relative to what the reader was given, or a chart's name. */
  readonly source: string;
}

/** `apps/v1 Deployment models/digits`, as messages name an object. */
export function describeManifest(manifest: Manifest): string {
  const name = manifest.namespace ? `${manifest.namespace}/${manifest.name}` : manifest.name;
  return `${manifest.apiVersion} ${manifest.kind} ${name}`;
}

/** Wraps a parsed object; throws when it is not a Kubernetes object at all. */
export function manifestOf(object: Json, source: string): Manifest {
  const { apiVersion, kind, metadata } = isObject(object) ? object : {};
  if (!isObject(object) || typeof apiVersion !== 'string' || typeof kind !== 'string')
    throw new Error(`${source}: not a Kubernetes object: ${JSON.stringify(object).slice(0, 120)}`);
  const { name, generateName, namespace } = isObject(metadata) ? metadata : {};
  return {
    apiVersion,
    kind,
    name: textOf(name ?? generateName),
    namespace: textOf(namespace),
    object,
    source,
  };
}

/**
 * The Kubernetes objects of a YAML text, lists opened. It is read as YAML 1.1, which is what the API server does: a bare
 * `on` or `no` is a boolean there.
 */
export function parseManifests(text: string, source: string): Manifest[] {
  return parseAllDocuments(text, { version: '1.1', logLevel: 'error' }).flatMap((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`${source}: ${error.message}`);
    const value = document.toJS({ maxAliasCount: 0 }) as Json;
    if (value === null) return [];
    if (isObject(value) && value['kind'] === 'List' && Array.isArray(value['items']))
      return (value['items'] as readonly Json[]).map((item) => manifestOf(item, source));
    return [manifestOf(value, source)];
  });
}

/** Every file below a folder, relative to it, in byte order. */
export function filesBelow(folder: string, ends: readonly string[] = ['']): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ends.some((end) => entry.name.endsWith(end)))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

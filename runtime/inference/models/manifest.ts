import { MODEL_STORE } from '../../contract';
import type { ModelFile, ModelManifest } from '../../contract';
import { ModelError } from '../errors';

/** Most files of one version. */
export const MAX_FILES = 1_000;
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^[0-9a-f]{64}$/;

function invalid(what: string): ModelError {
  return new ModelError('LNMT8302', what);
}

/** True for a path that stays where it begins, on every system. */
export const isPlainPath = (path: string): boolean => path.split('/').every((segment) => SEGMENT.test(segment));

function fileOf(value: unknown, index: number): ModelFile {
  const where = `files[${index}]`;
  if (typeof value !== 'object' || value === null) throw invalid(`${where} is not an object`);
  const { path, sha256, bytes } = value as Partial<Record<keyof ModelFile, unknown>>;
  if (typeof path !== 'string' || !isPlainPath(path)) throw invalid(`${where}.path is not a plain relative path`);
  if (typeof sha256 !== 'string' || !DIGEST.test(sha256)) throw invalid(`${where}.sha256 is not a SHA-256`);
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw invalid(`${where}.bytes is not a size`);
  }
  return { path, sha256, bytes };
}

/**
 * Reads a manifest.
 *
 * @throws ModelError for anything but a list of plain files with their digests, one of them the graph
 */
export function parseManifest(text: string): ModelManifest {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw invalid('it is not JSON');
  }
  const list: unknown = typeof document === 'object' && document !== null ? Reflect.get(document, 'files') : undefined;
  if (!Array.isArray(list) || list.length > MAX_FILES) throw invalid(`files is not a list of at most ${MAX_FILES}`);
  const files = list.map(fileOf);
  const paths = files.map(({ path }) => path.toLowerCase());
  if (new Set(paths).size < paths.length) throw invalid('two files have the same path');
  if (!files.some(({ path }) => path === MODEL_STORE.model)) throw invalid(`${MODEL_STORE.model} is not listed`);
  return { files };
}

import { isPlainPath, MAX_FILES } from './manifest';
import { ModelError } from '../errors';
import type { ModelStore, StoreEntry } from './store';

const DEPTH = 4;

/** One file of a version in a repository without manifests. */
export interface ListedFile {
  /** Path below the folder of the version. */
  readonly path: string;
  readonly bytes: number;
  readonly tag: string;
}

/**
 * The files below a folder, sorted by path; those with names that are no plain path are none of ours.
 *
 * @throws ModelError
 */
export async function listFiles(store: ModelStore, folder: string): Promise<readonly ListedFile[]> {
  const files: ListedFile[] = [];
  const visit = async (below: string, depth: number): Promise<void> => {
    const entries = await store.list(below === '' ? folder : `${folder}/${below}`);
    for (const entry of entries) await take(entry, below === '' ? entry.name : `${below}/${entry.name}`, depth);
  };
  const take = async ({ bytes, tag = '' }: StoreEntry, path: string, depth: number): Promise<void> => {
    if (!isPlainPath(path)) return;
    if (bytes !== undefined) files.push({ path, bytes, tag });
    else if (depth < DEPTH) await visit(path, depth + 1);
    if (files.length > MAX_FILES) throw new ModelError('LNMT8302', `${folder} has more than ${MAX_FILES} files`);
  };
  await visit('', 0);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

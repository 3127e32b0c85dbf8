import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { API_KEYS_FILE } from '../../../runtime/contract';

/** A new folder; the caller removes it. */
export const temporaryFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-test-'));

/** Lower-case hexadecimal SHA-256. */
export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** An entry of a key file. */
export interface KeyEntry {
  readonly id: string;
  readonly key: string;
  readonly scopes: readonly string[];
  readonly expires?: string;
}

/** The text of a key file. */
export function keyFile(entries: readonly KeyEntry[]): string {
  return JSON.stringify({ keys: entries.map(({ key, ...rest }) => ({ ...rest, sha256: sha256(key) })) });
}

/**
 * Mounts files as Kubernetes does: each is a link through `..data`, and an update swaps that link for one to a new folder.
 */
export function mountFiles(dir: string, files: Readonly<Record<string, string>>, revision: number): void {
  const folder = `..${revision}`;
  fs.mkdirSync(path.join(dir, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, folder, name), text);
  fs.symlinkSync(folder, path.join(dir, '..data_tmp'));
  fs.renameSync(path.join(dir, '..data_tmp'), path.join(dir, '..data'));
  for (const name of Object.keys(files)) {
    const link = path.join(dir, name);
    if (!fs.existsSync(link)) fs.symlinkSync(path.join('..data', name), link);
  }
}

/** Mounts a key file as Kubernetes does. */
export function mountKeys(dir: string, text: string, revision: number): void {
  mountFiles(dir, { [API_KEYS_FILE]: text }, revision);
}

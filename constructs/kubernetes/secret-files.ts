import type { IConstruct } from 'constructs';
import { INFERENCE_ENV, VOLUMES, VOLUME_NAMES } from '../../runtime/contract';
import { secretFileUnread } from './errors';
import type { SecretKey, SecretValues } from './secret-reference';

/** Settings that name a file which the server writes. */
const WRITTEN: readonly string[] = [INFERENCE_ENV.auditFile.name, INFERENCE_ENV.payloadLogFile.name];

/** Settings that name a file which the server reads. */
const READ: readonly string[] = Object.values(INFERENCE_ENV)
  .map(({ name }) => name)
  .filter((name) => name.endsWith('_FILE') && !WRITTEN.includes(name));

/** The settings that name the files. @throws LNMT3024 for one that names none that is read */
export function secretFileSettings(scope: IConstruct, files: SecretValues = {}): Readonly<Record<string, string>> {
  const names = Object.keys(files);
  const stranger = names.find((name) => !READ.includes(name));
  if (stranger !== undefined) throw secretFileUnread(scope, stranger, READ);
  return Object.fromEntries(names.map((name) => [name, `${VOLUMES.secretFiles}/${name}`]));
}

/** The volume with the files, each named like its setting. A folder, not subPaths: only a folder follows what changes. */
export function secretFilesVolume(files: Readonly<Record<string, SecretKey>>): {
  readonly name: string;
  readonly projected: object;
} {
  const sources = Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, { secret, key }]) => ({ secret: { name: secret, items: [{ key, path }] } }));
  return { name: VOLUME_NAMES.secretFiles, projected: { defaultMode: 0o440, sources } };
}

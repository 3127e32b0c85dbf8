import fs from 'node:fs';
import { isLoopback } from '../../inference/access-config';
import { ApiKeySet, KeyFileError, SCOPES } from '../../shared/api-keys';
import { newKey } from '../api-key';
import { unreadable } from '../errors';
import { at, list } from '../json';
import { exposedWithoutKeys } from './errors';

/** Who may call a server. */
export interface Access {
  /** Key file of the caller; absent where anyone on this machine may call. */
  readonly file: string | undefined;
  /** Headers with which this command calls the server itself. */
  readonly headers: Readonly<Record<string, string>>;
  /** Text of the key file of the server: the caller's keys, and one of this command. @throws LNMT6006 */
  keys(): string;
}

/** Id of the command's own key, as the audit log shows it. */
const OWN_ID = 'lnmt-serve';

function entriesOf(file: string): readonly unknown[] {
  const fault = (reason: string): Error =>
    unreadable(file, reason, 'make one with `lnmt keys create NAME --file FILE`');
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
    ApiKeySet.parse(text);
  } catch (error) {
    throw error instanceof KeyFileError ? fault(error.message) : fault('it cannot be read');
  }
  return list(at(JSON.parse(text), 'keys')).filter((entry) => at(entry, 'id') !== OWN_ID);
}

/**
 * Decides who may call: holders of a key, or anyone where only this machine reaches the server.
 *
 * @throws LNMT6052, LNMT6006
 */
export function accessOf(host: string, file: string | undefined): Access {
  if (file === undefined) {
    if (!isLoopback(host)) throw exposedWithoutKeys(host);
    return { file, headers: {}, keys: () => '' };
  }
  // The command reloads models and asks for metadata; its key lives in memory, and as a hash in the temporary folder.
  const { key, entry } = newKey(OWN_ID, SCOPES);
  const keys = (): string => JSON.stringify({ keys: [...entriesOf(file), entry] });
  keys();
  return { file, headers: { authorization: `Bearer ${key}` }, keys };
}

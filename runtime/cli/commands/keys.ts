import fs from 'node:fs';
import type { Command } from 'commander';
import { API_KEYS_FILE } from '../../contract';
import { ApiKeySet, KeyFileError, SCOPES } from '../../shared/api-keys';
import type { Scope } from '../../shared/api-keys';
import { newKey } from '../api-key';
import { badInvocation, idTaken, unreadable, unusableIdentifier } from '../errors';
import type { Io } from '../io';
import { note, say, sayJson } from '../io';
import { at, list } from '../json';
import { placeOf, writeDurably } from '../write-file';

interface KeyOptions {
  readonly scopes: string;
  readonly expires?: string;
  readonly file: string;
  readonly json?: boolean;
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const DAY_MS = 86_400_000;

const EXAMPLES = `
The file holds hashes only. It is the value of the secret that Auth.apiKeys(…) names; servers read changes by themselves.

Examples:
  lnmt keys create team-a
  lnmt keys create dashboard --scopes read --expires 90d
  aws secretsmanager put-secret-value --secret-id NAME --secret-string file://${API_KEYS_FILE}`;

/** Adds `lnmt keys create`. */
export function registerKeys(program: Command, io: Io): void {
  program
    .command('keys')
    .description('API keys of endpoints.')
    .command('create')
    .description('Make an API key: print it once, and add its hash to the key file.')
    .argument('<id>', 'who the key belongs to; appears in logs')
    .option('--scopes <names>', `what it may be used for, of ${SCOPES.join(', ')}`, 'infer,read')
    .option('--expires <when>', 'days such as 90d, or an ISO 8601 time')
    .option('--file <file>', 'key file that is written or extended', API_KEYS_FILE)
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((id: string, options: KeyOptions) => createKey(io, id, options));
}

function createKey(io: Io, id: string, options: KeyOptions): void {
  if (!ID.test(id)) throw unusableIdentifier('the id of the key', id, ID);
  const file = placeOf(io.cwd, '--file', options.file);
  const existing = readKeys(file, options.file);
  if (existing.some((entry) => at(entry, 'id') === id)) throw idTaken(id, options.file);
  const scopes = scopesOf(options.scopes);
  const expires = options.expires === undefined ? {} : { expires: expiryOf(options.expires) };
  const { key, entry } = newKey(id, scopes, expires);
  writeDurably(file, `${JSON.stringify({ keys: [...existing, entry] }, undefined, 2)}\n`, 0o600);
  if (options.json) {
    sayJson(io, { id, key, scopes, ...expires, file: options.file });
    return;
  }
  note(io, `key ${id} for ${scopes.join(', ')}, added to ${options.file}; it is shown once:`);
  say(io, key);
}

function readKeys(file: string, shown: string): readonly unknown[] {
  if (!fs.existsSync(file)) return [];
  const text = fs.readFileSync(file, 'utf8');
  try {
    ApiKeySet.parse(text);
  } catch (error) {
    if (!(error instanceof KeyFileError)) throw error;
    throw unreadable(shown, error.message, 'correct the file, or name another one with --file');
  }
  return list(at(JSON.parse(text), 'keys'));
}

function scopesOf(option: string): readonly Scope[] {
  const wanted = new Set(option.split(',').map((scope) => scope.trim()));
  const scopes = SCOPES.filter((scope) => wanted.has(scope));
  if (scopes.length === wanted.size) return scopes;
  throw badInvocation('--scopes holds a scope that there is not', option, `use some of ${SCOPES.join(', ')}`);
}

function expiryOf(option: string): string {
  const days = /^(\d{1,5})d$/.exec(option)?.[1];
  const time = days === undefined ? Date.parse(option) : Date.now() + Number(days) * DAY_MS;
  if (Number.isNaN(time)) throw badInvocation('--expires is no time', option, 'write 90d, or 2030-01-31T00:00:00Z');
  if (time <= Date.now()) throw badInvocation('--expires is in the past', option, 'name a time to come');
  return new Date(time).toISOString();
}

import fs from 'node:fs/promises';
import { PluginError } from '../errors';
import { CAPABILITIES } from './manifest';
import type { Capability } from './manifest';

/** Capabilities of plugins that may run, by digest. */
export type AllowList = ReadonlyMap<string, ReadonlySet<Capability>>;

const DIGEST = /^[0-9a-f]{64}$/;
const MAX_FILE_BYTES = 1 << 20;

const invalid = (what: string, cause?: unknown): PluginError => new PluginError('LNMT8366', what, cause);

function entryOf(text: string, where: string): readonly [string, ReadonlySet<Capability>] {
  const [digest = '', ...words] = text.split('+');
  if (!DIGEST.test(digest)) throw invalid(`${where}: it begins with no SHA-256 in lower-case hexadecimal`);
  const granted = words.map((word) => {
    const found = CAPABILITIES.find((each) => each === word);
    if (found !== undefined) return found;
    throw invalid(`${where}: ${JSON.stringify(word)} is not one of ${CAPABILITIES.join(', ')}`);
  });
  return [digest, new Set(granted)];
}

async function linesOf(file: string): Promise<readonly (readonly [text: string, where: string])[]> {
  let text: string;
  try {
    if ((await fs.stat(file)).size > MAX_FILE_BYTES) throw invalid(`${file}: it has more than ${MAX_FILE_BYTES} bytes`);
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    throw error instanceof PluginError ? error : invalid(`${file}: it cannot be read`, error);
  }
  return text
    .split('\n')
    .map((line, index) => [line.replace(/#.*$/, '').trim(), `${file}: line ${index + 1}`] as const)
    .filter(([line]) => line !== '');
}

/**
 * The plugins that may run, from a list and a file.
 *
 * @throws PluginError LNMT8366
 */
export async function readAllowList(list: readonly string[], file: string | undefined): Promise<AllowList> {
  const entries = list.map((text, index) => [text, `entry ${index + 1}`] as const);
  const lines = file === undefined ? [] : await linesOf(file);
  return new Map([...entries, ...lines].map(([text, where]) => entryOf(text, where)));
}

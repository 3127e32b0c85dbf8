import fs from 'node:fs';
import path from 'node:path';
import { TEXT_FILES } from '../../contract';
import { ModelError } from '../errors';

const MAX_BYTES: Readonly<Record<string, number>> = { [TEXT_FILES.tokenizer]: 256 * 2 ** 20 };
const MAX_OTHER_BYTES = 16 * 2 ** 20;

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a JSON object. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const refuse = (file: string, what: string): ModelError => new ModelError('LNMT8315', `${file}: ${what}`);

/** Text of a file beside the model; undefined when there is none. */
export function readText(dir: string, file: string): string | undefined {
  const target = path.join(dir, file);
  const size = fs.statSync(target, { throwIfNoEntry: false })?.size;
  if (size === undefined) return undefined;
  const most = MAX_BYTES[file] ?? MAX_OTHER_BYTES;
  if (size > most) throw refuse(file, `it has ${size} bytes, at most ${most}`);
  return fs.readFileSync(target, 'utf8');
}

/**
 * What a file of JSON beside the model holds; undefined when there is none.
 *
 * @throws ModelError
 */
export function readJson(dir: string, file: string): unknown {
  const text = readText(dir, file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw refuse(file, 'it is not JSON');
  }
}

/**
 * A JSON object beside the model; undefined when there is none.
 *
 * @throws ModelError
 */
export function readObject(dir: string, file: string): JsonObject | undefined {
  const value = readJson(dir, file);
  if (value === undefined || isObject(value)) return value;
  throw refuse(file, 'it is not an object');
}

/** True where a tokenizer lies beside the model. */
export const hasTokenizer = (dir: string): boolean => fs.existsSync(path.join(dir, TEXT_FILES.tokenizer));

/** What is wrong with a file beside the model. */
export const invalidFile = refuse;

import { TEXT_FILES } from '../../contract';
import type { ModelSignature } from '../backends/backend';
import { isDecoder } from '../generation/decoder';
import { invalidFile, isObject, readObject } from './files';
import type { JsonObject } from './files';

/** What a model of text is for. */
export type TextTask = 'embedding' | 'generation';

/** How the vectors of tokens become one. */
export type Pooling = 'mean' | 'cls' | 'last';

/** What the files beside a model say of it. */
export interface TextSettings {
  readonly task: TextTask;
  /** Whether a file says the task; its tensors show it otherwise. */
  readonly isStated: boolean;
  /** Tokens that the model takes, prompt and answer together. */
  readonly maxLength: number;
  readonly pooling: Pooling;
  /** Scales embeddings to length 1. */
  readonly normalize: boolean;
  /** Cuts longer texts for embeddings instead of refusing them. */
  readonly truncate: boolean;
  /** Output that holds embeddings or the vectors of tokens; undefined for the usual ones. */
  readonly output: string | undefined;
  /** Tokens that end an answer, besides the one that the tokenizer states. */
  readonly endTokens: readonly number[];
  /** Tokens of an answer to a request that does not say how many. */
  readonly answerTokens: number;
}

const TASKS: Readonly<Record<string, TextTask>> = {
  embedding: 'embedding',
  'feature-extraction': 'embedding',
  generation: 'generation',
  'text-generation': 'generation',
};
const POOLINGS: readonly Pooling[] = ['mean', 'cls', 'last'];
const DEFAULT_LENGTH = 2048;
const DEFAULT_ANSWER = 512;
const { config: CONFIG, generationConfig: GENERATION } = TEXT_FILES;

function choice<T>(config: JsonObject, key: string, allowed: Readonly<Record<string, T>>): T | undefined {
  const value = config[key];
  if (value === undefined) return undefined;
  const found = typeof value === 'string' && Object.hasOwn(allowed, value) ? allowed[value] : undefined;
  if (found === undefined) throw invalidFile(CONFIG, `${key} is not one of ${Object.keys(allowed).join(', ')}`);
  return found;
}

function flag(config: JsonObject, key: string, otherwise: boolean): boolean {
  const value = config[key];
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw invalidFile(CONFIG, `${key} is not true or false`);
  return value;
}

function count(config: JsonObject, key: string, file: string): number | undefined {
  const value = config[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw invalidFile(file, `${key} is not an integer from 1`);
  }
  return value;
}

function endTokens(...configs: readonly JsonObject[]): readonly number[] {
  for (const config of configs) {
    const value = config['eos_token_id'];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (list.every((id): id is number => Number.isSafeInteger(id) && Number(id) >= 0)) return list;
  }
  return [];
}

/** The task that a model has: what its file says, or what its tensors show. */
function taskOf(config: JsonObject, signature: ModelSignature): TextTask | undefined {
  const stated = choice(config, 'task', TASKS);
  if (stated !== undefined) return stated;
  if (isDecoder(signature)) return 'generation';
  const outputs = signature.outputs.map(({ name }) => name);
  return EMBEDDING_OUTPUTS.some((name) => outputs.includes(name)) ? 'embedding' : undefined;
}

/** Outputs of encoders, in the order in which they are looked for. */
export const EMBEDDING_OUTPUTS = ['sentence_embedding', 'last_hidden_state', 'token_embeddings'] as const;

/**
 * Reads what the files beside a model say; undefined for a model that is not one of text.
 *
 * @throws ModelError
 */
export function readSettings(dir: string, signature: ModelSignature): TextSettings | undefined {
  const config = readObject(dir, CONFIG) ?? {};
  const generation = readObject(dir, GENERATION) ?? {};
  const task = taskOf(config, signature);
  if (task === undefined) return undefined;
  const { output } = config;
  const known = signature.outputs.map(({ name }) => name);
  if (output !== undefined && (typeof output !== 'string' || !known.includes(output))) {
    throw invalidFile(CONFIG, `output is not one of ${known.join(', ')}`);
  }
  const stated = ['max_length', 'max_position_embeddings', 'n_positions', 'n_ctx'];
  const text = isObject(config['text_config']) ? config['text_config'] : {};
  const lengths = stated.map((key) => count(config, key, CONFIG) ?? count(text, key, CONFIG));
  return {
    task,
    isStated: config['task'] !== undefined,
    maxLength: lengths.find((length) => length !== undefined) ?? DEFAULT_LENGTH,
    pooling: choice(config, 'pooling', Object.fromEntries(POOLINGS.map((name) => [name, name]))) ?? 'mean',
    normalize: flag(config, 'normalize', true),
    truncate: flag(config, 'truncate', false),
    output: typeof output === 'string' ? output : undefined,
    endTokens: endTokens(generation, config),
    answerTokens: count(generation, 'max_new_tokens', GENERATION) ?? DEFAULT_ANSWER,
  };
}

import { TEXT_FILES } from '../../contract';
import type { ModelSignature } from '../backends/backend';
import { isDecoder } from '../generation/decoder';
import type { TensorSpec } from '../tensors/tensor';
import { invalidFile, isObject, readObject } from './files';
import type { JsonObject } from './files';
import { readVectorSteps } from './modules';

/** What a model of text is for. */
export type TextTask = 'embedding' | 'generation';

/** How the vectors of tokens become one. */
export type Pooling = 'mean' | 'cls' | 'last' | 'max';

/** What the files beside a model say of it. */
export interface TextSettings {
  readonly task: TextTask;
  /** Whether a file says the task; its tensors show it otherwise. */
  readonly isStated: boolean;
  /** Tokens that the model takes, prompt and answer together. */
  readonly maxLength: number;
  /** Undefined where no file says it. */
  readonly pooling: Pooling | undefined;
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
const POOLINGS: readonly Pooling[] = ['mean', 'cls', 'last', 'max'];
const DEFAULT_LENGTH = 2048;
const DEFAULT_ANSWER = 512;
const { config: CONFIG, generationConfig: GENERATION, modules: MODULES, sentenceConfig: SENTENCE } = TEXT_FILES;

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
  const usual: readonly string[] = EMBEDDING_OUTPUTS;
  return signature.outputs.some(({ name }) => usual.includes(name)) ? 'embedding' : undefined;
}

/** Outputs of encoders, in the order in which they are looked for. */
const EMBEDDING_OUTPUTS = ['sentence_embedding', 'last_hidden_state', 'token_embeddings'] as const;

/** The output that holds embeddings or the vectors of tokens. @param stated name that a file gives it */
export function embeddingOutput({ outputs }: ModelSignature, stated: string | undefined): TensorSpec | undefined {
  const names = stated === undefined ? EMBEDDING_OUTPUTS : [stated];
  const found = names.map((name) => outputs.find((output) => output.name === name));
  return found.find((output) => output !== undefined) ?? outputs[0];
}

/** Whether an output holds a vector for each text, and not for each token. */
export const isPooled = ({ shape }: TensorSpec): boolean => shape?.length === 2;

/** Tokens that a model takes: as is said for this server, or the least of what its exporters say. */
function lengthOf(dir: string, config: JsonObject, task: TextTask): number {
  const text = isObject(config['text_config']) ? config['text_config'] : {};
  const stated = (key: string): number | undefined => count(config, key, CONFIG) ?? count(text, key, CONFIG);
  const own = stated('max_length');
  if (own !== undefined) return own;
  const sentence = task === 'embedding' ? readObject(dir, SENTENCE) : undefined;
  const positions = ['max_position_embeddings', 'n_positions', 'n_ctx'].map(stated);
  const known = [positions.find((length) => length !== undefined), count(sentence ?? {}, 'max_seq_length', SENTENCE)];
  const lengths = known.filter((length) => length !== undefined);
  return lengths.length === 0 ? DEFAULT_LENGTH : Math.min(...lengths);
}

type Vectors = Pick<TextSettings, 'pooling' | 'normalize'>;

/** How vectors are made: as `config.json` says, else as sentence-transformers does. */
function vectorsOf(dir: string, config: JsonObject, output: TensorSpec | undefined): Vectors {
  const pooling = choice(config, 'pooling', Object.fromEntries(POOLINGS.map((name) => [name, name])));
  // A graph that gives the vectors of texts has made these steps.
  const isDone = pooling !== undefined || (output !== undefined && isPooled(output));
  const steps = readVectorSteps(dir);
  if (steps?.stranger !== undefined && !isDone) {
    const remedy = "export the model with the output 'sentence_embedding', or state pooling in config.json";
    throw invalidFile(MODULES, `a module ${steps.stranger} is not done here; ${remedy}`);
  }
  return {
    pooling: isDone ? pooling : steps?.pooling(),
    normalize: flag(config, 'normalize', steps?.normalize ?? true),
  };
}

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
  return {
    task,
    isStated: config['task'] !== undefined,
    maxLength: lengthOf(dir, config, task),
    ...(task === 'embedding'
      ? vectorsOf(dir, config, embeddingOutput(signature, output))
      : { pooling: undefined, normalize: true }),
    truncate: flag(config, 'truncate', false),
    output,
    endTokens: endTokens(generation, config),
    answerTokens: count(generation, 'max_new_tokens', GENERATION) ?? DEFAULT_ANSWER,
  };
}

import type { AnswerOptions } from '../text/completer';
import type { ChatMessage } from '../text/engine';
import type { TextInput } from '../text/embedder';
import { invalidParameter, unsupportedParameter } from '../text/errors';
import { objectOf, Parameters, textOf } from './openai-parameters';

/** A request for answers. */
export interface AnswerRequest {
  readonly model: string;
  readonly options: AnswerOptions;
  readonly stream: boolean;
  /** Whether the last event of a stream tells the tokens used. */
  readonly includeUsage: boolean;
}

/** A request for completions. */
export interface CompletionRequest extends AnswerRequest {
  readonly prompts: readonly TextInput[];
}

/** A request for an answer in a conversation. */
export interface ChatRequest extends AnswerRequest {
  readonly messages: readonly ChatMessage[];
}

/** A request for embeddings. */
export interface EmbeddingRequest {
  readonly model: string;
  readonly inputs: readonly TextInput[];
  readonly dimensions: number | undefined;
  readonly base64: boolean;
}

const LIMITS = { inputs: 2048, prompts: 32, messages: 1024, stops: 16, stopLength: 256, bias: 1024 } as const;
const MAX_TOKENS = { least: 1, most: 2 ** 31 - 1, integer: true } as const;
const MAX_LOGPROBS = 20;
const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;
const CALLER_ONLY = ['user', 'metadata', 'store', 'service_tier', 'safety_identifier', 'prompt_cache_key'] as const;

const isToken = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function tokensOf(value: readonly unknown[], where: string): readonly number[] {
  if (value.length > 0 && value.every(isToken)) return value;
  throw invalidParameter(where, 'is neither a text nor a list of tokens');
}

function inputOf(value: unknown, where: string): TextInput {
  if (Array.isArray(value)) return tokensOf(value, where);
  const text = textOf(value, where);
  if (text === '') throw invalidParameter(where, 'is empty');
  return text;
}

/** A text, tokens, or a list of either. */
function inputsOf(value: unknown, param: string, most: number): readonly TextInput[] {
  if (!Array.isArray(value)) return [inputOf(value, param)];
  const isSingle = value.length > 0 && value.every((each) => typeof each === 'number' || typeof each === 'bigint');
  if (isSingle) return [tokensOf(value, param)];
  if (value.length === 0 || value.length > most) throw invalidParameter(param, `is not a list of 1 to ${most} entries`);
  return value.map((each, index) => inputOf(each, `${param}[${index}]`));
}

/** Reads a request for embeddings. @throws RequestError */
export function readEmbeddingRequest(body: unknown): EmbeddingRequest {
  const parameters = new Parameters(objectOf(body, 'the body'));
  const model = parameters.requiredText('model');
  const inputs = inputsOf(parameters.raw('input'), 'input', LIMITS.inputs);
  const dimensions = parameters.number('dimensions', { least: 1, most: 65_536, integer: true });
  const base64 = parameters.choice('encoding_format', ['float', 'base64']) === 'base64';
  parameters.ignore('user');
  parameters.finish();
  return { model, inputs, dimensions, base64 };
}

function stopsOf(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > LIMITS.stops) throw invalidParameter('stop', `has more than ${LIMITS.stops} entries`);
  return list.map((each, index) => {
    const stop = textOf(each, `stop[${index}]`);
    if (stop !== '' && stop.length <= LIMITS.stopLength) return stop;
    throw invalidParameter(`stop[${index}]`, `is not a text of 1 to ${LIMITS.stopLength} characters`);
  });
}

function biasOf(value: unknown): readonly (readonly [number, number])[] {
  if (value === undefined) return [];
  const entries = Object.entries(objectOf(value, 'logit_bias'));
  if (entries.length > LIMITS.bias) throw invalidParameter('logit_bias', `has more than ${LIMITS.bias} entries`);
  return entries.map(([token, bias]) => {
    if (!/^\d{1,10}$/.test(token) || typeof bias !== 'number' || !(Math.abs(bias) <= 100)) {
      throw invalidParameter('logit_bias', 'is not an object of tokens with numbers from -100 to 100');
    }
    return [Number(token), bias];
  });
}

type OwnOptions = Pick<AnswerOptions, 'maxTokens' | 'logprobs' | 'continues'>;

/** What all requests for answers have in common, with what each kind reads in its own way. */
function answerOf(parameters: Parameters, own: OwnOptions): AnswerRequest {
  const penalty = { least: -2, most: 2 } as const;
  const sampling = {
    temperature: parameters.number('temperature', { least: 0, most: 2 }) ?? 1,
    topP: parameters.number('top_p', { least: 0, most: 1 }) ?? 1,
    topK: parameters.number('top_k', { least: 0, most: 4096, integer: true }) ?? 0,
    seed: parameters.number('seed', { least: -(2 ** 53 - 1), most: 2 ** 53 - 1, integer: true }),
    frequencyPenalty: parameters.number('frequency_penalty', penalty) ?? 0,
    presencePenalty: parameters.number('presence_penalty', penalty) ?? 0,
    bias: biasOf(parameters.raw('logit_bias')),
  };
  const stops = stopsOf(parameters.raw('stop'));
  const stream = parameters.flag('stream') ?? false;
  const streaming = parameters.raw('stream_options');
  let includeUsage = false;
  if (streaming !== undefined) {
    if (!stream) throw invalidParameter('stream_options', 'is for streams only');
    const inner = new Parameters(objectOf(streaming, 'stream_options'), 'stream_options.');
    includeUsage = inner.flag('include_usage') ?? false;
    inner.ignore('include_obfuscation');
    inner.finish();
  }
  const model = parameters.requiredText('model');
  parameters.ignore(...CALLER_ONLY);
  parameters.only({ n: 1 });
  return { model, options: { ...own, sampling, stops }, stream, includeUsage };
}

/** Reads a request for completions. @throws RequestError */
export function readCompletionRequest(body: unknown): CompletionRequest {
  const parameters = new Parameters(objectOf(body, 'the body'));
  const prompts = inputsOf(parameters.raw('prompt'), 'prompt', LIMITS.prompts);
  const maxTokens = parameters.number('max_tokens', MAX_TOKENS) ?? 16;
  const logprobs = parameters.number('logprobs', { least: 0, most: MAX_LOGPROBS, integer: true });
  const request = answerOf(parameters, { maxTokens, logprobs, continues: true });
  parameters.only({ best_of: 1, echo: false, suffix: undefined });
  parameters.finish();
  return { ...request, prompts };
}

/** The text of a message: a text, or parts of which each is one. */
function contentOf(value: unknown, where: string): string {
  if (!Array.isArray(value)) return textOf(value, where);
  return value
    .map((each, index) => {
      const part = new Parameters(objectOf(each, `${where}[${index}]`), `${where}[${index}].`);
      if (part.raw('type') !== 'text') throw unsupportedParameter(`${where}[${index}].type`, 'can only be "text"');
      const text = part.text('text') ?? '';
      part.finish();
      return text;
    })
    .join('');
}

function messageOf(value: unknown, index: number): ChatMessage {
  const where = `messages[${index}]`;
  const parameters = new Parameters(objectOf(value, where), `${where}.`);
  const role = parameters.choice('role', ROLES);
  if (role === undefined) throw invalidParameter(`${where}.role`, 'is missing');
  if (role === 'tool') throw unsupportedParameter(`${where}.role`, 'can not be "tool"');
  const content = contentOf(parameters.raw('content'), `${where}.content`);
  const name = parameters.text('name');
  // What clients send back of an earlier answer.
  parameters.ignore('refusal', 'annotations');
  parameters.only({ tool_calls: [], function_call: undefined, audio: undefined });
  parameters.finish();
  // Templates know the word of before.
  return { role: role === 'developer' ? 'system' : role, content, ...(name === undefined ? {} : { name }) };
}

function chatLogprobs(parameters: Parameters): number | undefined {
  const wanted = parameters.flag('logprobs') ?? false;
  const top = parameters.number('top_logprobs', { least: 0, most: MAX_LOGPROBS, integer: true });
  if (!wanted && top !== undefined) throw invalidParameter('top_logprobs', 'needs logprobs');
  return wanted ? (top ?? 0) : undefined;
}

/** Reads a request for an answer in a conversation. @throws RequestError */
export function readChatRequest(body: unknown): ChatRequest {
  const parameters = new Parameters(objectOf(body, 'the body'));
  const list = parameters.raw('messages');
  if (!Array.isArray(list) || list.length === 0 || list.length > LIMITS.messages) {
    throw invalidParameter('messages', `is not a list of 1 to ${LIMITS.messages} messages`);
  }
  const messages = list.map(messageOf);
  const older = parameters.number('max_tokens', MAX_TOKENS);
  const maxTokens = parameters.number('max_completion_tokens', MAX_TOKENS) ?? older;
  // A message is a text of its own: its first word has no space before it, whatever ends the prompt.
  const request = answerOf(parameters, { maxTokens, logprobs: chatLogprobs(parameters), continues: false });
  parameters.only({ response_format: { type: 'text' }, modalities: ['text'], tools: [], tool_choice: 'none' });
  parameters.finish();
  return { ...request, messages };
}

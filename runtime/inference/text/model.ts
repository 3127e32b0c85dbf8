import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { TEXT_FILES } from '../../contract';
import type { Backend, ModelSignature } from '../backends/backend';
import type { ModelIdentity } from '../data-plane';
import { ModelError } from '../errors';
import { readDecoder } from '../generation/decoder';
import { CacheLedger } from '../generation/ledger';
import type { EngineOptions } from '../generation/protocol';
import { Completer } from './completer';
import { Embedder } from './embedder';
import type { EmbedderParts } from './embedder';
import { otherTask } from './errors';
import { hasTokenizer, invalidFile } from './files';
import { readSettings } from './settings';
import type { TextSettings, TextTask } from './settings';
import { TextThread } from './thread';
import type { TextThreadOptions } from './thread';
import type { AnswerObserver } from './under-way';

/** What bounds the text side of a server. */
export interface TextLimits extends EngineOptions {
  /** Bytes that the caches of one model may take. */
  readonly cacheBytes: number;
  /** Bounds of tokenizer and template. */
  readonly thread?: TextThreadOptions;
}

/** Told of what a model of text does. */
export interface TextObserver extends AnswerObserver {
  /** Bytes of cache that are reserved. */
  readonly cache: (bytes: number) => void;
}

/** What a model of text is made from. */
export interface TextModelParts {
  readonly model: ModelIdentity;
  /** Its graph; the files of its tokenizer lie beside it. */
  readonly file: string;
  readonly signature: ModelSignature;
  readonly infer: EmbedderParts['infer'];
  readonly backend: Pick<Backend, 'generate'>;
  readonly limits: TextLimits;
  /** Whether its tensors are held to bounds, or filtered: text goes past both, so it takes none then. */
  readonly isGuarded: boolean;
  readonly observe: TextObserver;
  readonly log: Pick<FastifyBaseLogger, 'warn'>;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

const PASSES =
  'it has a task, and processing bounds its inputs or changes its outputs, which text would pass by; keep one of them';

/** A model with a tokenizer beside it: it takes text. */
export class TextModel {
  private constructor(
    readonly model: ModelIdentity,
    /** What it is for. */
    readonly task: TextTask,
    /** True where it has a chat template. */
    readonly chats: boolean,
    private readonly thread: TextThread,
    private readonly worker: { readonly embedder?: Embedder; readonly completer?: Completer },
  ) {}

  /**
   * Opens the text side of a loaded model; undefined where there is none.
   *
   * @throws ModelError when its files are wrong
   */
  static async open(parts: TextModelParts): Promise<TextModel | undefined> {
    const dir = path.dirname(parts.file);
    const stated = hasTokenizer(dir) ? readSettings(dir, parts.signature) : undefined;
    if (stated === undefined) return undefined;
    if (parts.isGuarded) {
      if (stated.isStated) throw invalidFile(TEXT_FILES.config, PASSES);
      return undefined;
    }
    const thread = new TextThread(dir, parts.limits.thread);
    try {
      const description = await thread.ask({ do: 'describe' });
      const maxLength = Math.min(stated.maxLength, description.maxLength ?? stated.maxLength);
      const common = { settings: { ...stated, maxLength }, description, thread };
      const worker =
        stated.task === 'embedding'
          ? { embedder: embedderOf(parts, common) }
          : { completer: await completerOf(parts, common) };
      return new TextModel(parts.model, stated.task, description.hasTemplate, thread, worker);
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  /** Turns texts into vectors. @throws RequestError when it is not for that */
  get embedder(): Embedder {
    const { embedder } = this.worker;
    if (embedder === undefined) throw otherTask('embeddings');
    return embedder;
  }

  /** Answers prompts. @throws RequestError when it is not for that */
  get completer(): Completer {
    const { completer } = this.worker;
    if (completer === undefined) throw otherTask('completions');
    return completer;
  }

  /** Ends its thread. */
  close(): Promise<void> {
    return this.thread.close();
  }
}

type Common = Pick<EmbedderParts, 'description' | 'thread'> & { readonly settings: TextSettings };

/** An embedder; a way of pooling that is only assumed makes vectors that may be wrong, and look right. */
function embedderOf({ infer, signature, model, log }: TextModelParts, common: Common): Embedder {
  const embedder = new Embedder({ ...common, infer }, signature);
  if (embedder.assumesPooling) {
    const { config, modules } = TEXT_FILES;
    log.warn(
      { ...model },
      `no file states the pooling of embeddings, mean is assumed; push ${modules} of the model with it, or state pooling in ${config}`,
    );
  }
  return embedder;
}

/** A completer that has answered once: a decoder that cannot is found out at load, and the first request is warm. */
async function completerOf(parts: TextModelParts, common: Common): Promise<Completer> {
  const { backend, limits, observe, now } = parts;
  const generate = backend.generate?.bind(backend);
  if (generate === undefined) throw new ModelError('LNMT8306', 'as a decoder: its backend keeps no caches');
  const { bytesPerToken } = readDecoder(parts.signature);
  const ledger = new CacheLedger(limits.cacheBytes, bytesPerToken, observe.cache);
  const silent = { prompt: () => undefined, tokens: () => undefined, first: () => undefined };
  const base = { ...common, generate, ledger, now, engine: { maxRows: limits.maxRows } };
  const sampling = { temperature: 0, topP: 1, topK: 0, seed: 0, frequencyPenalty: 0, presencePenalty: 0, bias: [] };
  const options = { sampling, maxTokens: 1, stops: [], logprobs: undefined, continues: true };
  const warmUp = new Completer({ ...base, observe: silent }).begin([0], options, {
    signal: new AbortController().signal,
  });
  try {
    while (!(await warmUp.next()).done);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new ModelError('LNMT8306', `as a decoder: ${cause}`, false, error);
  }
  return new Completer({ ...base, observe });
}

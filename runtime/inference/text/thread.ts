import path from 'node:path';
import { clientGone, ModelError } from '../errors';
import { QuestionThread } from '../threads/question-thread';
import type { Unanswered } from '../threads/question-thread';
import type { Asker } from '../threads/turn-queue';
import { textFailed } from './errors';
import type { TextAnswers, TextReply, TextRequest, TextWorkerData } from './worker';

/** Bounds of a text thread. */
export interface TextThreadOptions {
  /** Milliseconds that one question may take. @default 10000 */
  readonly deadlineMs?: number;
  /** Mebibytes of memory. @default 1024 */
  readonly memoryMb?: number;
}

const LIMITS = { deadlineMs: 10_000, memoryMb: 1_024 } as const;
/** Reading a large vocabulary takes longer than any question. */
const START_MS = 60_000;
/** Characters of texts that are turned into tokens in one go: some hundredths of a second, as a rule. */
const PIECE = 64 * 1024;
const WORKER = path.join(__dirname, 'worker');

const REFUSALS: Readonly<Record<Unanswered, () => Error>> = {
  closed: () => textFailed('the model is being unloaded'),
  slow: () => textFailed('it takes too long; shorten it'),
  large: () => textFailed('it takes too much memory; shorten it'),
  left: clientGone,
};

const total = (parts: readonly { readonly length: number }[]): number =>
  parts.reduce((sum, { length }) => sum + length, 0);

/** Characters or tokens that a question is about: either way what its answer takes. */
function sizeOf(request: TextRequest): number {
  switch (request.do) {
    case 'describe':
      return 0;
    case 'encode':
      return total(request.texts);
    case 'decode':
      return total(request.lists);
    case 'prompt':
      return request.text.length;
    case 'chat':
      return total(request.messages.map(({ content }) => content));
  }
}

type Kind = 'decoding' | 'short' | 'long';

function kindOf(request: TextRequest): Kind {
  if (request.do === 'decode') return 'decoding';
  return sizeOf(request) > PIECE ? 'long' : 'short';
}

/** Texts in groups of some length, so that whoever asks for many lets others in between, and can leave. */
function piecesOf(texts: readonly string[]): string[][] {
  const pieces: string[][] = [];
  let room = 0;
  for (const text of texts) {
    if (text.length > room || pieces.length === 0) {
      pieces.push([]);
      room = PIECE;
    }
    pieces.at(-1)?.push(text);
    room -= text.length;
  }
  return pieces;
}

/**
 * Tokenizer and chat template of a model in threads of their own: text is of any length and templates are programs, and
 * neither may keep the sockets waiting. Nor other texts: what takes seconds has a thread for itself, and so has the text
 * of answers, each token of which somebody waits for. A thread begins with its first question.
 */
export class TextThread {
  private readonly threads: Readonly<Record<Kind, QuestionThread<TextRequest, TextReply>>>;

  constructor(dir: string, options: TextThreadOptions = {}) {
    const thread = (decodesOnly: boolean): QuestionThread<TextRequest, TextReply> =>
      new QuestionThread({
        ...{ ...LIMITS, ...options },
        ...{ startMs: START_MS, worker: WORKER, workerData: { dir, decodesOnly } satisfies TextWorkerData },
        refusal: (why) => REFUSALS[why](),
      });
    this.threads = { decoding: thread(true), short: thread(false), long: thread(false) };
  }

  /** Asks. @throws RequestError `LNMT8245` when it takes too long, ModelError when the files are wrong */
  async ask<K extends keyof TextAnswers>(
    request: Extract<TextRequest, { do: K }>,
    asker?: Asker,
  ): Promise<TextAnswers[K]> {
    const thread = this.threads[kindOf(request)];
    const reply = await thread.ask({ question: request, cost: 1 + sizeOf(request) }, asker);
    if ('answer' in reply) return reply.answer as TextAnswers[K];
    throw reply.isFault ? new ModelError('LNMT8315', reply.failed) : textFailed('the tokenizer refuses it');
  }

  /** Tokens of texts, with what the tokenizer writes around each. @throws as {@link ask} */
  async encode(texts: readonly string[], asker?: Asker): Promise<number[][]> {
    const lists: number[][] = [];
    for (const piece of piecesOf(texts)) {
      lists.push(...(await this.ask({ do: 'encode', texts: piece, special: true }, asker)));
    }
    return lists;
  }

  /** Ends the threads; open questions fail. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.threads).map((thread) => thread.close()));
  }
}

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Cancellation } from '../../shared/cancellation';
import { signalOf } from '../../shared/cancellation';
import type { TextNote } from '../payload-log/text-note';
import type { AnswerPiece, Completer } from '../text/completer';
import type { Asker } from '../threads/turn-queue';
import { mergeAnswers } from './merge-answers';
import type { ChoicePiece } from './merge-answers';
import { LogprobWriter } from './openai-logprobs';
import type { AnswerRequest } from './openai-request';

/** Tokens that a request used. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** What a choice of a whole answer says: its text, or the message that it is. */
export interface ChoiceText {
  readonly text?: string;
  readonly message?: { readonly role: 'assistant'; readonly content: string; readonly refusal: null };
}

/** A choice of a whole answer. */
export interface Choice extends ChoiceText {
  readonly index: number;
  /** Probabilities of its tokens; null when they were not asked for. */
  readonly logprobs: object | null;
  readonly finish_reason: string | null;
}

/** A whole answer in the form of OpenAI's API. */
export interface WholeAnswer extends Head {
  readonly object: string;
  readonly choices: readonly Choice[];
  readonly usage: Usage;
}

/** How the two kinds of answers are written. */
export interface AnswerForm {
  readonly idPrefix: string;
  /** The `object` of a whole answer and of an event. */
  readonly objects: { readonly whole: string; readonly event: string };
  /** A choice of a whole answer. */
  readonly whole: (text: string) => ChoiceText;
  /** A choice of an event; the first one of an answer is marked. */
  readonly part: (text: string, isFirst: boolean) => object;
  readonly logprobs: 'chat' | 'completion';
}

/** Completions of prompts. */
export const COMPLETION: AnswerForm = {
  idPrefix: 'cmpl',
  objects: { whole: 'text_completion', event: 'text_completion' },
  whole: (text) => ({ text }),
  part: (text) => ({ text }),
  logprobs: 'completion',
};

/** Answers in conversations. */
export const CHAT: AnswerForm = {
  idPrefix: 'chatcmpl',
  objects: { whole: 'chat.completion', event: 'chat.completion.chunk' },
  whole: (content) => ({ message: { role: 'assistant', content, refusal: null } }),
  part: (content, isFirst) => ({ delta: isFirst ? { role: 'assistant', content } : { content } }),
  logprobs: 'chat',
};

/** Answers to all prompts of a request. */
export interface Answering {
  readonly completer: Completer;
  /** Tokens of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  readonly request: AnswerRequest;
  readonly form: AnswerForm;
  /** Who asks, as long as the answer is of use. */
  readonly asker: Asker & { readonly signal: Cancellation };
  /** Seconds since the epoch. */
  readonly created: number;
  /** Told of what is sent. @default - nobody notes it */
  readonly note?: TextNote | undefined;
}

/** Listeners of one answer. */
const LISTENERS = 4;

/** Writes the answers to one request. */
export class AnswerWriter {
  private readonly head: Head;
  private readonly writers: readonly LogprobWriter[];
  private generated = 0;

  constructor(private readonly work: Answering) {
    const { form, created, request, prompts, completer } = work;
    this.head = { id: `${form.idPrefix}-${randomUUID()}`, created, model: request.model };
    this.writers = prompts.map(() => new LogprobWriter(completer, form.logprobs, !request.stream));
  }

  /** Takes the places in the cache: what does not fit is refused before anything is sent. @throws RequestError */
  begin(): AsyncGenerator<ChoicePiece, void> {
    const { completer, prompts, request, asker } = this.work;
    const begun: AsyncGenerator<AnswerPiece, void>[] = [];
    const leaving = new AbortController();
    const signal = AbortSignal.any([signalOf(asker.signal), leaving.signal]);
    // Each answer listens, and so does the reading of its tokens: more than these would be a leak.
    setMaxListeners(LISTENERS * prompts.length, signal);
    try {
      for (const prompt of prompts) begun.push(completer.begin(prompt, request.options, { ...asker, signal }));
    } catch (error) {
      leaving.abort();
      throw error;
    }
    return mergeAnswers(begun, () => leaving.abort());
  }

  /** The whole answer. @throws RequestError */
  async whole(pieces: AsyncGenerator<ChoicePiece, void>): Promise<WholeAnswer> {
    const { form, prompts, note, asker } = this.work;
    const texts = prompts.map(() => '');
    const finishes = prompts.map((): AnswerPiece['finish'] => undefined);
    for await (const { index, piece } of pieces) {
      texts[index] = (texts[index] ?? '') + piece.text;
      finishes[index] = piece.finish;
      this.generated += piece.steps.length;
      await this.writers[index]?.take(piece.steps);
    }
    if (!asker.signal.aborted) texts.forEach((text, index) => note?.sent(index, text, finishes[index]));
    note?.generated(this.generated);
    const choices = texts.map((text, index) => ({
      ...{ index, ...form.whole(text), logprobs: this.writers[index]?.all() ?? null },
      finish_reason: finishes[index] ?? null,
    }));
    return { ...this.head, object: form.objects.whole, choices, usage: this.usage() };
  }

  /** The answer as events. @throws RequestError */
  async *events(pieces: AsyncGenerator<ChoicePiece, void>): AsyncGenerator<object, void> {
    const { form, request, note } = this.work;
    const object = form.objects.event;
    const withUsage = request.includeUsage ? { usage: null } : {};
    const started = new Set<number>();
    for await (const { index, piece } of pieces) {
      this.generated += piece.steps.length;
      note?.sent(index, piece.text, piece.finish);
      note?.generated(this.generated);
      const logprobs = (await this.writers[index]?.take(piece.steps)) ?? null;
      const isFirst = !started.has(index);
      if (!isFirst && piece.text === '' && piece.finish === undefined && logprobs === null) continue;
      started.add(index);
      const part = form.part(piece.text, isFirst);
      const choices = [{ index, ...part, logprobs, finish_reason: piece.finish ?? null }];
      yield { ...this.head, object, choices, ...withUsage };
    }
    if (request.includeUsage) yield { ...this.head, object, choices: [], usage: this.usage() };
  }

  private usage(): Usage {
    const prompt = this.work.prompts.reduce((sum, ids) => sum + ids.length, 0);
    const { generated } = this;
    return { prompt_tokens: prompt, completion_tokens: generated, total_tokens: prompt + generated };
  }
}

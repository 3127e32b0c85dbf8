import { randomInt } from 'node:crypto';
import type { RequestError } from '../../shared/errors';
import type { GenerationWork } from '../backends/backend';
import { Answer } from '../generation/answer';
import type { GenerationListener } from '../generation/answer';
import type { CacheLedger } from '../generation/ledger';
import type { EngineOptions, GenerationStep, SamplingOptions } from '../generation/protocol';
import type { Asker } from '../threads/turn-queue';
import { AnswerText } from './answer-text';
import type { Decode } from './answer-text';
import type { ChatMessage, Counted, TextDescription } from './engine';
import type { TextInput } from './embedder';
import { controlToken, invalidParameter, otherTask, templateRefused, tooManyTokens } from './errors';
import type { TextSettings } from './settings';
import type { TextThread } from './thread';
import { UnderWay } from './under-way';
import type { AnswerObserver, Way } from './under-way';

/** How the tokens of an answer are chosen. */
export interface AnswerSampling extends Omit<SamplingOptions, 'seed'> {
  /** Start of the random numbers; each answer has one of its own where none is stated. */
  readonly seed: number | undefined;
}

/** What an answer shall be. */
export interface AnswerOptions {
  readonly sampling: AnswerSampling;
  /** Most tokens; as many as the model allows when absent. */
  readonly maxTokens: number | undefined;
  /** Texts that end the answer and are no part of it. */
  readonly stops: readonly string[];
  /** Likeliest tokens to tell of each step; absent where no probabilities are wanted. */
  readonly logprobs: number | undefined;
  /** Whether its text goes on from that of the prompt, as spaces between the two show; else it is a text of its own. */
  readonly continues: boolean;
}

/** A part of an answer. */
export interface AnswerPiece {
  readonly text: string;
  /** Steps whose tokens the answer has now, up to a stop text; not all of their text need be in `text` yet. */
  readonly steps: readonly GenerationStep[];
  readonly finish: 'stop' | 'length' | undefined;
}

/** What answers are made with. */
export interface CompleterParts {
  readonly settings: TextSettings;
  readonly description: TextDescription;
  readonly thread: TextThread;
  readonly generate: (work: GenerationWork, listener: GenerationListener) => () => void;
  readonly ledger: CacheLedger;
  readonly engine: EngineOptions;
  readonly observe: AnswerObserver;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

const CHARACTERS_PER_TOKEN = 128;
const SEEDS = 2 ** 32;

/** Turns prompts and conversations into answers with a decoder. */
export class Completer {
  private readonly under: UnderWay;

  constructor(private readonly parts: CompleterParts) {
    this.under = new UnderWay(parts.observe, parts.now);
  }

  /** Tokens of a prompt. @throws RequestError */
  async prompt(input: TextInput, param: string, asker?: Asker): Promise<readonly number[]> {
    if (typeof input !== 'string') return this.checked(input, param);
    this.checkCharacters(input.length, param);
    const counted = await this.parts.thread.ask({ do: 'prompt', text: input, most: this.mostTokens }, asker);
    return this.counted(counted, param);
  }

  /** Tokens of a conversation. @throws RequestError */
  async conversation(messages: readonly ChatMessage[], asker?: Asker): Promise<readonly number[]> {
    const { thread, description } = this.parts;
    if (!description.hasTemplate) throw otherTask('chat: it has no chat template');
    this.checkCharacters(
      messages.reduce((sum, { content }) => sum + content.length, 0),
      'messages',
    );
    const rendered = await thread.ask({ do: 'chat', messages, most: this.mostTokens }, asker);
    if ('refused' in rendered) throw templateRefused(rendered.refused);
    if ('controlTokenIn' in rendered) throw controlToken(`messages[${rendered.controlTokenIn}]`);
    return this.counted(rendered, 'messages');
  }

  /**
   * Answers a prompt, piece by piece. The place in the cache is taken before the first piece is asked for.
   *
   * @throws RequestError
   */
  begin(
    ids: readonly number[],
    options: AnswerOptions,
    asker: Asker & { readonly signal: AbortSignal },
  ): AsyncGenerator<AnswerPiece, void> {
    const { ledger, generate, engine } = this.parts;
    const maxTokens = this.answerLength(ids.length, options.maxTokens);
    const endTokens = this.endTokens();
    const way = this.under.begin(ledger.reserve(ids.length + maxTokens));
    const { logprobs } = options;
    const sampling = { ...options.sampling, seed: options.sampling.seed ?? randomInt(SEEDS) };
    const generation = { sampling, maxTokens, endTokens, logprobs, caller: asker.caller };
    const work = { prompt: Int32Array.from(ids), options: generation, engine };
    try {
      const answer = new Answer((listener) => generate(work, listener), asker.signal, way.over);
      this.parts.observe.prompt(ids.length);
      const text = new AnswerText(this.decoder(asker), options.stops, options.continues ? ids : []);
      return this.pieces(answer, text, way);
    } catch (error) {
      way.over();
      throw error;
    }
  }

  private decoder(asker: Asker): Decode {
    return (lists) => this.parts.thread.ask({ do: 'decode', lists, skipSpecial: true }, asker);
  }

  private async *pieces(answer: Answer, text: AnswerText, way: Way): AsyncGenerator<AnswerPiece, void> {
    try {
      for await (const steps of answer) {
        way.spoke(steps.length);
        const finish = steps.at(-1)?.finish;
        const spoken = steps.filter((step) => step.finish !== 'stop');
        const ids = spoken.flatMap(({ token }) => (token === undefined ? [] : [token]));
        const piece = await text.push(ids, finish !== undefined);
        if (piece.stopped) {
          yield { text: piece.text, steps: spoken.slice(0, piece.tokens), finish: 'stop' };
          return;
        }
        yield {
          text: piece.text,
          steps: spoken,
          finish: finish === 'stop' || finish === 'length' ? finish : undefined,
        };
      }
    } finally {
      answer.cancel();
    }
  }

  /**
   * Texts of single tokens, as each has it inside a text: alone many would lose the space before them.
   *
   * @param begin how many of them have it as the first of a text
   */
  async tokenTexts(ids: readonly number[], begin: number): Promise<readonly string[]> {
    if (ids.length === 0) return [];
    const { neutral } = this.parts.description;
    const lists = ids.map((id, index) => (neutral === undefined || index < begin ? [id] : [neutral.token, id]));
    const texts = await this.parts.thread.ask({ do: 'decode', lists, skipSpecial: false });
    return texts.map((text, index) => (lists[index]?.length === 1 ? text : text.slice(neutral?.text.length)));
  }

  /** Those that the files of the model state, and that of its tokenizer: a model may end its turns with either. */
  private endTokens(): readonly number[] {
    const { settings, description } = this.parts;
    const { endToken } = description;
    return endToken === undefined ? settings.endTokens : [...new Set([...settings.endTokens, endToken])];
  }

  private answerLength(prompt: number, wanted: number | undefined): number {
    const { maxLength, answerTokens } = this.parts.settings;
    const room = maxLength - prompt;
    if (wanted === undefined) return Math.min(answerTokens, room);
    if (wanted <= room) return wanted;
    throw tooManyTokens(
      'max_tokens',
      `${wanted} after a prompt of ${prompt} tokens; the model takes ${maxLength} in all`,
    );
  }

  private checkCharacters(characters: number, param: string): void {
    const most = this.parts.settings.maxLength * CHARACTERS_PER_TOKEN;
    if (characters > most) throw tooManyTokens(param, `${characters} characters; at most ${most}`);
  }

  /** Tokens of the longest prompt, which leaves room for one more. */
  private get mostTokens(): number {
    return this.parts.settings.maxLength - 1;
  }

  private counted(tokens: Counted, param: string): readonly number[] {
    if ('ids' in tokens) return this.checked(tokens.ids, param);
    throw this.tooLong(param, `at least ${tokens.atLeast}`);
  }

  private tooLong(param: string, tokens: number | string): RequestError {
    const { maxLength } = this.parts.settings;
    return tooManyTokens(param, `${tokens} tokens leave no room for an answer; the model takes ${maxLength}`);
  }

  private checked(ids: readonly number[], param: string): readonly number[] {
    const { description } = this.parts;
    if (ids.length === 0) throw invalidParameter(param, 'has no tokens');
    if (ids.length > this.mostTokens) throw this.tooLong(param, ids.length);
    if (ids.some((id) => id >= description.vocabulary)) {
      throw invalidParameter(param, `a token is not below ${description.vocabulary}`);
    }
    return ids;
  }
}

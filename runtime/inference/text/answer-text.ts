/** Turns lists of tokens into texts. */
export type Decode = (lists: readonly (readonly number[])[]) => Promise<readonly string[]>;

/** What became text. */
export interface TextPiece {
  readonly text: string;
  /** Tokens of those taken that the answer has: all, or those up to the one that completes a stop text. */
  readonly tokens: number;
  /** True when a stop text was met: nothing follows. */
  readonly stopped: boolean;
}

/** Stands for bytes that are no character, perhaps because the rest of it has not come yet. */
const INCOMPLETE = '\uFFFD';
/** Tokens of a prompt that the first ones of its answer are decoded with. */
const PROMPT_CONTEXT = 6;
/** Tokens that others are decoded with, at most, where the last ones have no text: such as control tokens have none. */
const MOST_CONTEXT = 64;
/** Tokens after which what is incomplete stays so: no character has more bytes. */
const PATIENCE = 8;

/** The longest end of a text that a stop text may begin with. */
function heldBack(text: string, stops: readonly string[]): number {
  let most = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > most; length--) {
      if (text.endsWith(stop.slice(0, length))) most = length;
    }
  }
  return most;
}

const withoutHalf = (text: string): string => text.replace(/\uFFFD+$/, '');

/** What a text has after another that it goes on from; a half of a character there may have become a whole one. */
function addedTo(before: string, now: string): string {
  return now.slice(now.startsWith(before) ? before.length : withoutHalf(before).length);
}

function firstStop(text: string, stops: readonly string[]): number {
  const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

/**
 * The text of an answer, as its tokens come. Characters are given out whole, and never any part of a stop text.
 * Tokens are decoded with a few before them, because many tokenizers write a token by what precedes it. Some of those
 * have text: behind nothing but control tokens a token is written as the first of a text.
 */
export class AnswerText {
  private readonly ids: number[];
  private context = 0;
  private written: number;
  private pending = '';
  /** Characters that are whole of what is not written yet, and the tokens that there were when they came. */
  private whole: { readonly length: number; readonly at: number };

  /** @param before tokens that the text goes on from, and that are no part of it */
  constructor(
    private readonly decode: Decode,
    private readonly stops: readonly string[],
    before: readonly number[] = [],
  ) {
    this.ids = before.slice(-PROMPT_CONTEXT);
    this.written = this.ids.length;
    this.whole = { length: 0, at: this.written };
  }

  /** Takes tokens, the last ones when it is said so. With stops, what came at once ends as if each had come alone. */
  async push(tokens: readonly number[], isLast: boolean): Promise<TextPiece> {
    this.ids.push(...tokens);
    const windows = [this.ids.slice(this.context, this.written), this.ids.slice(this.context)];
    const [before = '', now = ''] = this.ids.length > this.written ? await this.decode(windows) : [];
    const added = addedTo(before, now);
    const text = this.pending + added;
    if (tokens.length > 1 && firstStop(text, this.stops) >= 0) {
      const early = await this.stopBefore(tokens.length - 1, before);
      if (early !== undefined) return early;
    }
    if ((isLast || this.isWhole(now, added)) && now.length >= before.length) {
      this.pending = text;
      if (added !== '' || this.ids.length - this.context > MOST_CONTEXT) this.context = this.written;
      this.written = this.ids.length;
      this.whole = { length: 0, at: this.written };
    }
    return this.release(tokens.length, isLast);
  }

  /** False while the rest of a last character may come. */
  private isWhole(now: string, added: string): boolean {
    const { length } = withoutHalf(added);
    if (length > this.whole.length) this.whole = { length, at: this.ids.length };
    return !now.endsWith(INCOMPLETE) || this.ids.length - this.whole.at > PATIENCE;
  }

  /** The answer up to the first of so many tokens before the last that completes a stop text; undefined if none does. */
  private async stopBefore(count: number, before: string): Promise<TextPiece | undefined> {
    const first = this.ids.length - count;
    const ends = Array.from({ length: count }, (_, index) => this.ids.slice(this.context, first + index));
    for (const [index, now] of (await this.decode(ends)).entries()) {
      if (now.endsWith(INCOMPLETE)) continue;
      const text = this.pending + addedTo(before, now);
      const stop = firstStop(text, this.stops);
      if (stop >= 0) return { text: text.slice(0, stop), tokens: index + 1, stopped: true };
    }
    return undefined;
  }

  private release(tokens: number, isLast: boolean): TextPiece {
    const stop = firstStop(this.pending, this.stops);
    if (stop >= 0) return { text: this.take(stop), tokens, stopped: true };
    const held = isLast ? 0 : heldBack(this.pending, this.stops);
    return { text: this.take(this.pending.length - held), tokens, stopped: false };
  }

  private take(length: number): string {
    const text = this.pending.slice(0, length);
    this.pending = this.pending.slice(length);
    return text;
  }
}

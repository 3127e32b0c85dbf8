import { describe, expect, it } from 'vitest';
import type { GenerationWork } from '../../../../runtime/inference/backends/backend';
import type { GenerationListener } from '../../../../runtime/inference/generation/answer';
import { CacheLedger } from '../../../../runtime/inference/generation/ledger';
import type { GenerationStep } from '../../../../runtime/inference/generation/protocol';
import { Completer } from '../../../../runtime/inference/text/completer';
import type { AnswerOptions, AnswerPiece } from '../../../../runtime/inference/text/completer';
import { TextEngine } from '../../../../runtime/inference/text/engine';
import type { TextThread } from '../../../../runtime/inference/text/thread';
import { GREEDY } from '../../support/decoding';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles, TRAINED, writeFiles } from '../../support/text-store';

type Decoding = { readonly lists: readonly (readonly number[])[]; readonly skipSpecial: boolean };

const OPTIONS: AnswerOptions = { sampling: GREEDY, maxTokens: 40, stops: [], logprobs: undefined, continues: true };

/** A completer whose decoder says what it is told to, and whose tokenizer is in this thread. */
class Scripted {
  readonly engine: TextEngine;
  readonly work: GenerationWork[] = [];
  readonly completer: Completer;
  private readonly listeners: GenerationListener[] = [];

  constructor(files = decoderFiles(), endTokens: readonly number[] = []) {
    const engine = new TextEngine(writeFiles(temporaryFolder(), files));
    this.engine = engine;
    const ask = async ({ lists, skipSpecial }: Decoding): Promise<string[]> => engine.decode(lists, skipSpecial);
    this.completer = new Completer({
      settings: {
        ...{ task: 'generation', isStated: false, maxLength: 256, pooling: 'mean', normalize: true, truncate: false },
        ...{ output: undefined, endTokens, answerTokens: 16 },
      },
      description: engine.describe(),
      thread: { ask } as unknown as TextThread,
      generate: (work, listener) => {
        this.work.push(work);
        this.listeners.push(listener);
        return () => undefined;
      },
      ledger: new CacheLedger(2 ** 30, 1, () => undefined),
      engine: { maxRows: 1 },
      observe: { prompt: () => undefined, tokens: () => undefined, first: () => undefined },
      now: () => 0,
    });
  }

  begin(prompt: readonly number[], options: Partial<AnswerOptions> = {}): AsyncGenerator<AnswerPiece, void> {
    return this.completer.begin(prompt, { ...OPTIONS, ...options }, { signal: new AbortController().signal });
  }

  /** Steps that an answer takes before anything of it is read. */
  say(answer: number, tokens: readonly number[], last: GenerationStep = {}): void {
    tokens.forEach((token, index) =>
      this.listeners[answer]?.step({ token, ...(index === tokens.length - 1 ? last : {}) }),
    );
  }
}

describe('answers that are drawn', () => {
  it('have each a seed of its own where none is stated', () => {
    const scripted = new Scripted();
    const sampling = { ...GREEDY, temperature: 1, seed: undefined };
    const seeds = (): unknown[] => scripted.work.splice(0).map(({ options }) => options.sampling.seed);
    for (let answer = 0; answer < 8; answer++) scripted.begin([1, 2], { sampling });
    expect(new Set(seeds()).size).toBe(8);
    for (const seed of [7, 7]) scripted.begin([1, 2], { sampling: { ...sampling, seed } });
    expect(seeds()).toEqual([7, 7]);
  });
});

describe('the text of an answer', () => {
  const { 'tokenizer.json': bytes = new Uint8Array(), ...others } = decoderFiles();
  const trained = JSON.parse(Buffer.from(bytes).toString()) as { model: object; added_tokens: readonly object[] };
  const WORDS = ['\u2581The', '\u2581capital', '\u2581is', '\u2581Paris', '!'];
  /** A tokenizer that writes the space before a word into its token, and takes the first one of a text away. */
  const spaced = {
    ...{ ...trained, pre_tokenizer: null, added_tokens: [] },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: { ...trained.model, merges: [], vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])) },
  };
  const files = { ...others, 'tokenizer.json': Buffer.from(JSON.stringify(spaced)) };

  async function answer(scripted: Scripted, prompt: readonly number[], tokens: readonly number[], continues: boolean) {
    const pieces = scripted.begin(prompt, { continues });
    scripted.say(scripted.work.length - 1, tokens, { finish: 'length' });
    let text = '';
    for await (const piece of pieces) text += piece.text;
    return text;
  }

  it('goes on from its prompt where it is a completion, and is one of its own where it is a message', async () => {
    const scripted = new Scripted(files);
    const whole = scripted.engine.decode([[0, 1, 2, 3, 4]], true)[0];
    expect(whole).toBe('The capital is Paris!');
    for (let length = 1; length < 5; length++) {
      const [prompt, rest] = [[0, 1, 2, 3, 4].slice(0, length), [0, 1, 2, 3, 4].slice(length)];
      const [start = ''] = scripted.engine.decode([prompt], true);
      expect(start + (await answer(scripted, prompt, rest, true))).toBe(whole);
    }
    expect(await answer(scripted, [0, 1, 2], [3, 4], false)).toBe('Paris!');
  });

  it('has the whole of a character that begins in the prompt, and no part of the prompt beside', async () => {
    const scripted = new Scripted();
    const [a, b] = [
      scripted.engine.encode(['a'], false)[0]?.[0] ?? 0,
      scripted.engine.encode(['b'], false)[0]?.[0] ?? 0,
    ];
    const [first = 0, second = 0] = scripted.engine.encode(['\u00e9'], false)[0] ?? [];
    expect(await answer(scripted, [a, first], [second, b], true)).toBe('\u00e9b');
    const [mark = []] = scripted.engine.encode(['a\uFFFD'], false);
    expect(await answer(scripted, mark, [b], true)).toBe('b');
  });
});

describe('the tokens that end an answer', () => {
  it('are those that the files of the model state, and that of its tokenizer', () => {
    const ends = (stated: readonly number[], tokenizer = true): unknown => {
      const unnamed = { ...decoderFiles(), 'tokenizer_config.json': Buffer.from('{}') };
      const scripted = new Scripted(tokenizer ? decoderFiles() : unnamed, stated);
      scripted.begin([1]);
      return scripted.work[0]?.options.endTokens;
    };
    expect([ends([5, 6]), ends([]), ends([TRAINED.end])]).toEqual([[5, 6, TRAINED.end], [TRAINED.end], [TRAINED.end]]);
    expect([ends([5], false), ends([], false)]).toEqual([[5], []]);
  });
});

describe('an answer that a stop text ends', () => {
  const scripted = new Scripted();

  /** What an answer is whose tokens come in groups of some size. */
  async function answer(tokens: readonly number[], stops: readonly string[], size: number) {
    const pieces = scripted.begin([1], { stops });
    const number = scripted.work.length - 1;
    const read: AnswerPiece[] = [];
    for (let start = 0; start < tokens.length && read.at(-1)?.finish === undefined; start += size) {
      const group = tokens.slice(start, start + size);
      scripted.say(number, group, start + size >= tokens.length ? { finish: 'length' } : {});
      const piece = await pieces.next();
      if (!piece.done) read.push(piece.value);
    }
    const steps = read.flatMap((piece) => piece.steps.map(({ token }) => token));
    return { text: read.map(({ text }) => text).join(''), steps, finish: read.at(-1)?.finish };
  }

  it('has the tokens up to the one that completes it, however many come at once', async () => {
    const text = 'the cat \u{1f408} sat on the mat \u{1f408}\u{1f408} and ran on the dog';
    const [ids = []] = scripted.engine.encode([text], false);
    for (const stops of [
      ['cat'],
      [' sat on the mat', 'on'],
      ['\u{1f408}'],
      ['mat \u{1f408}'],
      ['never', 'dog'],
      ['never'],
    ]) {
      const alone = await answer(ids, stops, 1);
      const places = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
      if (places.length > 0) {
        expect(alone.steps.length).toBeLessThanOrEqual(ids.length);
        expect(scripted.engine.decode([ids.slice(0, alone.steps.length - 1)], true)[0]).not.toContain(stops.at(-1));
      }
      for (const size of [2, 3, 7, ids.length]) expect([size, await answer(ids, stops, size)]).toEqual([size, alone]);
    }
  });

  it('tells no tokens after it in one piece of many', async () => {
    const [ids = []] = scripted.engine.encode(['the cat sat on the mat'], false);
    const [short = []] = scripted.engine.encode(['the cat'], false);
    expect(await answer(ids, ['cat'], ids.length)).toEqual({ text: 'the ', steps: short, finish: 'stop' });
  });
});

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
import { decoderFiles, writeFiles } from '../../support/text-store';

type Decoding = { readonly lists: readonly (readonly number[])[]; readonly skipSpecial: boolean };

const OPTIONS: AnswerOptions = { sampling: GREEDY, maxTokens: 40, stops: [], logprobs: undefined };

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

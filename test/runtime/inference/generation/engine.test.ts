import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OnnxBackend } from '../../../../runtime/inference/backends/onnx';
import { Engine } from '../../../../runtime/inference/generation/engine';
import type { GenerationOptions, GenerationStep } from '../../../../runtime/inference/generation/protocol';
import { generator } from '../../../../runtime/inference/generation/sampling';
import { GREEDY, greedy, loaded, naive } from '../../support/decoding';
import { temporaryFolder } from '../../support/temporary';
import { decoderModel, TINY } from '../../support/text-models';

const VOCABULARY = 50;
const BYTES_PER_TOKEN = 2 * TINY.layers * TINY.hidden * 4;

let dir: string;
let model: OnnxBackend;
const others: OnnxBackend[] = [];

beforeAll(async () => {
  dir = temporaryFolder();
  fs.writeFileSync(path.join(dir, 'decoder.onnx'), decoderModel({ vocabulary: VOCABULARY }));
  model = await loaded(path.join(dir, 'decoder.onnx'));
});

afterAll(async () => {
  await Promise.all([model, ...others].map((each) => each.close()));
  fs.rmSync(dir, { recursive: true });
});

interface Wanted {
  readonly prompt: readonly number[];
  readonly options: GenerationOptions;
  /** Turn before which it comes. */
  readonly at?: number;
}

class Bench {
  readonly steps = new Map<number, GenerationStep[]>();
  runs = 0;
  /** Most rows of one run. */
  rows = 0;
  engine!: Engine;

  static async open(backend: OnnxBackend, maxRows = 8): Promise<Bench> {
    const bench = new Bench();
    if (backend.signature === undefined) throw new Error('not loaded');
    const runner: Pick<OnnxBackend, 'run'> = {
      run: (inputs, outputs) => {
        bench.runs += 1;
        bench.rows = Math.max(bench.rows, inputs[0]?.shape[0] ?? 0);
        return backend.run(inputs, outputs);
      },
    };
    bench.engine = await Engine.open(runner, backend.signature, { maxRows }, ({ id }, step) => {
      bench.steps.set(id, [...(bench.steps.get(id) ?? []), step]);
    });
    [bench.runs, bench.rows] = [0, 0];
    return bench;
  }

  tokens(id: number): number[] {
    return (this.steps.get(id) ?? []).flatMap(({ token }) => (token === undefined ? [] : [token]));
  }

  async generate(wanted: readonly Wanted[]): Promise<number[][]> {
    for (let turn = 0; turn === 0 || this.engine.busy || wanted.some(({ at = 0 }) => at >= turn); turn++) {
      wanted.forEach(({ prompt, options, at = 0 }, id) => {
        if (at === turn) this.engine.add(id, Int32Array.from(prompt), options);
      });
      await this.engine.turn();
    }
    return wanted.map((_each, id) => this.tokens(id));
  }
}

function prompts(count: number, seed = 7): number[][] {
  const random = generator(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: 1 + Math.floor(random() * 20) }, () => Math.floor(random() * VOCABULARY)),
  );
}

describe('greedy generation with a cache', () => {
  it('gives token for token what a naive loop without a cache gives', async () => {
    for (const prompt of prompts(5)) {
      const bench = await Bench.open(model);
      expect(await bench.generate([{ prompt, options: greedy(24) }])).toEqual([await naive(model, prompt, 24)]);
    }
  });

  it('gives each answer of a batch what it gets alone, whenever it joins', async () => {
    const wanted = prompts(12).map((prompt, index) => ({
      prompt,
      options: greedy(5 + 3 * index),
      at: (index * 5) % 17,
    }));
    const bench = await Bench.open(model);
    const together = await bench.generate(wanted);
    expect(bench.rows).toBe(8);
    for (const [index, { prompt, options }] of wanted.entries()) {
      expect(together[index]).toEqual(await naive(model, prompt, options.maxTokens));
    }
    const tokens = together.flat().length;
    // A run for each token would be as many; shared ones are far fewer.
    expect(bench.runs).toBeLessThan(tokens / 2);
  });

  it('takes long prompts in pieces between which others get their tokens', async () => {
    const [long] = [Array.from({ length: 200 }, (_, index) => (index * 31) % VOCABULARY)];
    const bench = await Bench.open(model);
    Reflect.set(bench.engine, 'chunk', 16);
    const wanted = [
      { prompt: [1, 2, 3], options: greedy(40) },
      { prompt: long, options: greedy(10), at: 2 },
    ];
    const [, answer] = await bench.generate(wanted);
    expect(answer).toEqual(await naive(model, long, 10));
    expect(bench.tokens(0)).toHaveLength(40);
  });

  it('takes prompts in turns, so that a long one holds up no first token of a short one, nor of another caller', async () => {
    const bench = await Bench.open(model);
    Reflect.set(bench.engine, 'chunk', 4);
    const long = Int32Array.from({ length: 120 }, (_, index) => (index * 31) % VOCABULARY);
    const ask = (id: number, prompt: Int32Array, caller?: string): void =>
      bench.engine.add(id, prompt, { ...greedy(1), caller });
    for (let id = 0; id < 6; id++) ask(id, long, 'many');
    ask(6, long.subarray(0, 3), 'many');
    ask(7, long.subarray(0, 12), 'other');
    const firstAt = new Map<number, number>();
    for (let turn = 1; bench.engine.busy; turn++) {
      await bench.engine.turn();
      for (const id of [0, 5, 6, 7]) if (!firstAt.has(id) && bench.tokens(id).length > 0) firstAt.set(id, turn);
    }
    expect(firstAt.get(7)).toBeLessThanOrEqual(6);
    expect(firstAt.get(6)).toBeLessThanOrEqual(10);
    expect(bench.tokens(5)).toEqual(await naive(model, [...long], 1));
    // Nobody is ahead of others by more than its turn.
    expect((firstAt.get(5) ?? 0) - (firstAt.get(0) ?? 0)).toBeLessThanOrEqual(6);
  });

  it('gives a branch that is right for one token only no more, in prompts of any length', async () => {
    const file = path.join(dir, 'merged.onnx');
    fs.writeFileSync(file, decoderModel({ vocabulary: VOCABULARY, mergesBranches: true }));
    const merged = await loaded(file);
    others.push(merged);
    const bench = await Bench.open(merged);
    Reflect.set(bench.engine, 'chunk', 16);
    const prompt = Array.from({ length: 60 }, (_, index) => (index * 31) % VOCABULARY);
    const wanted = [
      { prompt, options: greedy(10) },
      ...prompts(3).map((each) => ({ prompt: each, options: greedy(10) })),
    ];
    const answers = await bench.generate(wanted);
    for (const [index, each] of wanted.entries()) expect(answers[index]).toEqual(await naive(model, each.prompt, 10));
  });

  it.each([
    ['counts positions itself', { countsPositions: true }],
    ['ignores its mask', { ignoresMask: true }],
  ])('runs a graph that %s one row at a time, and right', async (_title, options) => {
    const file = path.join(dir, `${Object.keys(options).join()}.onnx`);
    fs.writeFileSync(file, decoderModel({ vocabulary: VOCABULARY, ...options }));
    const other = await loaded(file);
    others.push(other);
    const bench = await Bench.open(other);
    const wanted = prompts(4).map((prompt) => ({ prompt, options: greedy(12) }));
    const together = await bench.generate(wanted);
    expect(bench.rows).toBe(1);
    for (const [index, { prompt }] of wanted.entries()) expect(together[index]).toEqual(await naive(other, prompt, 12));
  });
});

describe('the end of an answer', () => {
  it('is its longest length, or a token that ends it', async () => {
    const bench = await Bench.open(model);
    const [free = []] = await bench.generate([{ prompt: [4, 5], options: greedy(12) }]);
    expect(bench.steps.get(0)?.map(({ finish }) => finish)).toEqual([...Array<undefined>(11), 'length']);
    const end = free[4] ?? -1;
    const stopped = await Bench.open(model);
    const [short = []] = await stopped.generate([{ prompt: [4, 5], options: greedy(12, [end]) }]);
    expect(short).toEqual(free.slice(0, free.indexOf(end) + 1));
    expect(stopped.steps.get(0)?.at(-1)?.finish).toBe('stop');
  });

  it('frees the cache, as giving up does at once', async () => {
    const bench = await Bench.open(model);
    bench.engine.add(1, Int32Array.of(1, 2, 3), greedy(100));
    bench.engine.add(2, Int32Array.of(4), greedy(100));
    await bench.engine.turn();
    await bench.engine.turn();
    expect(bench.engine.heldBytes).toBeGreaterThan(4 * BYTES_PER_TOKEN);
    bench.engine.cancel(1);
    expect(bench.engine.heldBytes).toBeLessThanOrEqual(3 * BYTES_PER_TOKEN);
    expect(bench.steps.get(1)?.at(-1)).toEqual({ finish: 'cancelled' });
    const during = bench.engine.turn();
    bench.engine.cancel(2);
    await during;
    expect([bench.engine.heldBytes, bench.engine.busy]).toEqual([0, false]);
  });

  it('takes no more memory than the class of its length says', async () => {
    const bench = await Bench.open(model, 4);
    const wanted = prompts(9).map((prompt, index) => ({ prompt, options: greedy(20 + index) }));
    wanted.forEach(({ prompt, options }, id) => bench.engine.add(id, Int32Array.from(prompt), options));
    let most = 0;
    while (bench.engine.busy) {
      await bench.engine.turn();
      most = Math.max(most, bench.engine.heldBytes);
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(9 * 64 * BYTES_PER_TOKEN);
  });

  it('comes with a failure of the graph only for who took part in the run', async () => {
    const bench = await Bench.open(model);
    bench.engine.add(1, Int32Array.of(1), greedy(6));
    await bench.engine.turn();
    bench.engine.add(2, Int32Array.of(VOCABULARY + 5), greedy(6));
    while (bench.engine.busy) await bench.engine.turn();
    expect(bench.steps.get(2)).toEqual([{ finish: 'failed', message: expect.stringContaining('') as string }]);
    expect(bench.tokens(1)).toHaveLength(6);
  });
});

describe('drawn tokens', () => {
  const sampled = (seed: number): GenerationOptions => ({
    ...greedy(30),
    sampling: { ...GREEDY, temperature: 1, topP: 0.9, seed },
  });

  it('are the same for the same seed, alone and in a batch', async () => {
    const [prompt = []] = prompts(1);
    const [alone] = await (await Bench.open(model)).generate([{ prompt, options: sampled(3) }]);
    const crowd = prompts(5, 9).map((each) => ({ prompt: each, options: sampled(1), at: 2 }));
    const [together] = await (await Bench.open(model)).generate([{ prompt, options: sampled(3) }, ...crowd]);
    expect(together).toEqual(alone);
    const [other] = await (await Bench.open(model)).generate([{ prompt, options: sampled(4) }]);
    expect(other).not.toEqual(alone);
  });
});

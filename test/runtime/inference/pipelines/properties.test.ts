import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OnnxBackend } from '../../../../runtime/inference/backends/onnx';
import { meanOf, voteOf } from '../../../../runtime/inference/pipelines/combine';
import type { Ballot } from '../../../../runtime/inference/pipelines/combine';
import { branchAt, shareOf } from '../../../../runtime/inference/pipelines/split';
import { unpackStrings } from '../../../../runtime/inference/tensors/bytes';
import { packElements } from '../../../../runtime/inference/tensors/elements';
import type { Datatype, Tensor } from '../../../../runtime/inference/tensors/tensor';
import { Canceller } from '../../../../runtime/shared/cancellation';
import { RequestError } from '../../../../runtime/shared/errors';
import { turnsOf } from '../../support/loop-turns';
import { operationModel, timesModel } from '../../support/onnx-server';
import {
  busy,
  failure,
  floats,
  numbersOf,
  PipelineBench,
  pipelinesOf,
  spec,
  tensor,
} from '../../support/pipeline-bench';
import { temporaryFolder } from '../../support/temporary';

const SEED = 20261128;

const UNARY = { double: timesModel(2), halve: timesModel(-0.5) };
const BINARY = {
  add: operationModel('Add', ['a', 'b'], 'y'),
  sub: operationModel('Sub', ['a', 'b'], 'y'),
  max: operationModel('Max', ['a', 'b'], 'y'),
};
const MODELS = { ...UNARY, ...BINARY };
type Model = keyof typeof MODELS;

/** A step of a random graph: a model, and the tensors that it takes, by how far back they are given. */
interface Step {
  readonly model: Model;
  readonly from: readonly number[];
  readonly wrap: 'none' | 'fallback' | 'splitter' | 'sequence' | 'switch';
}

const step: fc.Arbitrary<Step> = fc.record({
  model: fc.constantFrom(...(Object.keys(MODELS) as Model[])),
  from: fc.tuple(fc.nat(20), fc.nat(20)),
  wrap: fc.constantFrom('none', 'none', 'fallback', 'splitter', 'sequence', 'switch'),
});

/** A random graph as a pipeline, and as a list of calls in order. */
function graphOf(steps: readonly Step[], order: readonly number[]) {
  const names = ['x0', 'x1', ...steps.map((_, index) => `t${index}`)];
  const nodes: Record<string, object> = {};
  const used = new Set<string>();
  const calls = steps.map(({ model, from, wrap }, index) => {
    const operands = model in BINARY ? ['a', 'b'] : ['x'];
    const inputs = Object.fromEntries(
      operands.map((operand, place) => [operand, names[(from[place] ?? 0) % (index + 2)] ?? 'x0']),
    );
    for (const name of Object.values(inputs)) used.add(name);
    const branch = { model, inputs: Object.fromEntries(operands.map((operand) => [operand, operand])) };
    if (wrap === 'sequence') nodes[`n${index}`] = { kind: wrap, steps: [branch] };
    else if (wrap === 'switch') {
      nodes[`n${index}`] = {
        kind: wrap,
        branches: [{ when: { header: 'h', exists: true }, ...branch }],
        default: { ...branch, name: 'other' },
      };
    } else if (wrap !== 'none') nodes[`n${index}`] = { kind: wrap, branches: [branch] };
    const target = wrap === 'none' ? { model } : { node: `n${index}` };
    return {
      step: { ...target, name: `s${index}`, inputs, outputs: { y: `t${index}` } },
      model,
      inputs,
      output: `t${index}`,
    };
  });
  const outputs = calls.map(({ output }) => output);
  const listed = order.flatMap((place) => calls[place % calls.length] ?? []);
  const steps2 = [...new Set([...listed, ...calls])].map((call) => call.step);
  nodes['main'] = { kind: 'sequence', steps: steps2, outputs };
  const inputs = ['x0', 'x1'].filter((name) => used.has(name));
  return { pipeline: { name: 'p', inputs, outputs, root: 'main', nodes }, calls, inputs };
}

describe('a random graph of models', () => {
  let dir: string;
  const backends = new Map<string, OnnxBackend>();

  beforeAll(async () => {
    dir = temporaryFolder();
    for (const [name, graph] of Object.entries(MODELS)) {
      const file = path.join(dir, `${name}.onnx`);
      fs.writeFileSync(file, graph);
      const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
      await backend.load(file);
      backends.set(name, backend);
    }
  });

  afterAll(async () => {
    for (const backend of backends.values()) await backend.close();
    fs.rmSync(dir, { recursive: true });
  });

  const run = async (model: string, inputs: readonly Tensor[]): Promise<readonly Tensor[]> =>
    (await backends.get(model)?.run(inputs, ['y'])) ?? [];

  it('gives what its models give when they are called by hand', async () => {
    const bench = new PipelineBench();
    for (const model of Object.keys(MODELS)) {
      const inputs = (model in BINARY ? ['a', 'b'] : ['x']).map((name) => spec(name, 'FP32', -1));
      bench.model(model, inputs, [spec('y', 'FP32', -1)], { run: (given) => run(model, [...given.values()]) });
    }
    const numbers = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 14 }),
        fc.array(fc.nat(20), { maxLength: 14 }),
        fc.array(fc.tuple(numbers, numbers), { minLength: 1, maxLength: 4 }),
        async (steps, order, rows) => {
          const { pipeline, calls, inputs } = graphOf(steps, order);
          bench.serve(pipelinesOf(pipeline));
          const given = new Map([
            ['x0', floats('x0', ...rows.map(([first]) => first))],
            ['x1', floats('x1', ...rows.map(([, second]) => second))],
          ]);
          const { outputs } = await bench.infer(
            'p',
            inputs.flatMap((name) => given.get(name) ?? []),
          );
          for (const { model, inputs: from, output } of calls) {
            const tensors = Object.entries(from).flatMap(([name, source]) => {
              const found = given.get(source);
              return found === undefined ? [] : [{ ...found, name }];
            });
            const [result] = await run(model, tensors);
            if (result) given.set(output, { ...result, name: output });
          }
          expect(outputs.map(({ name }) => name)).toEqual(calls.map(({ output }) => output));
          for (const output of outputs) {
            const expected = given.get(output.name);
            expect([output.datatype, output.shape]).toEqual([expected?.datatype, expected?.shape]);
            expect(numbersOf(output)).toEqual(expected && numbersOf(expected));
          }
        },
      ),
      { seed: SEED, numRuns: 60 },
    );
  });
});

type Fault = 'none' | 'refusal' | 'loss' | 'bug' | 'deaf' | 'slow' | 'broken';

/** A node of a random tree. */
interface Tree {
  readonly kind: 'model' | 'sequence' | 'fallback' | 'splitter' | 'ensemble' | 'switch';
  readonly fault: Fault;
  readonly inner: readonly Tree[];
  readonly soft: boolean;
  readonly hurry: boolean;
}

function treeOf(inner: fc.Arbitrary<readonly Tree[]>): fc.Arbitrary<Tree> {
  return fc.record({
    kind: fc.constantFrom('model', 'model', 'sequence', 'fallback', 'splitter', 'ensemble', 'switch'),
    fault: fc.constantFrom('none', 'none', 'refusal', 'loss', 'bug', 'deaf', 'slow', 'broken'),
    inner,
    soft: fc.boolean(),
    hurry: fc.boolean(),
  });
}

const leaf = treeOf(fc.constant([]));
const tree = [1, 2, 3].reduce((below) => treeOf(fc.array(below, { minLength: 1, maxLength: 3 })), leaf);

describe('random faults', () => {
  /** A tree as nodes; at most so many, because a pipeline has at most 64. */
  function build(root: Tree, bench: PipelineBench): Record<string, object> {
    const nodes: Record<string, object> = {};
    let left = 24;
    const target = ({ kind, fault, inner, soft, hurry }: Tree, mayBeSoft: boolean): object => {
      const more = { ...(hurry ? { timeoutMs: 15 } : {}), ...(soft && mayBeSoft ? { dependency: 'soft' } : {}) };
      const place = left--;
      if (kind === 'model' || inner.length === 0 || left <= inner.length) {
        bench.adder(`m${place}`, 1, faulty(fault));
        return { model: `m${place}`, retries: place % 3, ...more };
      }
      const name = `n${place}`;
      const parts = inner.map((each) => target(each, kind === 'ensemble'));
      const branches = parts.map((part, index) => ({ ...part, name: `b${index}` }));
      if (kind === 'sequence') {
        const steps = branches.map((part, index) => ({
          ...part,
          inputs: { x: index === 0 ? 'x' : `h${index}` },
          outputs: { y: index === branches.length - 1 ? 'y' : `h${index + 1}` },
        }));
        nodes[name] = { kind, steps };
      } else if (kind === 'switch') {
        const when = { header: 'h', exists: true };
        nodes[name] = {
          kind,
          branches: branches.map((part) => ({ ...part, when })),
          default: { ...parts[0], name: 'else' },
        };
      } else nodes[name] = { kind, branches, ...(kind === 'ensemble' ? { combine: 'mean' } : {}) };
      return { node: name, ...more };
    };
    nodes['main'] = { kind: 'sequence', steps: [target(root, false)] };
    return nodes;
  }

  function faulty(fault: Fault): object {
    switch (fault) {
      case 'none':
        return {};
      case 'refusal':
        return { run: () => Promise.reject(failure('LNMT8204', 422)) };
      case 'loss':
        return { run: () => Promise.reject(failure('LNMT8206', 503)) };
      case 'bug':
        return {
          run: () => {
            throw new TypeError('a bug');
          },
        };
      case 'deaf':
        return { run: () => new Promise(() => undefined) };
      case 'slow':
        return {
          run: async (_inputs: unknown, call: Parameters<typeof busy>[1]) => (await busy(20, call), [floats('y', 1)]),
        };
      case 'broken':
        return { run: () => [] };
    }
  }

  it('never keep a request waiting beyond its time, and end it with an answer or a coded error', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.option(fc.nat(40), { nil: undefined }), async (root, leaves) => {
        const bench = new PipelineBench();
        const nodes = build(root, bench);
        bench.serve(pipelinesOf({ name: 'p', timeoutMs: 60, inputs: ['x'], outputs: ['y'], root: 'main', nodes }));
        expect(bench.service.isReady('p', undefined)).toBe(true);
        const leaving = new AbortController();
        const timer = leaves === undefined ? undefined : setTimeout(() => leaving.abort(), leaves);
        const outcome = await bench
          .infer('p', [floats('x', 1)], { signal: leaving.signal })
          .catch((error: unknown) => error);
        clearTimeout(timer);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(RequestError);
        else expect(outcome).toMatchObject({ model: { name: 'p' } });
        const calls = [...bench.models.values()].flatMap((model) => model.calls);
        // What nobody waits for any more has been told so.
        expect(calls.filter(({ signal }) => !signal.aborted)).toEqual([]);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });
});

describe('a splitter', () => {
  it('gives each branch its share, and a key the same branch always', () => {
    const branches = [{ weight: 700 }, { weight: 0 }, { weight: 299 }, { weight: 1 }];
    const counts = branches.map(() => 0);
    const keys = 20_000;
    for (let key = 0; key < keys; key++) {
      const share = shareOf('p/split', `user-${key}`);
      const branch = branchAt(branches, share);
      expect(branchAt(branches, shareOf('p/split', `user-${key}`))).toBe(branch);
      const place = branches.findIndex((each) => each === branch);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    for (const [place, { weight }] of branches.entries()) {
      const chance = weight / 1000;
      const deviation = Math.sqrt(keys * chance * (1 - chance));
      expect(Math.abs((counts[place] ?? 0) - keys * chance)).toBeLessThanOrEqual(4 * deviation);
    }
  });

  it('spreads the keys of one splitter over the branches of another', () => {
    const both = Array.from(
      { length: 2_000 },
      (_, key) => [shareOf('p/a', `${key}`), shareOf('p/b', `${key}`)] as const,
    );
    const low = both.filter(([first]) => first < 0.5);
    const share = low.filter(([, second]) => second < 0.5).length / low.length;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.06);
  });

  it('finds a branch that has weight for every place', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(9), { minLength: 1, maxLength: 16 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (weights, share) => {
          fc.pre(weights.some((weight) => weight > 0));
          const branches = weights.map((weight) => ({ weight }));
          expect(branchAt(branches, share)?.weight).toBeGreaterThan(0);
        },
      ),
      { seed: SEED },
    );
  });
});

describe('an ensemble', () => {
  it('takes the mean as it is written down', async () => {
    const row = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 3, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(row, fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 5 }),
        async (rows) => {
          const ballots = rows.map(([values, weight]) => ({ tensor: tensor('y', 'FP64', values), weight }));
          const total = rows.reduce((sum, [, weight]) => sum + weight, 0);
          const mean = new Float64Array(Uint8Array.from(await meanOf(ballots)).buffer);
          for (const [index, value] of mean.entries()) {
            const expected = rows.reduce((sum, [values, weight]) => sum + (weight * (values[index] ?? 0)) / total, 0);
            expect(value).toBe(expected);
          }
        },
      ),
      { seed: SEED },
    );
  });

  it('keeps a tensor that all branches give, in 16 bits as in 64', async () => {
    for (const datatype of ['FP16', 'FP32', 'FP64'] as const) {
      const given = tensor('y', datatype, [1.5, -0.25, 1000]);
      const ballots = [1, 1, 2].map((weight) => ({ tensor: given, weight }));
      expect(Buffer.from(await meanOf(ballots))).toEqual(Buffer.from(given.data));
    }
  });

  it('elects the value with most weight, element by element, whatever its datatype', async () => {
    const words = ['', 'a', 'b', 'grüße', 'x'.repeat(80), 'y'.repeat(80)];
    const row = fc.array(fc.constantFrom(...words), { minLength: 3, maxLength: 3 });
    const votes = fc.array(fc.tuple(row, fc.integer({ min: 0, max: 4 })), { minLength: 1, maxLength: 7 });
    // Among them such as differ in their first byte alone, or in their last.
    const numbers: readonly [Datatype, readonly unknown[]][] = [
      ['INT64', [0n, 1n, 1n << 56n, -1n, (1n << 56n) + 1n, 7n]],
      ['INT16', [0, 1, 256, -1, 257, 7]],
      ['UINT8', [0, 1, 255, 2, 3, 4]],
      ['BOOL', [false, true, true, false, true, true]],
    ];
    await fc.assert(
      fc.asyncProperty(votes, async (cast) => {
        const ballotsOf = (datatype: Datatype, valueOf: (word: string) => unknown): readonly Ballot[] =>
          cast.map(([each, weight]) => ({ tensor: tensor('y', datatype, each.map(valueOf)), weight }));
        const electedOf = (valueOf: (word: string) => unknown): readonly unknown[] =>
          [0, 1, 2].map((place) => {
            const values = cast.map(([each, weight]) => [valueOf(each[place] ?? ''), weight] as const);
            const weightOf = (value: unknown): number =>
              values.reduce((sum, [each, weight]) => sum + (each === value ? weight : 0), 0);
            const most = Math.max(...values.map(([value]) => weightOf(value)));
            return values.find(([value]) => weightOf(value) === most)?.[0];
          });
        expect(unpackStrings(await voteOf(ballotsOf('BYTES', String)))).toEqual(electedOf(String));
        for (const [datatype, values] of numbers) {
          const valueOf = (word: string): unknown => values[words.indexOf(word)];
          const elected = packElements(datatype, electedOf(valueOf));
          expect(Buffer.from(await voteOf(ballotsOf(datatype, valueOf)))).toEqual(Buffer.from(elected));
        }
      }),
      { seed: SEED },
    );
  });

  it('of tensors without elements gives one', async () => {
    const none = { name: 'y', shape: [0, 3], data: new Uint8Array() };
    expect(await meanOf([{ tensor: { ...none, datatype: 'FP32' }, weight: 1 }])).toHaveLength(0);
    for (const datatype of ['INT64', 'BYTES'] as const) {
      expect(await voteOf([{ tensor: { ...none, datatype }, weight: 1 }])).toHaveLength(0);
    }
  });

  it.each<[string, typeof meanOf, Datatype, (index: number) => unknown]>([
    ['a mean', meanOf, 'FP16', (index) => index % 100],
    ['a vote', voteOf, 'INT64', (index) => index],
    ['a vote on texts', voteOf, 'BYTES', (index) => `t${index}`],
  ])(
    'lets others be answered while it makes %s of many elements, and ends when nobody waits',
    async (_title, combined, datatype, valueOf) => {
      const given = tensor(
        'y',
        datatype,
        Array.from({ length: 100_000 }, (_, index) => valueOf(index)),
      );
      let data = new Uint8Array();
      const turns = await turnsOf(async () => {
        data = Uint8Array.from(await combined([1, 2, 3].map((weight) => ({ tensor: given, weight }))));
      });
      expect(Buffer.compare(data, given.data)).toBe(0);
      expect(turns).toBeGreaterThan(10);
      const nobody = new Canceller();
      const left = combined([{ tensor: given, weight: 1 }], nobody);
      nobody.abort();
      await expect(left).rejects.toMatchObject({ code: 'LNMT8207' });
    },
  );
});

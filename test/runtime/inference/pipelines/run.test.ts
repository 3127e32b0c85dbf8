import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { PIPELINE_LIMITS } from '../../../../runtime/inference/pipelines/limits';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';
import { unpackStrings } from '../../../../runtime/inference/tensors/bytes';
import {
  busy,
  callOf,
  failure,
  floats,
  numbersOf,
  PipelineBench,
  pipelinesOf,
  spec,
  tensor,
} from '../../support/pipeline-bench';
import { warningsDuring } from '../../support/warnings';

const one = (nodes: object, more: object = {}): readonly [object] => [
  { name: 'p', inputs: ['x'], outputs: ['y'], root: 'main', nodes, ...more },
];

describe('a pipeline', () => {
  let bench: PipelineBench;
  const serve = (nodes: object, more: object = {}): PipelineBench => bench.serve(pipelinesOf(...one(nodes, more)));
  const answer = (more: Parameters<PipelineBench['infer']>[2] = {}): Promise<object> =>
    bench.numbers('p', [floats('x', 1, 2)], more);

  beforeEach(() => {
    bench = new PipelineBench();
    bench.adder('a', 10);
    bench.adder('b', 100);
    bench.adder('c', 1000);
  });

  describe('that is a sequence', () => {
    it('gives each step what the steps before it gave, under the names of the step', async () => {
      serve({
        main: {
          kind: 'sequence',
          steps: [
            { model: 'a', outputs: { y: 'h' } },
            { model: 'b', inputs: { x: 'h' } },
          ],
        },
      });
      expect(await answer()).toEqual({ y: [111, 112] });
      expect(bench.steps).toEqual([
        ['main/a', undefined],
        ['main/b', undefined],
      ]);
    });

    it('asks its models past the cache where the request does', async () => {
      serve({ main: { kind: 'sequence', steps: [{ model: 'a' }] } });
      const { request } = callOf('p', [floats('x', 1)]);
      await answer({ request: { ...request, cache: false } });
      expect(bench.models.get('a')?.calls.map((call) => call.request.cache)).toEqual([false]);
    });

    it('answers with its own name and version, and with what the request asks for', async () => {
      bench.serve(
        pipelinesOf({
          ...{ name: 'p', version: '7', inputs: ['x'], outputs: ['h', 'y'], root: 'main' },
          nodes: {
            main: {
              ...{ kind: 'sequence', outputs: ['h', 'y'] },
              steps: [
                { model: 'a', outputs: { y: 'h' } },
                { model: 'b', inputs: { x: 'h' } },
              ],
            },
          },
        }),
      );
      const { model, outputs } = await bench.infer('p', [floats('x', 1)]);
      expect([model, outputs.map(({ name }) => name)]).toEqual([{ name: 'p', version: '7' }, ['h', 'y']]);
      const { request } = callOf('p', [floats('x', 1)]);
      expect(await answer({ request: { ...request, outputs: ['y'] } })).toEqual({ y: [111] });
    });

    it('takes the order from the tensors, not from the list, and lets steps run beside one another', async () => {
      let beside = 0;
      let most = 0;
      const run = async ({ amount }: { amount: number }, inputs: ReadonlyMap<string, Tensor>): Promise<Tensor[]> => {
        most = Math.max(most, ++beside);
        await delay(20);
        beside -= 1;
        return [floats('y', ...numbersOf(inputs.get('x') ?? floats('x')).map((each) => each + amount))];
      };
      for (const [name, amount] of [
        ['a', 1],
        ['b', 2],
      ] as const) {
        bench.adder(name, 0, { run: (inputs) => run({ amount }, inputs) });
      }
      bench.model('sum', [spec('u', 'FP32', -1), spec('v', 'FP32', -1)], [spec('y', 'FP32', -1)], {
        run: (inputs) => {
          const [u = [], v = []] = ['u', 'v'].map((name) => numbersOf(inputs.get(name) ?? floats('')));
          return [floats('y', ...u.map((each, index) => each + (v[index] ?? 0)))];
        },
      });
      serve({
        main: {
          kind: 'sequence',
          steps: [{ model: 'sum' }, { model: 'a', outputs: { y: 'u' } }, { model: 'b', outputs: { y: 'v' } }],
        },
      });
      expect(await answer()).toEqual({ y: [5, 7] });
      expect(most).toBe(2);
    });

    it('passes tensors on without copying them', async () => {
      const seen: Tensor[] = [];
      bench.adder('a', 0, { run: (inputs) => [{ ...(inputs.get('x') ?? floats('x')), name: 'y' }] });
      bench.adder('b', 0, {
        run: (inputs) => {
          const x = inputs.get('x') ?? floats('x');
          seen.push(x);
          return [{ ...x, name: 'y' }];
        },
      });
      serve({
        main: {
          kind: 'sequence',
          steps: [
            { model: 'a', outputs: { y: 'h' } },
            { model: 'b', inputs: { x: 'h' } },
          ],
        },
      });
      const input = floats('x', 1, 2);
      const { outputs } = await bench.infer('p', [input]);
      expect(seen[0]?.data).toBe(input.data);
      expect(outputs[0]?.data).toBe(input.data);
    });

    it('ends with the first step that fails, and says which, with its status and code', async () => {
      bench.adder('a', 0, { run: () => Promise.reject(failure('LNMT8221', 503, 'the queue is full')) });
      serve({ main: { kind: 'sequence', steps: [{ model: 'a' }] } });
      await expect(answer()).rejects.toMatchObject({
        ...{ code: 'LNMT8421', status: 503, message: 'step "main/a": LNMT8221: the queue is full' },
      });
      expect(bench.steps).toEqual([['main/a', 'LNMT8221']]);
    });

    it('says of a fault of the server only that there is one', async () => {
      bench.adder('a', 0, { run: () => Promise.reject(new Error('/secret/path')) });
      serve({ main: { kind: 'sequence', steps: [{ model: 'a' }] } });
      await expect(answer()).rejects.toMatchObject({ status: 500, message: 'step "main/a": the server failed' });
    });

    it('gives up the steps beside one that fails', async () => {
      let left: string | undefined;
      bench.adder('a', 0, {
        run: async (_inputs, call) => {
          await busy(10_000, call).catch((error: unknown) => {
            left = (error as { code: string }).code;
            throw error;
          });
          return [];
        },
      });
      bench.adder('b', 0, { run: () => Promise.reject(failure('LNMT8204', 422)) });
      bench.model('sum', [spec('u', 'FP32', -1), spec('v', 'FP32', -1)], [spec('y', 'FP32', -1)]);
      serve({
        main: {
          kind: 'sequence',
          steps: [{ model: 'a', outputs: { y: 'u' } }, { model: 'b', outputs: { y: 'v' } }, { model: 'sum' }],
        },
      });
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8421', status: 422 });
      await expect.poll(() => left).toBe('LNMT8207');
    });

    it('refuses what a model gives against its word', async () => {
      bench.adder('a', 0, { run: () => [] });
      serve({ main: { kind: 'sequence', steps: [{ model: 'a' }] } });
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8429', status: 500 });
    });

    it('refuses inputs that do not fit, in the words of a model', async () => {
      serve({ main: { kind: 'sequence', steps: [{ model: 'a' }] } });
      await expect(bench.infer('p', [])).rejects.toMatchObject({ code: 'LNMT8203', message: 'input "x" is missing' });
      await expect(bench.infer('p', [tensor('x', 'INT64', [1n])])).rejects.toMatchObject({ code: 'LNMT8203' });
      expect(bench.models.get('a')?.calls).toEqual([]);
    });

    it('refuses to hold more bytes between its steps than is allowed', async () => {
      const much: Tensor = { name: 'y', datatype: 'FP32', shape: [2 ** 26], data: new Uint8Array(2 ** 28) };
      bench.adder('a', 0, { run: () => [much] });
      bench.adder('b', 0, { run: () => [much] });
      bench.adder('c', 0, { run: () => [{ ...much, data: new Uint8Array(4) }] });
      const steps = ['a', 'b', 'c'].map((model, index) => ({
        ...{
          model,
          inputs: { x: index === 0 ? 'x' : `h${index}` },
          outputs: { y: index === 2 ? 'y' : `h${index + 1}` },
        },
      }));
      serve({ main: { kind: 'sequence', steps } });
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8428', status: 422 });
    });
  });

  describe('with soft steps', () => {
    const nodes = {
      main: {
        kind: 'sequence',
        steps: [
          { model: 'a', outputs: { y: 'h' }, dependency: 'soft' },
          { model: 'b', inputs: { x: 'h' }, outputs: { y: 'extra' }, dependency: 'soft' },
          { model: 'c' },
        ],
      },
    };

    it('goes on without what they would have given', async () => {
      serve(nodes, { outputs: ['y', 'extra'] });
      expect(await answer()).toEqual({ y: [1001, 1002], extra: [111, 112] });
      bench.adder('a', 0, { run: () => Promise.reject(failure('LNMT8206', 503)) });
      expect(await answer()).toEqual({ y: [1001, 1002] });
      expect(bench.steps).toContainEqual(['main/a', 'LNMT8206']);
    });

    it('refuses a request that names what is missing', async () => {
      serve(nodes, { outputs: ['y', 'extra'] });
      bench.adder('a', 0, { run: () => Promise.reject(failure('LNMT8206', 503)) });
      const { request } = callOf('p', [floats('x', 1)]);
      const named = answer({ request: { ...request, outputs: ['y', 'extra'] } });
      await expect(named).rejects.toMatchObject({ code: 'LNMT8427', status: 503 });
    });
  });

  describe('that is a switch', () => {
    const when = (condition: object): PipelineBench =>
      serve({
        main: {
          kind: 'switch',
          branches: [{ when: condition, model: 'a' }],
          default: { model: 'b' },
        },
      });
    const taken = async (more: Parameters<PipelineBench['infer']>[2] = {}): Promise<string> => {
      await answer(more);
      return bench.branches.at(-1) ?? '';
    };
    const header = (text: string | undefined) => ({
      attribute: (name: string) => (name === 'x-tier' ? text : undefined),
    });
    const parameters = (given: Record<string, string | number | bigint | boolean>) => ({
      request: { ...callOf('p', [floats('x', 1, 2)]).request, parameters: given },
    });

    const CASES: [object, object, boolean][] = [
      [{ header: 'X-Tier', equals: 'gold' }, header('gold'), true],
      [{ header: 'x-tier', equals: 'gold' }, header('silver'), false],
      [{ header: 'x-tier', equals: 'gold' }, header(undefined), false],
      [{ header: 'x-tier', in: ['gold', 'silver'] }, header('silver'), true],
      [{ header: 'x-tier', exists: true }, header(''), true],
      [{ header: 'x-tier', exists: false }, header(undefined), true],
      [{ header: 'x-tier', atLeast: 3 }, header('3.5'), true],
      [{ header: 'x-tier', atLeast: 3 }, header('many'), false],
      [{ header: 'x-tier', equals: 3 }, header('3'), true],
      [{ parameter: 'fast', equals: true }, parameters({ fast: true }), true],
      [{ parameter: 'fast', equals: true }, parameters({ fast: 'no' }), false],
      [{ parameter: 'n', above: 9007199254740991 }, parameters({ n: 2n ** 60n }), true],
      [{ parameter: 'toString', exists: true }, parameters({}), false],
      [{ tensor: 'x', at: 1, equals: 2 }, {}, true],
      [{ tensor: 'x', at: 1, above: 2 }, {}, false],
      [{ tensor: 'x', at: 9, atLeast: 0 }, {}, false],
      [{ tensor: 'x', axis: 0, atMost: 2 }, {}, true],
      [{ tensor: 'x', axis: 3, atMost: 2 }, {}, false],
      [
        {
          all: [
            { tensor: 'x', below: 2 },
            { header: 'x-tier', exists: true },
          ],
        },
        header('a'),
        true,
      ],
      [
        {
          any: [
            { tensor: 'x', below: 0 },
            { header: 'x-tier', exists: true },
          ],
        },
        header(undefined),
        false,
      ],
      [{ not: { header: 'x-tier', equals: 'gold' } }, header('gold'), false],
    ];

    it.each(CASES.map((each) => [inspect(each[0], { depth: 4, breakLength: Infinity }), ...each] as const))(
      'holds a request to %s',
      async (_title, condition, request, expected) => {
        when(condition);
        expect(await taken(request)).toBe(expected ? 'main/a' : 'main/b');
      },
    );

    it('compares texts and truths of tensors', async () => {
      const types = [
        ['t', 'BYTES', 'grüße'],
        ['k', 'BOOL', true],
        ['i', 'INT64', 3],
      ] as const;
      for (const [name, datatype, value] of types) {
        bench.serve(
          pipelinesOf({
            ...{ name: 'p', inputs: ['x', { name, datatype }], outputs: ['y'], root: 'main' },
            nodes: {
              main: {
                kind: 'switch',
                branches: [{ when: { tensor: name, equals: value }, model: 'a' }],
                default: { model: 'b' },
              },
            },
          }),
        );
        const given = tensor(name, datatype, ['', datatype === 'INT64' ? 3n : value].slice(1));
        expect(await bench.numbers('p', [floats('x', 1), given])).toEqual({ y: [11] });
      }
    });

    it('takes the first branch that holds, and refuses where none does and none is left', async () => {
      serve({
        main: {
          kind: 'switch',
          branches: [
            { when: { header: 'x-tier', equals: 'gold' }, model: 'a' },
            { when: { header: 'x-tier', exists: true }, model: 'b' },
          ],
        },
      });
      expect(await taken(header('gold'))).toBe('main/a');
      expect(await taken(header('x'))).toBe('main/b');
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8424', status: 422 });
    });
  });

  describe('that is an ensemble', () => {
    const main = (combine: string, branches: object[]): PipelineBench =>
      serve({ main: { kind: 'ensemble', combine, branches } });

    it('takes the mean of its branches, by weight', async () => {
      main('mean', [{ model: 'a' }, { model: 'b', weight: 2 }]);
      expect(await answer()).toEqual({ y: [71, 72] });
    });

    it('asks as many branches at once as it may have, without a warning of Node.js', async () => {
      const names = Array.from({ length: PIPELINE_LIMITS.branches }, (_, index) => `m${index}`);
      for (const name of names) bench.adder(name, 10);
      main(
        'mean',
        names.map((model) => ({ model })),
      );
      expect(await warningsDuring(async () => expect(await answer()).toEqual({ y: [11, 12] }))).toEqual([]);
    });

    it('lets the majority decide, and the earlier branch where there is none', async () => {
      const labels = (name: string, ...words: string[]): void => {
        bench.model(name, [spec('x', 'FP32', -1)], [spec('y', 'BYTES', -1)], {
          run: () => [tensor('y', 'BYTES', words)],
        });
      };
      labels('a', 'cat', 'dog', 'fish');
      labels('b', 'cow', 'dog', 'bird');
      labels('c', 'cow', 'hen', 'ant');
      main('vote', [{ model: 'a' }, { model: 'b' }, { model: 'c' }]);
      const { outputs } = await bench.infer('p', [floats('x', 1)]);
      expect(unpackStrings(outputs[0]?.data ?? new Uint8Array())).toEqual(['cow', 'dog', 'fish']);
    });

    it('puts different tensors beside one another', async () => {
      serve(
        {
          main: {
            ...{ kind: 'ensemble', combine: 'merge' },
            branches: [
              { model: 'a', outputs: { y: 'u' } },
              { model: 'b', outputs: { y: 'v' } },
            ],
          },
        },
        { outputs: ['u', 'v'] },
      );
      expect(await answer()).toEqual({ u: [11, 12], v: [101, 102] });
    });

    it('leaves out soft branches that fail, and fails when all do', async () => {
      main('mean', [
        { model: 'a', dependency: 'soft' },
        { model: 'b', dependency: 'soft' },
      ]);
      bench.adder('a', 0, { run: () => Promise.reject(failure('LNMT8204', 422)) });
      expect(await answer()).toEqual({ y: [101, 102] });
      bench.adder('b', 0, { run: () => Promise.reject(failure('LNMT8206', 503)) });
      await expect(answer()).rejects.toMatchObject({
        code: 'LNMT8421',
        message: expect.stringContaining('main/a') as string,
      });
    });

    it('fails with a hard branch at once', async () => {
      main('mean', [{ model: 'a' }, { model: 'b' }]);
      bench.adder('a', 0, { run: async (_inputs, call) => (await busy(10_000, call), []) });
      bench.adder('b', 0, { run: () => Promise.reject(failure('LNMT8204', 422)) });
      await expect(answer()).rejects.toMatchObject({ status: 422 });
    });

    it('refuses answers of different shapes', async () => {
      main('mean', [{ model: 'a' }, { model: 'b' }]);
      bench.adder('b', 0, { run: () => [floats('y', 1)] });
      await expect(answer()).rejects.toMatchObject({
        ...{ code: 'LNMT8426', status: 422 },
        message: 'ensemble "main": tensor "y": one branch gave FP32 [2], another FP32 [1]',
      });
    });
  });

  describe('that is a splitter', () => {
    const split = (more: object = {}): PipelineBench =>
      serve({
        main: {
          kind: 'splitter',
          branches: [
            { model: 'a', weight: 90 },
            { model: 'b', weight: 10 },
          ],
          ...more,
        },
      });

    it.each([
      [0, 'main/a'],
      [0.8999, 'main/a'],
      [0.9001, 'main/b'],
      [0.9999, 'main/b'],
    ])('at %d of all takes %s', async (random, branch) => {
      split();
      bench.random = random;
      await answer();
      expect(bench.branches).toEqual([branch]);
    });

    it('keeps a caller on its branch by a header, a parameter, its identity or the id of the request', async () => {
      const { request } = callOf('p', [floats('x', 1, 2)]);
      const caller = { id: 'me', scopes: new Set<never>(), method: 'api-key' as const };
      for (const [key, more] of [
        [{ header: 'X-User' }, { attribute: (name: string) => (name === 'x-user' ? 'me' : undefined) }],
        [{ parameter: 'user' }, { request: { ...request, parameters: { user: 'me' } } }],
        [{ caller: true }, { caller }],
        [{ id: true }, { request: { ...request, id: 'me' } }],
      ] as const) {
        split({ key });
        bench.branches.length = 0;
        for (const random of [0, 0.3, 0.95]) {
          bench.random = random;
          await answer(more);
        }
        expect(new Set(bench.branches).size).toBe(1);
      }
    });

    it('goes by chance where the key is missing', async () => {
      split({ key: { header: 'x-user' } });
      for (const random of [0, 0.95]) {
        bench.random = random;
        await answer();
      }
      expect(bench.branches).toEqual(['main/a', 'main/b']);
    });
  });

  describe('that is a fallback', () => {
    const nodes = { main: { kind: 'fallback', branches: [{ model: 'a', timeoutMs: 50 }, { model: 'b' }] } };

    it('asks the next branch after an error and after a timeout', async () => {
      serve(nodes);
      expect(await answer()).toEqual({ y: [11, 12] });
      bench.adder('a', 0, { run: () => Promise.reject(failure('LNMT8206', 503)) });
      expect(await answer()).toEqual({ y: [101, 102] });
      bench.adder('a', 0, { run: async (_inputs, call) => (await busy(10_000, call), []) });
      expect(await answer()).toEqual({ y: [101, 102] });
      expect(bench.steps.filter(([path]) => path === 'main/a').map(([, code]) => code)).toEqual([
        ...[undefined, 'LNMT8206', 'LNMT8423'],
      ]);
    });

    it('fails as its last branch does', async () => {
      serve(nodes);
      bench.adder('a', 0, { run: () => Promise.reject(failure('LNMT8206', 503)) });
      bench.adder('b', 0, { run: () => Promise.reject(failure('LNMT8204', 422)) });
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8421', status: 422 });
    });

    it('asks nobody any more once the caller has left', async () => {
      serve(nodes);
      const leaving = new AbortController();
      bench.adder('a', 0, { run: async (_inputs, call) => (await busy(10_000, call), []) });
      const asked = answer({ signal: leaving.signal });
      await expect.poll(() => bench.models.get('a')?.calls.length).toBe(1);
      leaving.abort();
      await expect(asked).rejects.toMatchObject({ code: 'LNMT8207', status: 499 });
      expect(bench.models.get('b')?.calls).toEqual([]);
      expect(bench.models.get('a')?.calls[0]?.signal.aborted).toBe(true);
    });
  });

  it('renames with a map, which may stand for a branch that changes nothing', async () => {
    serve({
      main: {
        kind: 'switch',
        branches: [{ when: { header: 'raw', exists: true }, node: 'same' }],
        default: { model: 'a' },
      },
      same: { kind: 'map', tensors: { y: 'x' } },
    });
    expect(await answer()).toEqual({ y: [11, 12] });
    expect(await answer({ attribute: () => '1' })).toEqual({ y: [1, 2] });
  });

  it('enters nodes inside one another, under the names of the outer one', async () => {
    serve({
      main: {
        kind: 'sequence',
        steps: [
          { node: 'inner', name: 'first', outputs: { y: 'h' } },
          { node: 'inner', name: 'second', inputs: { x: 'h' } },
        ],
      },
      inner: { kind: 'fallback', branches: [{ model: 'a' }] },
    });
    expect(await answer()).toEqual({ y: [21, 22] });
  });

  describe('in time', () => {
    const slow = (ms: number): void => {
      bench.adder('a', 0, { run: async (_inputs, call) => (await busy(ms, call), [floats('y', 1)]) });
    };
    const nodes = { main: { kind: 'sequence', steps: [{ model: 'a' }] } };

    it('tells each model its deadline: the sooner of that of the request and its own', async () => {
      serve(nodes, { timeoutMs: 5_000 });
      const { request } = callOf('p', [floats('x', 1)]);
      const [began, soon, late] = [0, 700, 60_000].map((ms) => performance.now() + ms);
      for (const deadline of [soon, late]) await answer({ request: { ...request, deadline } });
      const [first, second] = bench.models.get('a')?.calls.map((call) => call.request.deadline) ?? [];
      expect(first).toBe(soon);
      expect(second).toBeGreaterThanOrEqual((began ?? 0) + 5_000);
      expect(second).toBeLessThanOrEqual(performance.now() + 5_000);
    });

    it('ends at its budget, or sooner when the request says so', async () => {
      slow(60_000);
      serve(nodes, { timeoutMs: 60 });
      await expect(answer()).rejects.toMatchObject({
        ...{ code: 'LNMT8422', status: 504, message: 'the request was not answered within 60 ms' },
      });
      const { request } = callOf('p', [floats('x', 1)]);
      const sooner = answer({ request: { ...request, deadline: performance.now() + 30 } });
      const message = expect.stringMatching(/was not answered within [12]?\d ms|within 30 ms/) as string;
      await expect(sooner).rejects.toMatchObject({ code: 'LNMT8422', message });
      expect(bench.models.get('a')?.calls.every(({ signal }) => signal.aborted)).toBe(true);
    });

    it('ends even when a model never answers and never hears', async () => {
      bench.adder('a', 0, { run: () => new Promise(() => undefined) });
      serve(nodes, { timeoutMs: 60 });
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8422' });
    });

    it('names the step that takes longer than it may, with all that lies in it', async () => {
      slow(60_000);
      serve({
        main: { kind: 'sequence', steps: [{ node: 'inner', name: 'part', timeoutMs: 40 }] },
        inner: { kind: 'sequence', steps: [{ model: 'a' }] },
      });
      await expect(answer()).rejects.toMatchObject({
        ...{ code: 'LNMT8423', status: 504, message: 'step "main/part" took longer than 40 ms' },
      });
    });

    it('takes the word of a queue for its own', async () => {
      bench.adder('a', 0, { run: () => Promise.reject(failure('LNMT8220', 504)) });
      serve({ main: { kind: 'sequence', steps: [{ model: 'a', timeoutMs: 900 }] } });
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8423' });
    });
  });

  describe('that tries again', () => {
    const nodes = { main: { kind: 'sequence', steps: [{ model: 'a', retries: 2 }] } };
    const failing = (times: number, code: string, status: number): void => {
      const model = bench.adder('a', 10);
      const { run } = model;
      model.run = (inputs, call) => {
        if (model.calls.length <= times) throw failure(code, status);
        return run(inputs, call);
      };
    };

    it.each(['LNMT8206', 'LNMT8211', 'LNMT8004'])('does so after %s, as often as it is told', async (code) => {
      failing(2, code, 503);
      serve(nodes);
      expect(await answer()).toEqual({ y: [11, 12] });
      failing(3, code, 503);
      await expect(answer()).rejects.toMatchObject({ code: 'LNMT8421' });
      expect(bench.models.get('a')?.calls).toHaveLength(3);
    });

    it.each([
      ['a full queue', 'LNMT8221', 503],
      ['a timeout of a run', 'LNMT8205', 504],
      ['a refusal', 'LNMT8204', 422],
      ['a limit of the caller', 'LNMT8012', 429],
    ])('does not after %s', async (_title, code, status) => {
      failing(1, code, status);
      serve(nodes);
      await expect(answer()).rejects.toMatchObject({ status });
      expect(bench.models.get('a')?.calls).toHaveLength(1);
    });
  });

  it('lets what its steps ask take the way from the outermost layer', async () => {
    const seen: string[] = [];
    bench.before = [
      (next) => (call) => {
        seen.push(call.name);
        return next(call);
      },
    ];
    serve({ main: { kind: 'fallback', branches: [{ model: 'a', version: '1' }] } });
    const caller = { id: 'me', scopes: new Set<never>(), method: 'api-key' as const };
    await answer({ caller, attribute: (name) => name });
    expect(seen).toEqual(['p', 'a']);
    const [call] = bench.models.get('a')?.calls ?? [];
    expect([call?.caller, call?.version, call?.attribute('x-a')]).toEqual([caller, '1', 'x-a']);
  });
});

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OnnxBackend } from '../../../../runtime/inference/backends/onnx';
import { generator } from '../../../../runtime/inference/generation/sampling';
import { inspectFile } from '../../../../runtime/inference/inspector';
import { floatsOf } from '../../../../runtime/inference/tensors/values';
import { quantizeDynamic } from '../../../../runtime/inference/rewriter/dynamic';
import { toHalf } from '../../../../runtime/inference/rewriter/elements';
import { toFloat16 } from '../../../../runtime/inference/rewriter/half';
import { OnnxModel } from '../../../../runtime/inference/rewriter/model';
import { optimizeModel } from '../../../../runtime/inference/rewriter/optimize';
import { activationsToMeasure, quantizeStatic } from '../../../../runtime/inference/rewriter/static';
import type { ValueRange } from '../../../../runtime/inference/rewriter/static';
import { writeModel } from '../../../../runtime/inference/rewriter/write';
import type { WriteOptions } from '../../../../runtime/inference/rewriter/write';
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { loopModel } from '../../support/models';
import { graph, message, model, node, tensor, tensorType, TYPE, value } from '../../support/onnx-bytes';
import type { Field } from '../../support/onnx-bytes';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

function scratch(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-rewriter-'));
  folders.push(folder);
  return folder;
}

function write(content: Uint8Array): string {
  const file = path.join(scratch(), 'm.onnx');
  fs.writeFileSync(file, content);
  return file;
}

type Rewrite = (model: OnnxModel) => unknown;

const SCHEME = { perChannel: false, reduceRange: true };
const dynamic: Rewrite = (m) => quantizeDynamic(m, { ...SCHEME, embeddings: true });
const dynamicChannels: Rewrite = (m) => quantizeDynamic(m, { ...SCHEME, perChannel: true, embeddings: true });
const half: Rewrite = (m) => toFloat16(m, { keepIo: true, keep: [] });
const RANGE: ValueRange = { least: -40, most: 40 };
const fixedRanges =
  (perChannel: boolean, range = RANGE): Rewrite =>
  (m) =>
    quantizeStatic(m, new Map(activationsToMeasure(m, { ...SCHEME, perChannel }).map((name) => [name, range])), {
      ...SCHEME,
      perChannel,
    });

async function rewritten(file: string, rewrite: Rewrite, options: WriteOptions = {}): Promise<string> {
  const opened = OnnxModel.open(file);
  try {
    await rewrite(opened);
    const folder = scratch();
    writeModel(opened, folder, 'new.onnx', options);
    return path.join(folder, 'new.onnx');
  } finally {
    opened.close();
  }
}

async function answers(file: string, x: Float32Array, shape: readonly number[]): Promise<number[][]> {
  const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
  const { inputs, outputs } = await backend.load(file);
  const feeds = inputs.map(({ name, datatype }) =>
    datatype === 'BOOL'
      ? { name, datatype, shape: [1], data: Uint8Array.of(1) }
      : { name, datatype: 'FP32' as const, shape, data: new Uint8Array(x.slice().buffer) },
  );
  const results = await backend.run(
    feeds,
    outputs.map(({ name }) => name),
  );
  await backend.close();
  return results.map((result) => Array.from(floatsOf(result) ?? []));
}

/** Root mean square of the difference, as a share of that of the numbers. */
function apart(a: readonly number[], b: readonly number[]): number {
  expect(b.length).toBe(a.length);
  const square = (values: readonly number[]): number => values.reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(square(a.map((v, i) => v - (b[i] ?? 0))) / Math.max(1e-12, square(a)));
}

/** Holds a rewritten model to the inspector, to onnxruntime, and to the numbers of the original. */
async function same(file: string, rewrite: Rewrite, most: number, shape: readonly number[] = [3, 4]): Promise<string> {
  const out = await rewritten(file, rewrite);
  const [before, after] = [await inspectFile(file), await inspectFile(out)];
  expect(after.inputs).toEqual(before.inputs);
  expect(after.outputs.map(({ name }) => name)).toEqual(before.outputs.map(({ name }) => name));
  const random = generator(7);
  const size = shape.reduce((a, b) => a * b, 1);
  const x = Float32Array.from({ length: size }, () => 4 * random() - 2);
  const [was, is] = [await answers(file, x, shape), await answers(out, x, shape)];
  was.forEach((numbers, index) => expect(apart(numbers, is[index] ?? [])).toBeLessThan(most));
  return out;
}

const random = generator(3);
const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => 2 * random() - 1);
const raw = (list: Float32Array): Field => [9, new Uint8Array(list.buffer)];
const matrix = (name: string, dims: readonly number[]): readonly Field[] =>
  tensor(name, TYPE.float, dims, [raw(numbers(dims.reduce((a, b) => a * b, 1)))]);
/** The same as a list of floats, which older exporters write. */
const typedMatrix = (name: string, dims: readonly number[]): readonly Field[] =>
  tensor(name, TYPE.float, dims, [[4, new Uint8Array(numbers(dims.reduce((a, b) => a * b, 1)).buffer)]]);

const int = (name: string, n: number | bigint): readonly Field[] => [
  [1, name],
  [3, n],
  [20, 2],
];
const ints = (name: string, list: readonly number[]): readonly Field[] => [
  [1, name],
  ...list.map((n): Field => [8, n]),
  [20, 7],
];
/** A float attribute, whose four bytes the writer of messages does not know. */
const float = (name: string, n: number): Uint8Array => {
  const bytes = Buffer.alloc(5);
  bytes[0] = (2 << 3) | 5;
  bytes.writeFloatLE(n, 1);
  return Buffer.concat([message([[1, name]]), bytes, message([[20, 1]])]);
};

const X = value('x', tensorType(TYPE.float, ['n', 4]));
const Y = value('y', tensorType(TYPE.float, ['n', undefined]));
const head = (set: number, ir = 8): readonly Field[] => [
  [1, ir],
  [8, [[2, set]]],
];
const withFloats = (n: readonly Field[], ...attributes: readonly Uint8Array[]): readonly Field[] => [
  ...n,
  ...attributes.map((bytes): Field => [5, bytes]),
];

const MATMUL = {
  nodes: [node('MatMul', ['x', 'w'], ['y'])],
  constants: [matrix('w', [4, 3])],
  inputs: [X],
  outputs: [Y],
};

describe('INT8 with measured inputs', () => {
  it.each([11, 13, 17, 21])('computes MatMul nearly alike in operator set %d', async (set) => {
    const file = write(model(MATMUL, [], head(set, set > 19 ? 10 : 8)));
    const out = await same(file, dynamic, 0.03);
    await same(file, dynamicChannels, 0.03);
    expect((await inspectFile(out)).operators).toEqual({ Cast: 1, DynamicQuantizeLinear: 1, MatMulInteger: 1, Mul: 2 });
  });

  it.each([7, 9, 10])('refuses operator set %d, which lacks the operators', async (set) => {
    const file = write(model(MATMUL, [], head(set)));
    await expect(rewritten(file, dynamic)).rejects.toThrow(/needs operator set 11 or later, the model has \d+/);
  });

  it.each([
    ['as it is', [], [4, 3]],
    ['with a transposed weight', [int('transB', 1)], [3, 4]],
  ])('computes Gemm %s', async (_what, attributes, dims) => {
    const gemm = withFloats(node('Gemm', ['x', 'w', 'c'], ['y'], attributes), float('alpha', 0.5), float('beta', -2));
    const file = write(
      model({ nodes: [gemm], constants: [matrix('w', dims), matrix('c', [3])], inputs: [X], outputs: [Y] }),
    );
    await same(file, dynamic, 0.03);
    await same(file, dynamicChannels, 0.03);
  });

  it('computes Gemm with a bias that is computed, and without one', async () => {
    const nodes = [
      node('Relu', ['c'], ['bias']),
      withFloats(node('Gemm', ['x', 'w', 'bias'], ['a']), float('beta', 3)),
      node('Gemm', ['a', 'v'], ['y']),
    ];
    const constants = [matrix('w', [4, 3]), matrix('c', [3]), matrix('v', [3, 2])];
    await same(write(model({ nodes, constants, inputs: [X], outputs: [Y] })), dynamic, 0.04);
  });

  it('leaves what it cannot compute: transposed inputs, two computed inputs, vectors, other types', async () => {
    const nodes = [
      node('Gemm', ['x', 'w'], ['a'], [int('transA', 1)]),
      node('MatMul', ['x', 'a'], ['b']),
      node('MatMul', ['b', 'v'], ['c']),
      node('MatMul', ['x', 'w4'], ['y']),
      node('ReduceSum', ['c'], ['z']),
    ];
    const constants = [matrix('w', [4, 3]), matrix('v', [3]), matrix('w4', [4, 4])];
    const parts = { nodes, constants, inputs: [value('x', tensorType(TYPE.float, [4, 4]))], outputs: [Y] };
    const opened = OnnxModel.open(write(model(parts)));
    const report = quantizeDynamic(opened, { ...SCHEME, embeddings: false });
    opened.close();
    expect(report.rewritten).toEqual({ MatMul: 1 });
    await same(write(model(parts)), dynamic, 0.03, [4, 4]);
  });

  it('computes with weights of three dimensions, shared ones, and those of Constant nodes', async () => {
    const nodes = [
      node('MatMul', ['x', 'deep'], ['a']),
      node(
        'Constant',
        [],
        ['k'],
        [
          [
            [1, 'value'],
            [5, typedMatrix('', [4, 4])],
            [20, 4],
          ],
        ],
      ),
      node('MatMul', ['a', 'k'], ['b']),
      node('MatMul', ['b', 'shared'], ['c']),
      node('MatMul', ['c', 'shared'], ['d']),
      node('Add', ['d', 'shared'], ['y']),
    ];
    const constants = [matrix('deep', [1, 4, 4]), typedMatrix('shared', [4, 4])];
    const x = value('x', tensorType(TYPE.float, [4, 4]));
    const out = await same(write(model({ nodes, constants, inputs: [x], outputs: [Y] })), dynamic, 0.06, [4, 4]);
    expect((await inspectFile(out)).operators).toMatchObject({ MatMulInteger: 4 });
  });

  it('gives its values names that the model does not have', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['w_quantized']),
      node('Relu', ['w_quantized'], ['x_scale']),
      node('Add', ['x_scale', 'w_scale'], ['y']),
    ];
    const constants = [matrix('w', [4, 3]), matrix('w_scale', [3])];
    await same(write(model({ nodes, constants, inputs: [X], outputs: [Y] })), dynamic, 0.03);
  });

  it('takes constants that are inputs by another name, as formats before the fourth have them', async () => {
    const inputs = [X, value('w', tensorType(TYPE.float, [4, 3]))];
    await same(write(model({ ...MATMUL, inputs }, [], head(11, 3))), dynamic, 0.03);
  });

  it('leaves weights that are not finite, and weights of no element', async () => {
    const bad = tensor('w', TYPE.float, [4, 3], [raw(numbers(12).fill(Number.NaN, 3, 4))]);
    await expect(rewritten(write(model({ ...MATMUL, constants: [bad] })), dynamic)).rejects.toThrow(
      /no finite FP32 matrix/,
    );
    const none = tensor('w', TYPE.float, [4, 0], []);
    await expect(rewritten(write(model({ ...MATMUL, constants: [none] })), dynamic)).rejects.toThrow(
      /no product|matrix/,
    );
  });

  it('keeps channels of zeros, and tiny ones, exact', async () => {
    const list = numbers(12).map((v, i) => (i % 3 === 0 ? 0 : i % 3 === 1 ? v * 1e-38 : v));
    const constants = [tensor('w', TYPE.float, [4, 3], [raw(list)])];
    await same(write(model({ ...MATMUL, constants })), dynamicChannels, 0.03);
  });

  it('keeps fields that it does not know', async () => {
    const more: Field[] = [
      [2, 'producer'],
      [
        14,
        [
          [1, 'author'],
          [2, 'me'],
        ],
      ],
    ];
    const parts = {
      ...MATMUL,
      more: [
        [10, 'documentation'] as Field,
        [
          16,
          [
            [1, 'k'],
            [2, 'v'],
          ],
        ] as Field,
      ],
    };
    const bytes = fs.readFileSync(await rewritten(write(model(parts, more)), dynamic));
    for (const text of ['producer', 'author', 'documentation']) expect(bytes.includes(text)).toBe(true);
  });
});

const conv = (name: string, inputs: readonly string[], output: string): readonly Field[] =>
  node('Conv', inputs, [output], [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1])], [[3, name]]);

const RESIDUAL = {
  nodes: [
    conv('first', ['x', 'w1', 'b1'], 'a'),
    node('Relu', ['a'], ['r']),
    conv('second', ['r', 'w2'], 'b'),
    node('Add', ['b', 'r'], ['s']),
    node('GlobalAveragePool', ['s'], ['g']),
    node('Flatten', ['g'], ['f']),
    node('Gemm', ['f', 'w3', 'b3'], ['y']),
  ],
  constants: [
    matrix('w1', [5, 2, 3, 3]),
    matrix('b1', [5]),
    matrix('w2', [5, 5, 3, 3]),
    matrix('w3', [5, 3]),
    matrix('b3', [3]),
  ],
  inputs: [value('x', tensorType(TYPE.float, ['n', 2, 6, 6]))],
  outputs: [Y],
};

describe('INT8 with calibrated ranges', () => {
  it.each([false, true])(
    'computes convolutions, their sums and products nearly alike, per channel: %s',
    async (perChannel) => {
      const file = write(model(RESIDUAL));
      const out = await same(file, fixedRanges(perChannel, { least: -12, most: 12 }), 0.15, [2, 2, 6, 6]);
      const { operators } = await inspectFile(out);
      expect(operators).toMatchObject({ Conv: 2, Gemm: 1, Add: 1 });
      expect(operators['QuantizeLinear']).toBeGreaterThanOrEqual(5);
    },
  );

  it('serves operator set 10, and refuses channels before 13', async () => {
    const file = write(model(MATMUL, [], head(10)));
    await same(file, fixedRanges(false, { least: -2, most: 2 }), 0.03);
    await expect(rewritten(file, fixedRanges(true))).rejects.toThrow(/per channel needs operator set 13/);
    await expect(rewritten(write(model(MATMUL, [], head(9))), fixedRanges(false))).rejects.toThrow(
      /needs operator set 10/,
    );
  });

  it('refuses activations that nobody measured, and models without any', async () => {
    const rewrite: Rewrite = (m) => quantizeStatic(m, new Map(), SCHEME);
    await expect(rewritten(write(model(MATMUL)), rewrite)).rejects.toThrow(/no range was measured for "x"/);
    await expect(rewritten(write(model()), fixedRanges(false))).rejects.toThrow(/no Conv, MatMul or Gemm/);
  });
});

describe('FP16', () => {
  it.each([7, 9, 13, 17, 21])('computes nearly alike in operator set %d', async (set) => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('Relu', ['a'], ['b']),
      node('Exp', ['b'], ['c']),
      node('Mul', ['c', 'b'], ['y']),
    ];
    const file = write(model({ ...MATMUL, nodes }, [], head(set, set > 19 ? 10 : 8)));
    const out = await same(file, half, 0.01);
    const { operators } = await inspectFile(out);
    expect(operators).toMatchObject({ MatMul: 1, Exp: 1, Cast: 4 });
  });

  it('holds what FP16 cannot: masks, tiny numbers, integers, and values inside graphs of conditions', async () => {
    const inner = (name: string, op: string): readonly Field[] => [
      [1, name],
      [
        6,
        graph({
          nodes: [node(op, ['h'], [`${op}_out`])],
          inputs: [],
          outputs: [value(`${op}_out`, tensorType(TYPE.float, ['n', 3]))],
        }),
      ],
      [20, 5],
    ];
    const big = tensor('big', TYPE.float, [3], [raw(Float32Array.of(-1e9, 1e-20, 1))]);
    const nodes = [
      node('MatMul', ['x', 'w'], ['h']),
      node('If', ['flag'], ['i'], [inner('then_branch', 'Neg'), inner('else_branch', 'Abs')]),
      node('Max', ['i', 'big'], ['y']),
      node('Shape', ['y'], ['s']),
      node('Add', ['h', 'h'], ['z']),
    ];
    const inputs = [X, value('flag', tensorType(TYPE.bool, [1]))];
    const outputs = [Y, value('z', tensorType(TYPE.float, ['n', 3]))];
    const file = write(model({ nodes, constants: [matrix('w', [4, 3]), big], inputs, outputs }));
    await same(file, half, 0.01);
  });

  it('makes inputs and outputs FP16 where that is asked for', async () => {
    const nodes = [node('MatMul', ['x', 'w'], ['a']), node('Exp', ['a'], ['y'])];
    const out = await rewritten(write(model({ ...MATMUL, nodes })), (m) => toFloat16(m, { keepIo: false, keep: [] }));
    expect(await inspectFile(out)).toMatchObject({
      inputs: [{ name: 'x', datatype: 'FP16' }],
      outputs: [{ name: 'y', datatype: 'FP16' }],
    });
    const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
    expect((await backend.load(out)).outputs).toMatchObject([{ datatype: 'FP16' }]);
    await backend.close();
  });

  it.each([
    [[], 'mean and deviation of a normalization'],
    [[int('stash_type', 1)], 'the same where their type is stated'],
  ])('leaves FP32 what stays FP32 in any model: %#', async (attributes) => {
    const nodes = [
      node('LayerNormalization', ['x', 's'], ['l', 'mean', 'inverse'], attributes),
      node('Mul', ['l', 'mean'], ['m']),
      node('Add', ['m', 'inverse'], ['d']),
      node('Cast', ['mean'], ['c'], [int('to', TYPE.float)]),
      node('MatMul', ['d', 'w'], ['p']),
      node('Add', ['p', 'c'], ['y']),
    ];
    const parts = { nodes, constants: [matrix('s', [4]), matrix('w', [4, 3])], inputs: [X] };
    await same(write(model({ ...parts, outputs: [Y] }, [], head(17))), half, 0.01);
    const outputs = [Y, value('mean', tensorType(TYPE.float, ['n', 1]))];
    const file = write(model({ ...parts, outputs }, [], head(17)));
    await same(file, half, 0.01);
    const x = numbers(12);
    const out = await rewritten(file, (m) => toFloat16(m, { keepIo: false, keep: [] }));
    const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
    const spec = await backend.load(out);
    expect(spec.outputs.map(({ datatype }) => datatype)).toEqual(['FP16', 'FP16']);
    const input = { name: 'x', datatype: 'FP16', shape: [3, 4], data: new Uint8Array(24) } as const;
    x.forEach((number, at) => setFloat16(new DataView(input.data.buffer), 2 * at, number, true));
    const is = (await backend.run([input], ['y', 'mean'])).map((result) => Array.from(floatsOf(result) ?? []));
    await backend.close();
    const was = await answers(file, x, [3, 4]);
    was.forEach((list, index) => expect(apart(list, is[index] ?? [])).toBeLessThan(0.01));
  });

  it('leaves alone what scales by a number beyond it, and clamps masks', async () => {
    const floats = (name: string, values: readonly number[], dims: readonly number[] = [values.length]) =>
      tensor(name, TYPE.float, dims, [[9, new Uint8Array(Float32Array.from(values).buffer)]]);
    const nodes = [
      node('MatMul', ['x', 'up'], ['large']),
      node('BatchNormalization', ['large', 'scale', 'bias', 'mean', 'variance'], ['n']),
      node('MatMul', ['n', 'w'], ['p']),
      node('Add', ['p', 'mask'], ['m']),
      node('Softmax', ['m'], ['y']),
    ];
    const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const constants = [
      floats(
        'up',
        identity.map((each) => 4_000 * each),
        [4, 4],
      ),
      floats('w', [...identity.slice(0, 15), 100_000], [4, 4]),
      floats('variance', [1e8, 16e6, 16e6, 16e10]),
      floats('mask', [0, 0, -1e9, 0]),
      ...['scale', 'bias', 'mean'].map((name) => floats(name, Array<number>(4).fill(name === 'scale' ? 1 : 0))),
    ];
    const y = value('y', tensorType(TYPE.float, ['n', 4]));
    const file = write(model({ nodes, constants, inputs: [X], outputs: [y] }));
    let report: unknown;
    const out = await rewritten(file, (m) => (report = toFloat16(m, { keepIo: true, keep: [] })));
    expect(report).toMatchObject({
      rewritten: { MatMul: 1, Add: 1, Softmax: 1 },
      left: {
        'BatchNormalization: it scales by a number beyond FP16': 1,
        'MatMul: it scales by a number beyond FP16': 1,
      },
    });
    const x = Float32Array.of(1, 0.5, 3, 0.02, -1, 0.25, 3, -0.01);
    const [was = []] = await answers(file, x, [2, 4]);
    const [is = []] = await answers(out, x, [2, 4]);
    expect(is[2]).toBe(0);
    expect(Math.max(...was.map((each, at) => Math.abs(each - (is[at] ?? 0))))).toBeLessThan(0.002);
  });

  it('does not take a Cast of them to FP16 for one without effect', async () => {
    const nodes = [
      node('Cast', ['x'], ['h'], [int('to', TYPE.float16)]),
      node('LayerNormalization', ['h', 's'], ['l', 'mean']),
      node('Cast', ['mean'], ['m'], [int('to', TYPE.float16)]),
      node('Mul', ['l', 'm'], ['p']),
      node('Cast', ['p'], ['y'], [int('to', TYPE.float)]),
    ];
    const ones = tensor(
      's',
      TYPE.float16,
      [4],
      [[9, new Uint8Array(Uint16Array.of(0x3c00, 0x3c00, 0x3c00, 0x3c00).buffer)]],
    );
    const file = write(model({ nodes, constants: [ones], inputs: [X], outputs: [Y] }, [], head(17)));
    await same(file, (m) => optimizeModel(m, {}, () => Promise.resolve([])), 1e-6);
  });

  it('rounds to the nearest, ties to even, as the library does that is not ours', () => {
    const cases = [
      0,
      -0,
      1,
      1.0009765625,
      1.00048828125,
      65504,
      65519.99,
      6.1e-5,
      5.97e-8 * 3,
      1e-7,
      3.14159,
      -2.71828,
      1023.75,
    ];
    const counts = { clamped: 0, raised: 0 };
    const seeded = generator(11);
    const values = Float32Array.from([
      ...cases,
      ...Array.from({ length: 20_000 }, () => (seeded() - 0.5) * 10 ** (12 * seeded() - 7)),
    ]);
    const halves = toHalf(values, counts);
    const view = new DataView(halves.buffer);
    values.forEach((v, index) => {
      const got = getFloat16(view, 2 * index, true);
      const clamped =
        Math.abs(v) > 65504 ? Math.sign(v) * 65504 : Math.abs(v) > 0 && Math.abs(v) < 1e-7 ? Math.sign(v) * 1e-7 : v;
      const expected = new DataView(new ArrayBuffer(2));
      setFloat16(expected, 0, clamped, true);
      expect(Object.is(got, getFloat16(expected, 0, true)), `${v} gave ${got}`).toBe(true);
    });
    expect(counts.raised).toBeGreaterThan(100);
    expect(Array.from(toHalf(Float32Array.of(NaN, Infinity, -1e9), counts))).toEqual([0x7e00, 0x7c00, 0xfbff]);
  });
});

describe('weights in other files', () => {
  it('are written there when they came from there, or do not fit into the graph', async () => {
    const file = write(model(MATMUL));
    const apartOut = await rewritten(file, dynamic, { graphBytes: 10 });
    expect((await inspectFile(apartOut)).externalFiles).toEqual([]);
    const large = write(model({ ...MATMUL, constants: [matrix('w', [4, 3_000])] }));
    const out = await rewritten(large, () => undefined, { graphBytes: 10_000 });
    expect((await inspectFile(out)).externalFiles).toEqual([{ path: 'new.onnx.data', bytes: 48_000 }]);
    expect(fs.statSync(out).size).toBeLessThan(1_000);
    const again = await same(out, dynamic, 0.03);
    expect((await inspectFile(again)).externalFiles).toEqual([{ path: 'new.onnx.data', bytes: 12_000 }]);
    await same(out, half, 0.01);
    await same(out, fixedRanges(true, { least: -2, most: 2 }), 0.03);
  });
});

describe('simplifying', () => {
  const never = () => Promise.reject(new Error('it must not be asked'));

  it('leaves loops as they are, byte for byte', async () => {
    const file = write(loopModel());
    const once = await rewritten(file, (m) => optimizeModel(m, {}, never));
    const twice = await rewritten(once, (m) => optimizeModel(m, {}, never));
    expect(fs.readFileSync(twice).equals(fs.readFileSync(once))).toBe(true);
    expect((await inspectFile(once)).operators).toEqual((await inspectFile(file)).operators);
  });

  it('gives an output the name that it had, whatever stood before it', async () => {
    const nodes = [
      node('Relu', ['x'], ['a']),
      node('Identity', ['a'], ['b']),
      node('Identity', ['b'], ['y']),
      node('Neg', ['a'], ['z']),
    ];
    const outputs = [value('y', tensorType(TYPE.float, ['n', 4])), value('z', tensorType(TYPE.float, ['n', 4]))];
    const file = write(model({ nodes, inputs: [X], outputs }));
    const out = await same(file, (m) => optimizeModel(m, {}, never), 1e-9);
    expect((await inspectFile(out)).operators).toEqual({ Neg: 1, Relu: 1 });
    const through = write(
      model({ nodes: [node('Identity', ['x'], ['y'])], inputs: [X], outputs: outputs.slice(0, 1) }),
    );
    const kept = await same(through, (m) => optimizeModel(m, {}, never), 1e-9);
    expect((await inspectFile(kept)).operators).toEqual({ Identity: 1 });
  });

  describe('where a classical model ends in maps from class to score', () => {
    /** List of an attribute: of whole numbers, texts or floats. */
    const list = (name: string, values: readonly (bigint | string)[]): readonly Field[] => [
      [1, name],
      ...values.map((each): Field => (typeof each === 'string' ? [9, each] : [8, each])),
      [20, typeof values[0] === 'string' ? 8 : 7],
    ];
    const CLASSICAL: readonly Field[] = [[7, 'ai.onnx.ml']];
    const zip = (scores: string, output: string, classes: readonly Field[]): readonly Field[] =>
      node('ZipMap', [scores], [output], [classes], CLASSICAL);
    const maps = (name: string, key: number): readonly Field[] =>
      value(name, [
        [
          4,
          [
            [
              1,
              [
                [
                  5,
                  [
                    [1, key],
                    [2, tensorType(TYPE.float, [])],
                  ],
                ],
              ],
            ],
          ],
        ],
      ]);
    const scores = (outputs: readonly (readonly Field[])[], nodes: readonly (readonly Field[])[]): string =>
      write(
        model(
          { nodes: [node('Softmax', ['x'], ['s']), ...nodes], inputs: [X], outputs },
          [],
          [
            [1, 8],
            [8, [[2, 17]]],
            [
              8,
              [
                [1, 'ai.onnx.ml'],
                [2, 1],
              ],
            ],
          ],
        ),
      );

    it.each([
      ['texts', list('classlabels_strings', ['a', 'b', 'c', 'd']), TYPE.string, ['a', 'b', 'c', 'd']],
      ['numbers', list('classlabels_int64s', [3n, -1n, 0n, 7n]), TYPE.int64, ['3', '-1', '0', '7']],
    ])('gives the scores, and tells the classes that are %s', async (_what, labels, key, classes) => {
      const file = scores([maps('y', key)], [zip('s', 'y', labels)]);
      await expect(inspectFile(file)).rejects.toThrow(/LNMT8326: .* is sequence, not a tensor; .*lnmt model optimize/);
      let unzipped: unknown;
      const out = await rewritten(file, async (m) => ({ unzipped } = await optimizeModel(m, {}, never)));
      expect(unzipped).toEqual([{ output: 'y', classes }]);
      const { operators, outputs } = await inspectFile(out);
      expect([operators, outputs]).toEqual([{ Softmax: 1 }, [{ name: 'y', datatype: 'FP32', shape: [-1, 4] }]]);
      const [y = []] = await answers(out, Float32Array.of(1, 2, 3, 4, 0, 0, 0, 0), [2, 4]);
      expect(y.slice(4)).toEqual([0.25, 0.25, 0.25, 0.25]);
      expect(y[3]).toBeCloseTo(0.6439, 4);
    });

    it('gives the same scores to several outputs, and leaves alone what the model goes on with', async () => {
      const labels = list('classlabels_int64s', [0n, 1n, 2n, 3n]);
      const plain = value('p', tensorType(TYPE.float, ['n', 4]));
      const twice = scores(
        [plain, maps('y', TYPE.int64), maps('z', TYPE.int64)],
        [node('Relu', ['s'], ['p']), ...['y', 'z'].map((name) => zip('s', name, labels))],
      );
      const out = await rewritten(twice, (m) => optimizeModel(m, {}, never));
      const [p, y, z] = await answers(out, Float32Array.of(1, 2, 3, 4), [1, 4]);
      expect([y, z]).toEqual([p, p]);
      const used = scores(
        [maps('y', TYPE.int64), maps('z', TYPE.int64)],
        [zip('s', 'y', labels), node('Identity', ['y'], ['z'])],
      );
      const report = await (async () => {
        const opened = OnnxModel.open(used);
        try {
          return await optimizeModel(opened, {}, never);
        } finally {
          opened.close();
        }
      })();
      expect(report.unzipped).toEqual([]);
    });
  });
});

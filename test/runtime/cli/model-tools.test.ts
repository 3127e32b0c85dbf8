import fs from 'node:fs';
import path from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadDigits } from '../../../examples/quickstart/digits';
import { ElementType, floats, writeOnnx } from '../../../examples/quickstart/onnx';
import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import { inspectFile } from '../../../runtime/inference/inspector';
import { gateFailures } from '../../../runtime/cli/model/gate';
import * as errors from '../../../runtime/cli/model/errors';
import { Staging } from '../../../runtime/cli/model/staging';
import { loadToolkit } from '../../../runtime/cli/model/toolkit';
import { decoderModel, encoderModel } from '../support/text-models';
import { model, node, tensor, tensorType, TYPE, value } from '../support/onnx-bytes';
import { identityModel } from '../support/models';
import { cli, ROOT, scratch } from './support';
import type { CliResult } from './support';

/** An array as NumPy writes it. */
function npy(type: string, shape: readonly number[], data: Buffer): Buffer {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = Buffer.from(`${text.padEnd(117)}\n`);
  const head = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  return Buffer.concat([head, header, data]);
}

/** An archive of arrays, as `numpy.savez` and `savez_compressed` write it, without check sums. */
function zip(arrays: Readonly<Record<string, Buffer>>, pack: boolean): Buffer {
  const files: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(arrays)) {
    const file = Buffer.from(`${name}.npy`);
    const body = pack ? deflateRawSync(content) : content;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(file.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(pack ? 8 : 0, 10);
    entry.writeUInt32LE(body.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(file.length, 28);
    entry.writeUInt32LE(at, 42);
    files.push(local, file, body);
    entries.push(entry, file);
    at += 30 + file.length + body.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length / 2, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...files, ...entries, end]);
}

const DIGITS = path.join(ROOT, 'examples/quickstart/models/digits/3/model.onnx');

interface Report {
  readonly bytes: number;
  readonly originalBytes: number;
  readonly rewritten: Readonly<Record<string, number>>;
  readonly files: readonly string[];
  readonly trial: {
    readonly outputs: readonly {
      readonly output: string;
      readonly maxDifference: number;
      readonly relativeError: number;
      readonly agreement: number;
    }[];
    readonly accuracy?: {
      readonly original: number;
      readonly changed: number;
      readonly rows: number;
      readonly output: string;
    };
    readonly speed: { readonly ratio: number };
  };
}

const report = ({ out, err, code }: CliResult): Report => {
  expect(err).toBe('');
  expect(code).toBe(0);
  return JSON.parse(out) as Report;
};

function write(content: Uint8Array | string, name = 'm.onnx'): string {
  const file = path.join(scratch(), name);
  fs.writeFileSync(file, content);
  return file;
}

const fresh = (): string => path.join(scratch(), 'out.onnx');

let heldOut = '';
let train = '';

beforeAll(() => {
  const split = loadDigits();
  const csv = (digits: (typeof split)['train']): string =>
    digits.map(({ pixels, label }) => [...pixels, label].join(',')).join('\n');
  heldOut = write(
    `${Array.from({ length: 64 }, (_, i) => `p${i}`).join(',')},label\n${csv(split.heldOut)}\n`,
    'held.csv',
  );
  train = write(gzipSync(csv(split.train.slice(0, 256))), 'train.csv.gz');
});

describe('lnmt model quantize keeps digits within half a point of the accuracy', () => {
  test.each([
    ['dynamic', ['--mode', 'dynamic']],
    ['dynamic, per channel', ['--mode', 'dynamic', '--per-channel']],
    ['static', ['--mode', 'static']],
    ['static, per channel', ['--mode', 'static', '--per-channel']],
    ['static by percentile', ['--mode', 'static', '--method', 'percentile']],
    ['static by entropy', ['--mode', 'static', '--method', 'entropy']],
    ['dynamic with 8 bits', ['--full-range', '--per-channel']],
    ['FP16', ['--mode', 'fp16']],
    ['FP16 with its inputs', ['--mode', 'fp16', '--no-keep-io']],
  ])('%s', async (_name, options) => {
    const out = fresh();
    const calibration = options.includes('static') ? ['--calibration', train] : [];
    const gate = ['--samples', heldOut, '--max-accuracy-loss', '0.005', '--min-agreement', '0.95'];
    const made = report(
      await cli(['model', 'quantize', DIGITS, '--out', out, '--json', ...gate, ...options, ...calibration]),
    );
    expect(made.rewritten['Gemm']).toBe(2);
    const { accuracy } = made.trial;
    expect(accuracy?.rows).toBe(loadDigits().heldOut.length);
    expect(accuracy?.original).toBeGreaterThan(0.9);
    const loss = (accuracy?.original ?? 0) - (accuracy?.changed ?? 1);
    expect(loss).toBeLessThanOrEqual(0.005);
    expect(made.bytes).toBeLessThan(0.8 * made.originalBytes);
    expect((await inspectFile(out)).inputs).toMatchObject([
      { datatype: options.includes('--no-keep-io') ? 'FP16' : 'FP32' },
    ]);
    expect(fs.readdirSync(path.dirname(out))).toEqual(['out.onnx']);
  });
});

describe('lnmt model quantize on encoders and decoders', () => {
  const tokens = (rows: number, length: number): string => {
    const data = Array.from({ length: rows * length }, (_, i) => (i * 7) % 40);
    const input = (name: string, values: readonly number[]) => ({
      name,
      datatype: 'INT64',
      shape: [rows, length],
      data: values,
    });
    return JSON.stringify({
      inputs: [
        input('input_ids', data),
        input(
          'attention_mask',
          data.map(() => 1),
        ),
        input(
          'token_type_ids',
          data.map(() => 0),
        ),
      ],
    });
  };

  test.each([
    ['dynamic', ['--embeddings'], 0.04],
    ['static', ['--mode', 'static', '--per-channel'], 0.04],
    ['fp16', ['--mode', 'fp16'], 0.002],
  ])('an encoder stays near itself: %s', async (_name, options, most) => {
    const samples = write([tokens(1, 5), tokens(3, 9)].join('\n'), 's.jsonl');
    const limits = ['--samples', samples, '--max-difference', '0.3', '--min-agreement', '0.9'];
    const made = report(
      await cli(['model', 'quantize', write(encoderModel(40)), '--out', fresh(), '--json', ...limits, ...options]),
    );
    expect(made.rewritten['MatMul']).toBeGreaterThanOrEqual(5);
    expect(made.trial.outputs[0]?.relativeError).toBeGreaterThan(0);
    expect(made.trial.outputs[0]?.relativeError).toBeLessThan(most);
  });

  test('a decoder with a cache keeps its names and is loaded by servers', async () => {
    for (const options of [
      ['--mode', 'dynamic'],
      ['--mode', 'fp16'],
    ]) {
      const [file, out] = [write(decoderModel({ vocabulary: 30 })), fresh()];
      expect((await cli(['model', 'quantize', file, '--out', out, '--no-gate', ...options])).code).toBe(0);
      const [before, after] = [await inspectFile(file), await inspectFile(out)];
      expect(after.inputs).toEqual(before.inputs);
      expect(after.outputs).toEqual(before.outputs);
    }
  });
});

describe('lnmt model quantize', () => {
  test('refuses to write a model that fails the gate, says why, and leaves nothing behind', async () => {
    const out = fresh();
    const argv = ['model', 'quantize', DIGITS, '--out', out, '--samples', heldOut, '--max-difference', '1e-9'];
    const { code, err } = await cli(argv);
    expect(code).toBe(1);
    expect(err).toMatch(/error LNMT6035: .*not accurate enough[\s\S]*probabilities differs by/);
    expect(fs.readdirSync(path.dirname(out))).toEqual([]);
    expect((await cli([...argv, '--no-gate'])).code).toBe(0);
    expect(fs.readdirSync(path.dirname(out))).toEqual(['out.onnx']);
  });

  describe('on an output of one number a row', () => {
    /** A price: the sum of small numbers, beside a weight that leaves the small ones no steps. */
    const priceModel = (largest: number): string => {
      const size = 16;
      const weights = Array.from({ length: size }, (_, at) => (at === 0 ? largest : 0.5));
      return write(
        writeOnnx(
          {
            name: 'price',
            nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['price'] }],
            constants: [floats('w', [size, 1], weights)],
            inputs: [{ name: 'x', type: ElementType.FLOAT, shape: ['n', size] }],
            outputs: [{ name: 'price', type: ElementType.FLOAT, shape: ['n', 1] }],
          },
          'test',
        ),
      );
    };
    const prices = (): string => {
      const row = (at: number): number[] => Array.from({ length: 16 }, (_, i) => (i === 0 ? 0 : 1 + ((at + i) % 5)));
      const data = Array.from({ length: 8 }, (_, at) => row(at)).flat();
      return write(JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [8, 16], data }] }), 'prices.jsonl');
    };
    const quantize = (file: string, ...more: string[]) =>
      cli(['model', 'quantize', file, '--out', fresh(), '--samples', prices(), ...more]);

    test.each(['minmax', 'entropy'])(
      'becomes static where nothing but inputs has to be measured, by %s',
      async (method) => {
        const { code, out, err } = await quantize(priceModel(0.5), '--mode', 'static', '--method', method);
        expect([code, err]).toEqual([0, '']);
        expect(out).toContain('rewrote 1 MatMul');
      },
    );

    test('refuses a large relative error, which no choice shows', async () => {
      const { code, err } = await quantize(priceModel(1_000));
      expect(code).toBe(1);
      expect(err).toMatch(/LNMT6035[\s\S]*price has a relative error of \d\d+\.\d\d %, allowed are 5\.00 %/);
    });

    test('writes what is within the limit, and says what the limit was', async () => {
      const { code, out } = await quantize(priceModel(0.5));
      expect(code).toBe(0);
      expect(out).toContain('gate: the relative error of price is at most 5.00 %');
      const json = await quantize(priceModel(0.5), '--json');
      const { gate } = JSON.parse(json.out) as { gate: object };
      expect(gate).toEqual({ minAgreement: 0.99, relativeErrors: { price: 0.05 } });
    });

    test('refuses to hold an accuracy that cannot be measured', async () => {
      const { code, err } = await quantize(priceModel(0.5), '--max-accuracy-loss', '0.5');
      expect(code).toBe(1);
      expect(err).toMatch(/LNMT6035[\s\S]*the samples give no accuracy/);
    });

    test('is held to another limit where one is stated', async () => {
      expect((await quantize(priceModel(1_000), '--max-relative-error', '2')).code).toBe(0);
      expect((await quantize(priceModel(1_000), '--max-difference', '1000')).code).toBe(0);
      expect((await quantize(priceModel(0.5), '--max-relative-error', '0')).code).toBe(1);
    });
  });

  test('refuses to judge an output that the model lacks, and names those it has', async () => {
    const out = fresh();
    const argv = ['model', 'quantize', DIGITS, '--out', out, '--samples', heldOut, '--output', 'labels'];
    for (const gate of [[], ['--no-gate']]) {
      const { code, err } = await cli([...argv, ...gate]);
      expect(code).toBe(2);
      expect(err).toMatch(/LNMT6001: --output names no output of the model[\s\S]*labels[\s\S]*label, probabilities/);
    }
    expect(fs.readdirSync(path.dirname(out))).toEqual([]);
  });

  test('refuses to hold the accuracy of samples without labels', async () => {
    const pixels = { name: 'pixels', datatype: 'FP32', shape: [1, 64], data: Array.from({ length: 64 }, () => 0.5) };
    const labelled = (more: object): string => write(JSON.stringify({ inputs: [pixels], ...more }), 's.jsonl');
    for (const [more, code] of [
      [{}, 1],
      [{ label: [1, 2] }, 1],
      [{ label: 1 }, 0],
    ] as const) {
      const gate = ['--samples', labelled(more), '--max-accuracy-loss', '1', '--min-agreement', '0'];
      expect((await cli(['model', 'quantize', DIGITS, '--out', fresh(), ...gate])).code).toBe(code);
    }
  });

  test('refuses to work without samples, unless that is meant', async () => {
    const out = fresh();
    const { code, err } = await cli(['model', 'quantize', DIGITS, '--out', out]);
    expect([code, err]).toEqual([2, expect.stringContaining('error LNMT6033: the accuracy gate needs samples')]);
    const calibration = await cli(['model', 'quantize', DIGITS, '--out', out, '--mode', 'static', '--no-gate']);
    expect(calibration.err).toContain('error LNMT6033: static quantization needs samples');
    const meant = await cli(['model', 'quantize', DIGITS, '--out', out, '--no-gate']);
    expect([meant.code, meant.err]).toEqual([0, expect.stringContaining('no gate')]);
  });

  test.each([
    ['quantize', ['--no-gate', '--mode', 'static', '--method', 'entropy']],
    ['optimize', []],
  ])('ends %s when it is interrupted, and leaves nothing behind', async (verb, options) => {
    const out = fresh();
    const folder = path.dirname(out);
    let seen: readonly string[] = [];
    const onInterrupt = (listener: () => void) => {
      const look = (): void => {
        seen = fs.readdirSync(folder);
        if (seen.length > 0) listener();
        else setImmediate(look);
      };
      setImmediate(look);
      return () => undefined;
    };
    const argv = ['model', verb, DIGITS, '--out', out, '--samples', heldOut, ...options];
    const { code, err, out: text } = await cli(argv, { onInterrupt });
    expect([code, err, text]).toEqual([130, 'interrupted\n', '']);
    expect(seen).toEqual([expect.stringMatching(/^\.out\.onnx\./)]);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('puts nothing anywhere once it was interrupted', () => {
    const [out, ending] = [fresh(), new AbortController()];
    const staging = new Staging(out, ending.signal);
    staging.scratch();
    ending.abort();
    expect(() => staging.scratch()).toThrow('interrupted');
    expect(() => staging.publish()).toThrow('interrupted');
    expect(fs.readdirSync(path.dirname(out))).toEqual([]);
  });

  test.each(['quantize', 'optimize'])('refuses to %s into a place below a file', async (verb) => {
    const out = path.join(write('mine'), 'out.onnx');
    const { code, err } = await cli([
      'model',
      verb,
      DIGITS,
      '--out',
      out,
      ...(verb === 'quantize' ? ['--no-gate'] : []),
    ]);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/LNMT6001: --out names no place for a file: .* is no folder/),
    ]);
  });

  test('refuses to write over a file', async () => {
    const out = write('mine');
    const { code, err } = await cli(['model', 'quantize', DIGITS, '--out', out, '--no-gate']);
    expect([code, err]).toEqual([2, expect.stringContaining('LNMT6005')]);
    expect(fs.readFileSync(out, 'utf8')).toBe('mine');
  });

  test('refuses models that hold nothing to quantize, and says which mode might help', async () => {
    const { code, err } = await cli(['model', 'quantize', write(identityModel('FP32')), '--out', fresh(), '--no-gate']);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/LNMT6032: .*no product with a constant matrix[\s\S]*--mode/),
    ]);
  });

  test('refuses what a server would not load, with the code of the refusal', async () => {
    const custom = model({ nodes: [node('Thing', ['x'], ['y'], [], [[7, 'evil']])] });
    const { code, err } = await cli(['model', 'quantize', write(custom), '--out', fresh(), '--no-gate']);
    expect([code, err]).toEqual([2, expect.stringMatching(/LNMT6031: .*LNMT8322/)]);
  });

  test.each([
    ['s.csv', '1,2,3\n', /3 columns, the model takes 64/],
    ['s.csv', '', /there are none/],
    [
      's.jsonl',
      '{"inputs": [{"name": "pixels", "datatype": "INT64", "shape": [1], "data": [1]}]}',
      /is INT64, not FP32/,
    ],
    ['s.jsonl', '{"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [1], "data": [1]}]}', /has shape \[1\]/],
    ['s.jsonl', '{"inputs": []}', /input "pixels" is missing/],
    ['s.jsonl', 'no', /line 1: /],
    ['s.json', '{}', /cases is not a list/],
    ['s.npz', 'no', /it is no archive/],
    ['s.bin', 'no', /endings/],
  ])('refuses samples in %s with %j', async (name, content, reason) => {
    const argv = ['model', 'quantize', DIGITS, '--out', fresh(), '--samples', write(content, name)];
    const { code, err } = await cli(argv);
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6034');
    expect(err).toMatch(reason);
  });

  test.each([
    [['--mode', 'int4'], '--mode takes'],
    [['--min-agreement', '2'], '--min-agreement takes a number from 0 to 1'],
    [['--threads', 'many'], '--threads takes'],
    [['--samples', 'absent.csv'], 'there is no such file'],
    [['--calibration', 'train.csv'], '--calibration means nothing in this mode'],
    [['--method', 'minmax'], '--method means nothing in this mode'],
    [['--mode', 'static', '--embeddings'], '--embeddings means nothing in this mode'],
    [['--mode', 'static', '--no-keep-io'], '--no-keep-io means nothing in this mode'],
    [['--mode', 'fp16', '--per-channel'], 'choose --mode dynamic or static'],
    [['--mode', 'fp16', '--keep', 'Gemm', 'softmaxx'], 'did you mean Softmax?'],
    [['--mode', 'fp16', '--keep', 'fc1'], 'name some of ArgMax, Gemm, '],
  ])('refuses %j', async (options, message) => {
    const { code, err } = await cli(['model', 'quantize', DIGITS, '--out', fresh(), '--no-gate', ...options]);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });

  test('reads golden files and folders of samples', async () => {
    const folder = scratch();
    const pixels = { name: 'pixels', datatype: 'FP32', shape: [1, 64], data: Array.from({ length: 64 }, () => 0.5) };
    const label = { name: 'label', datatype: 'INT64', shape: [1], data: [1] };
    fs.writeFileSync(
      path.join(folder, 'golden.json'),
      JSON.stringify({ cases: [{ inputs: [pixels], outputs: [label] }] }),
    );
    fs.writeFileSync(path.join(folder, 'more.jsonl'), `${JSON.stringify({ inputs: [pixels], label: 4 })}\n`);
    fs.writeFileSync(path.join(folder, 'notes.txt'), 'not read');
    const made = report(
      await cli(['model', 'quantize', DIGITS, '--out', fresh(), '--json', '--samples', folder, '--no-gate']),
    );
    expect(made.trial).toMatchObject({ samples: 2, accuracy: { rows: 1, output: 'label' } });
  });

  test('reads arrays of NumPy, stored and deflated, with their labels', async () => {
    const digits = loadDigits().heldOut.slice(0, 40);
    const pixels = Buffer.from(new Float32Array(digits.flatMap((digit) => [...digit.pixels])).buffer);
    const labels = Buffer.from(BigInt64Array.from(digits, ({ label }) => BigInt(label)).buffer);
    for (const pack of [false, true]) {
      const arrays = { pixels: npy('<f4', [40, 64], pixels), label: npy('<i8', [40], labels) };
      const samples = ['--samples', write(zip(arrays, pack), 's.npz')];
      const made = report(await cli(['model', 'quantize', DIGITS, '--out', fresh(), '--json', ...samples]));
      expect(made.trial).toMatchObject({ samples: 3, accuracy: { rows: 40 } });
      expect(made.trial.accuracy?.original).toBeGreaterThan(0.9);
    }
    const odd = write(zip({ pixels: npy('<f8', [40, 64], Buffer.alloc(40 * 64 * 8)) }, false), 's.npz');
    const { err } = await cli(['model', 'quantize', DIGITS, '--out', fresh(), '--samples', odd]);
    expect(err).toMatch(/LNMT6034: .*input "pixels" is FP64, not FP32/);
  });

  test('prints what it did', async () => {
    const { out, code } = await cli(['model', 'quantize', DIGITS, '--out', fresh(), '--samples', heldOut]);
    expect(code).toBe(0);
    expect(out).toMatch(/rewrote 2 Gemm\nsize: .* times smaller\ncompared on 23 samples:/);
    expect(out).toMatch(/accuracy: 9\d\.\d\d % before, 9\d\.\d\d % now \(label, 360 labels\)\nspeed: /);
  });
});

describe('lnmt model optimize', () => {
  const bf16 = model({
    nodes: [
      node(
        'Cast',
        ['x'],
        ['f'],
        [
          [
            [1, 'to'],
            [3, 1],
            [20, 2],
          ],
        ],
      ),
      node(
        'Cast',
        ['f'],
        ['y'],
        [
          [
            [1, 'to'],
            [3, 16],
            [20, 2],
          ],
        ],
      ),
    ],
    inputs: [value('x', tensorType(TYPE.bfloat16, ['n', 2]))],
    outputs: [value('y', tensorType(TYPE.bfloat16, ['n', 2]))],
  });

  test('makes a model of BF16 one that servers take', async () => {
    const [file, out] = [write(bf16), fresh()];
    await expect(inspectFile(file)).rejects.toThrow('LNMT8326');
    const { code, out: text, err } = await cli(['model', 'optimize', file, '--out', out]);
    expect(err).toMatch(/not compared with the original: onnxruntime does not run the original model/);
    expect(code).toBe(0);
    expect(text).toContain('2 inputs and outputs of BF16 are FP32 now');
    expect(await inspectFile(out)).toMatchObject({
      inputs: [{ name: 'x', datatype: 'FP32' }],
      outputs: [{ name: 'y', datatype: 'FP32' }],
    });
    const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
    await backend.load(out);
    const data = new Uint8Array(Float32Array.of(1.5, -2).buffer);
    const [y] = await backend.run([{ name: 'x', datatype: 'FP32', shape: [1, 2], data }], ['y']);
    expect(Buffer.from(y?.data ?? [])).toEqual(Buffer.from(data));
    await backend.close();
  });

  test('simplifies, computes the same, and changes nothing a second time', async () => {
    const w = (name: string) => floats(name, [2, 2], [1, 2, 3, 4]);
    const file = write(
      writeOnnx(
        {
          name: 'g',
          nodes: [
            { op: 'Identity', inputs: ['x'], outputs: ['a'] },
            { op: 'Cast', inputs: ['a'], outputs: ['b'], attributes: { to: ElementType.FLOAT } },
            { op: 'Dropout', inputs: ['b'], outputs: ['c'] },
            { op: 'Add', inputs: ['w1', 'w2'], outputs: ['sum'] },
            { op: 'MatMul', inputs: ['c', 'sum'], outputs: ['d'] },
            { op: 'Add', inputs: ['d', 'w3'], outputs: ['e'] },
            { op: 'Relu', inputs: ['e'], outputs: ['unused'] },
            { op: 'Mul', inputs: ['e', 'w4'], outputs: ['f'] },
            { op: 'Identity', inputs: ['f'], outputs: ['y'] },
          ],
          constants: [w('w1'), w('w2'), w('w3'), w('w4')],
          inputs: [{ name: 'x', type: ElementType.FLOAT, shape: [2, 2] }],
          outputs: [{ name: 'y', type: ElementType.FLOAT, shape: [2, 2] }],
        },
        'test',
      ),
    );
    const [once, twice] = [fresh(), fresh()];
    const { out } = await cli(['model', 'optimize', file, '--out', once, '--json']);
    expect(JSON.parse(out)).toMatchObject({
      passedThrough: 4,
      folded: 1,
      joined: 3,
      trial: { outputs: [{ maxDifference: 0 }] },
    });
    expect((await inspectFile(once)).operators).toEqual({ Add: 1, MatMul: 1, Mul: 1 });
    const again = await cli(['model', 'optimize', once, '--out', twice]);
    expect(again.out).toContain('there was nothing to simplify');
    expect(fs.readFileSync(twice).equals(fs.readFileSync(once))).toBe(true);
  });

  test('fixes and opens dimensions', async () => {
    const [fixed, open] = [fresh(), fresh()];
    const argv = ['model', 'optimize', DIGITS, '--out', fixed, '--batch-dim', '2', '--json'];
    expect(report(await cli(argv))).toMatchObject({ resized: 3 });
    expect((await inspectFile(fixed)).inputs[0]?.shape).toEqual([2, 64]);
    expect((await cli(['model', 'optimize', fixed, '--out', open, '--batch-dim', 'rows'])).code).toBe(0);
    expect((await inspectFile(open)).inputs[0]?.shape).toEqual([-1, 64]);
    const named = fresh();
    expect((await cli(['model', 'optimize', DIGITS, '--out', named, '--dim', 'batch=1'])).code).toBe(0);
    expect((await inspectFile(named)).outputs[1]?.shape).toEqual([1, 10]);
  });

  test('compares with inputs of the new sizes, whatever they are', async () => {
    const argv = ['model', 'optimize', DIGITS, '--out', fresh(), '--batch-dim', '7', '--json'];
    expect(report(await cli(argv)).trial).toMatchObject({ samples: 5, outputs: [{ maxDifference: 0 }, {}] });
  });

  describe('with sizes that the original does not take', () => {
    /** Rows of four, which are reshaped as the constant says. */
    const reshaped = (...shape: bigint[]): string => {
      const data = new Uint8Array(BigInt64Array.from(shape).buffer);
      return write(
        writeOnnx(
          {
            name: 'g',
            nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
            constants: [{ name: 'shape', type: ElementType.INT64, shape: [shape.length], data }],
            inputs: [{ name: 'x', type: ElementType.FLOAT, shape: [1, 4] }],
            outputs: [{ name: 'y', type: ElementType.FLOAT, shape: ['n', 'm'] }],
          },
          'test',
        ),
      );
    };
    const optimize = (file: string, out: string, ...more: string[]) =>
      cli(['model', 'optimize', file, '--out', out, '--batch-dim', '8', ...more]);

    test('runs the new model on inputs of its sizes, and says that nothing was compared', async () => {
      const samples = write(
        '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}',
        's.jsonl',
      );
      for (const more of [[], ['--samples', samples]]) {
        const { code, err } = await optimize(reshaped(-1n, 2n), fresh(), ...more);
        expect([code, err]).toEqual([0, expect.stringMatching(/^not compared .* the new model runs on others\n$/)]);
      }
    });

    test('writes no model that runs on none of its sizes, or on none that can be tried', async () => {
      for (const [file, reason, ...more] of [
        [reshaped(2n, 2n), /LNMT6036: onnxruntime does not run the new model/],
        [reshaped(-1n, 2n), /LNMT6036: .* too large to be invented/, '--batch-dim', String(2 ** 23)],
      ] as const) {
        const out = fresh();
        const { code, err } = await optimize(file, out, ...more);
        expect([code, err]).toEqual([1, expect.stringMatching(reason)]);
        expect(fs.readdirSync(path.dirname(out))).toEqual([]);
      }
    });
  });

  test('invents no inputs that nothing could hold', async () => {
    const shape = ['n', 'c', 'd', 'h', 'w'];
    const file = write(
      writeOnnx(
        {
          name: 'open',
          nodes: [
            { op: 'Identity', inputs: ['x'], outputs: ['a'] },
            { op: 'Relu', inputs: ['a'], outputs: ['y'] },
          ],
          constants: [],
          inputs: [{ name: 'x', type: ElementType.FLOAT, shape }],
          outputs: [{ name: 'y', type: ElementType.FLOAT, shape }],
        },
        'test',
      ),
    );
    const { trial } = report(await cli(['model', 'optimize', file, '--out', fresh(), '--json']));
    expect(trial).toMatchObject({ samples: 5, outputs: [{ maxDifference: 0 }] });
  });

  test.each([
    [['--dim', 'rows=3'], /LNMT6032: .*no input or output has the dimension "rows"; open ones: batch/],
    [['--dim', '3'], /--dim takes NAME=SIZE/],
    [['--batch-dim', ''], /--batch-dim is empty/],
    [['--batch-dim', '0'], /--batch-dim takes a number from 1/],
    [['--batch-dim', '1.5'], /--batch-dim takes a whole number/],
  ])('refuses %j', async (options, message) => {
    const { code, err } = await cli(['model', 'optimize', DIGITS, '--out', fresh(), ...options]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});

describe('models that are links, as in a cache of downloads', () => {
  /** Links to files of other names, side by side in a folder of their own. */
  function linked(files: Readonly<Record<string, Uint8Array>>): string {
    const [blobs, snapshot] = [scratch(), scratch()];
    for (const [index, [name, content]] of Object.entries(files).entries()) {
      fs.writeFileSync(path.join(blobs, `blob-${index}`), content);
      fs.symlinkSync(path.join(blobs, `blob-${index}`), path.join(snapshot, name));
    }
    return path.join(snapshot, 'model.onnx');
  }
  const location = [
    [1, 'location'],
    [2, 'w.bin'],
  ] as const;
  const graph = model({
    nodes: [node('Add', ['x', 'w'], ['y'])],
    constants: [
      tensor(
        'w',
        TYPE.float,
        [2],
        [
          [13, location],
          [14, 1],
        ],
      ),
    ],
    inputs: [value('x', tensorType(TYPE.float, ['n', 2]))],
    outputs: [value('y', tensorType(TYPE.float, ['n', 2]))],
  });
  const weights = new Uint8Array(Float32Array.of(3, 4).buffer);

  test('are described, with weights beside the link', async () => {
    const { out } = await cli(['model', 'inspect', linked({ 'model.onnx': graph, 'w.bin': weights }), '--json']);
    expect(JSON.parse(out)).toMatchObject({ externalFiles: ['w.bin'], parameters: 2, refusals: [] });
    const absent = await cli(['model', 'inspect', linked({ 'model.onnx': graph }), '--json']);
    expect(JSON.parse(absent.out)).toMatchObject({ refusals: [{ code: 'LNMT8323', what: 'w.bin is missing' }] });
  });

  test('are simplified, and compared with what they were', async () => {
    const file = linked({ 'model.onnx': graph, 'w.bin': weights });
    const { trial } = report(await cli(['model', 'optimize', file, '--out', fresh(), '--json']));
    expect(trial).toMatchObject({ samples: 5, outputs: [{ maxDifference: 0 }] });
  });

  test('are quantized, and measured before', async () => {
    const file = linked({ 'model.onnx': fs.readFileSync(DIGITS) });
    const argv = ['model', 'quantize', file, '--out', fresh(), '--json', '--mode', 'static', '--samples', heldOut];
    expect(report(await cli(argv)).rewritten['Gemm']).toBe(2);
  });
});

describe('lnmt model inspect', () => {
  test('describes a model', async () => {
    const { out, code } = await cli(['model', 'inspect', DIGITS]);
    expect(code).toBe(0);
    expect(out).toMatch(/input +pixels +FP32 +\[batch, 64\]/);
    expect(out).toMatch(/FP32 +4 +2410 +9640/);
    expect(out).toMatch(/Gemm +2/);
    expect(out).toContain('parameters: 2410, weights: 9.4 KiB');
    expect(out).toContain('a server loads it');
  });

  test('describes what servers refuse, with the code', async () => {
    const file = write(model({ nodes: [node('Thing', ['x'], ['y'], [], [[7, 'evil']])] }));
    const summary = JSON.parse((await cli(['model', 'inspect', file, '--json'])).out) as object;
    expect(summary).toMatchObject({ operators: { 'evil.Thing': 1 }, refusals: [{ code: 'LNMT8322' }] });
  });

  test('names the files of weights, and refuses what is no model', async () => {
    const outside = tensor(
      'w',
      TYPE.float,
      [2],
      [
        [
          13,
          [
            [1, 'location'],
            [2, 'w.bin'],
          ],
        ],
        [14, 1],
      ],
    );
    const file = write(model({ constants: [outside] }));
    fs.writeFileSync(path.join(path.dirname(file), 'w.bin'), Buffer.alloc(8));
    const { out } = await cli(['model', 'inspect', file, '--json']);
    expect(JSON.parse(out)).toMatchObject({ externalFiles: ['w.bin'], parameters: 2, refusals: [] });
    expect((await cli(['model', 'inspect', write('text')])).err).toContain('LNMT6012');
  });
});

describe('the messages', () => {
  test('say what to do', () => {
    expect(errors.notRunnable('the model', 'no').message).toContain('LNMT6036: onnxruntime does not run the model: no');
  });

  test('name the package that is missing', async () => {
    const absent = () => Promise.reject(Object.assign(new Error('x'), { code: 'MODULE_NOT_FOUND' }));
    await expect(loadToolkit(scratch(), 'it', absent)).rejects.toThrow(
      'LNMT6015: it needs the package @lnmt/inference',
    );
  });

  test('tell numbers that are not finite from small differences', () => {
    const output = {
      ...{ output: 'y', maxDifference: 0.1, relativeError: 0, rows: 10, agreement: 0.98, exact: false, notFinite: 0 },
    };
    const speed = { original: 1, changed: 1, ratio: 1, rounds: 1 };
    const of = (change: object) => gateFailures({ samples: 1, outputs: [{ ...output, ...change }], speed }, {});
    expect(of({})).toEqual(['y agrees in 98.00 % of the rows, wanted are 99.00 %']);
    expect(of({ agreement: 1 })).toEqual([]);
    expect(of({ agreement: 1, notFinite: 1 })).toHaveLength(1);
    expect(of({ agreement: 1, relativeError: 0.9 })).toEqual([]);
    expect(of({ agreement: 1, rows: 0, relativeError: 0.06 })).toEqual([
      'y has a relative error of 6.00 %, allowed are 5.00 %',
    ]);
  });
});

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { HostBackend } from '../../../runtime/inference/backends/host-backend';
import { Batcher } from '../../../runtime/inference/batching/batcher';
import { mergeInputs } from '../../../runtime/inference/batching/tensors';
import { hostCommand } from '../../../runtime/inference/host/command';
import { encodeFrame, FrameReader } from '../../../runtime/inference/host/frames';
import { joinTensors, TensorHeaders, tensorPayload } from '../../../runtime/inference/host/tensors';
import type { TensorHead } from '../../../runtime/inference/host/tensors';
import { decodeRequest } from '../../../runtime/inference/tensors/request';
import type { Tensor } from '../../../runtime/inference/tensors/tensor';
import { readTensors, unreadParts } from '../../../runtime/inference/tensors/unread';
import { identityModel } from '../support/models';
import { temporaryFolder } from '../support/temporary';

const WIDTH = 600;
const HEADERS = new TensorHeaders((inputs, outputs) => ({ type: 'run', inputs, outputs }));

/** A body whose only input has these elements, as they stand in JSON. */
const bodyOf = (elements: readonly string[], datatype = 'FP32', rows = 1): Buffer => {
  const shape = JSON.stringify([rows, elements.length / rows]);
  return Buffer.from(
    `{"inputs":[{"name":"x","datatype":"${datatype}","shape":${shape},"data":[${elements.join(',')}]}]}`,
  );
};

const numbers = (first: number, count = WIDTH): string[] =>
  Array.from({ length: count }, (_, index) => String(first + index / 7));

const later = (body: Buffer): readonly Tensor[] => decodeRequest(body, undefined, { later: true }).inputs;
const atOnce = (body: Buffer): readonly Tensor[] => decodeRequest(Buffer.from(body)).inputs;

/** What crosses the socket to the process of a model and is put together there. */
function across(tensors: readonly Tensor[]): readonly Tensor[] {
  const chunks = encodeFrame(1, HEADERS.of(tensors, ['y']), tensorPayload(tensors));
  const [frame] = new FrameReader().push(Buffer.concat(chunks));
  const { inputs } = frame?.header as { readonly inputs: readonly TensorHead[] };
  return joinTensors(inputs, frame?.payload ?? new Uint8Array());
}

const outcome = (work: () => readonly Tensor[]): unknown => {
  try {
    return work().map(({ name, datatype, shape, data }) => [name, datatype, shape, Buffer.from(data).toString('hex')]);
  } catch (error) {
    return (error as Error).message;
  }
};

describe('elements that are read later', () => {
  const numeral = fc.oneof(
    { weight: 20, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
    { weight: 20, arbitrary: fc.integer().map(String) },
    { weight: 1, arbitrary: fc.constantFrom('1E5', '-0', ' 7', '1e-400', '123456789012345678901234567890') },
  );
  const wrong = fc.constantFrom('NaN', '01', '1e999', '', '"1"', '[1]', 'true', '1 2', '--1');

  it('are what they are when they are read at once, here and in the process of the model', () => {
    const elements = fc.array(numeral, { minLength: 300, maxLength: 700 });
    fc.assert(
      fc.property(
        elements,
        fc.constantFrom('FP32', 'FP64', 'INT64', 'INT8', 'UINT32', 'FP16', 'BOOL'),
        (all, datatype) => {
          const body = bodyOf(all, datatype);
          const expected = outcome(() => atOnce(body));
          expect(outcome(() => readTensors(later(body)))).toEqual(expected);
          let crossed: unknown;
          try {
            crossed = outcome(() => across(later(body)));
          } catch {
            crossed = '';
          }
          // What cannot be read there, or is none of these numbers, is left to the front.
          if (crossed !== '') expect(crossed).toEqual(expected);
        },
      ),
      { numRuns: 150, seed: 11 },
    );
  });

  it('are refused as they are when they are read at once', () => {
    fc.assert(
      fc.property(wrong, fc.nat({ max: WIDTH - 1 }), (bad, place) => {
        const elements = numbers(1);
        elements[place] = bad;
        const body = bodyOf(elements);
        const refused = outcome(() => atOnce(body));
        expect(typeof refused).toBe('string');
        expect(outcome(() => readTensors(later(body)))).toBe(refused);
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  it('are text for as long as nobody asks; what is copied or short is read', () => {
    const [tensor] = later(bodyOf(numbers(1)));
    if (tensor === undefined) throw new Error('no tensor');
    expect(unreadParts(tensor)).toMatchObject([{ count: WIDTH }]);
    const copy = { ...tensor, name: 'z' };
    expect(unreadParts(copy)).toBeUndefined();
    expect(copy.data.byteLength).toBe(4 * WIDTH);
    expect(unreadParts(tensor)).toBeUndefined();
    const [short] = later(bodyOf(numbers(1, 4)));
    expect(short && unreadParts(short)).toBeUndefined();
  });

  it('cannot claim memory that their text does not pay for', () => {
    const body = Buffer.from(bodyOf(numbers(1)).toString().replace('[1,600]', '[1,268435456]'));
    expect(outcome(() => later(body))).toContain('268435456 elements, data has 600');
  });

  it('share a frame with those that were read, in the order of the requests', () => {
    const bodies = [bodyOf(numbers(1)), bodyOf(numbers(2)), bodyOf(numbers(3, 2 * WIDTH), 'FP32', 2)];
    const [first = [], second = [], third = []] = bodies.map(later);
    const merged = mergeInputs([first, readTensors(second), third]);
    expect(merged.map(unreadParts)).toMatchObject([[{ count: WIDTH }, { count: undefined }, { count: 2 * WIDTH }]]);
    const expected = outcome(() => mergeInputs(bodies.map(atOnce)));
    expect(outcome(() => across(merged))).toEqual(expected);
    expect(outcome(() => merged)).toEqual(expected);
  });
});

describe('a model that reads its elements itself', () => {
  let dir: string;
  let backend: HostBackend;
  let batcher: Batcher;
  const ran: number[] = [];
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

  beforeAll(async () => {
    dir = temporaryFolder();
    fs.writeFileSync(path.join(dir, 'model.onnx'), identityModel('FP32', WIDTH));
    const host = hostCommand(process.execPath, process.env);
    const onnx = { executionProvider: 'cpu', threads: 1 } as const;
    backend = new HostBackend({ host, onnx, runTimeout: 30, log, workers: 1 });
    const observer = {
      waited: () => undefined,
      ran: (_: number, count: number) => void ran.push(count),
      dropped: vi.fn(),
    };
    const settings = { maxRows: 8, maxDelay: 0, preferred: [], maxQueue: 100 };
    batcher = new Batcher(backend, observer, () => performance.now(), settings);
    batcher.configure(await backend.load(path.join(dir, 'model.onnx')));
  });

  afterAll(async () => {
    await backend.close();
    fs.rmSync(dir, { recursive: true });
  });

  const ask = (body: Buffer): Promise<readonly Tensor[]> =>
    batcher.submit(later(body), ['y'], { signal: new AbortController().signal });
  const bytesOf = (tensors: readonly Tensor[]): string =>
    createHash('sha256')
      .update(tensors[0]?.data ?? '')
      .digest('hex');

  it('answers each request of a batch with its own', async () => {
    const bodies = Array.from({ length: 8 }, (_, index) => bodyOf(numbers(10 * index)));
    const answers = await Promise.all(bodies.map(ask));
    expect(answers.map(bytesOf)).toEqual(bodies.map((body) => bytesOf(atOnce(body))));
  });

  it('leaves forms that are too rare to the front', async () => {
    const rare = numbers(5);
    rare[3] = '0.00000000000000000000000000000000000000000000000000000012345678901234567890123e50';
    const body = bodyOf(rare);
    expect(bytesOf(await ask(body))).toBe(bytesOf(atOnce(body)));
  });

  it('refuses a request with what is no number, and answers those that shared its batch together', async () => {
    ran.length = 0;
    const bad = numbers(1);
    bad[WIDTH - 1] = 'NaN';
    const good = [1, 2, 3].map((first) => bodyOf(numbers(first)));
    const [first, refused, ...others] = await Promise.allSettled(
      [good[0], bodyOf(bad), ...good.slice(1)].map((body) => ask(body ?? bodyOf([]))),
    );
    expect(refused).toMatchObject({ status: 'rejected', reason: { status: 400, code: 'LNMT8011' } });
    const values = [first, ...others].map((each) => (each?.status === 'fulfilled' ? bytesOf(each.value) : 'refused'));
    expect(values).toEqual(good.map((body) => bytesOf(atOnce(body))));
    expect(ran).toEqual([4, 3]);
  });

  it('refuses a lone request as well', async () => {
    const bad = numbers(1);
    bad[0] = '1e999';
    await expect(ask(bodyOf(bad))).rejects.toMatchObject({ status: 400 });
  });
});

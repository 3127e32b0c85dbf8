import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonText, base64Text, writeJson } from '../../../runtime/inference/graphql/scalars';
import { writeEmbeddings } from '../../../runtime/inference/routes/openai-embeddings';
import { packStrings } from '../../../runtime/inference/tensors/bytes';
import { isLongAnswer, writeAnswer, writeLongAnswer } from '../../../runtime/inference/tensors/response';
import type { OutputForm } from '../../../runtime/inference/tensors/request';
import { DATATYPE_BYTES } from '../../../runtime/inference/tensors/tensor';
import type { Datatype, Tensor } from '../../../runtime/inference/tensors/tensor';
import { elementsText } from '../../../runtime/inference/tensors/text';
import { Canceller } from '../../../runtime/shared/cancellation';
import { turnsOf } from '../support/loop-turns';

const HEAD = { modelName: 'm', modelVersion: '1', id: 'q' };
const TEXT: OutputForm = { binary: false, byName: new Map() };
const STAYS = { aborted: false };

/** So many elements of bytes that look random and are the same each time. */
function numbers(datatype: Exclude<Datatype, 'BYTES'>, count: number): Tensor {
  const data = new Uint8Array(count * DATATYPE_BYTES[datatype]);
  for (let index = 0, seed = 1; index < data.length; index += 1) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    data[index] = seed >>> 16;
  }
  return { name: 'y', datatype, shape: [count], data };
}

const texts = (values: readonly string[]): Tensor => ({
  ...{ name: 't', datatype: 'BYTES', shape: [values.length] },
  data: packStrings(values),
});

const sizes = Object.keys(DATATYPE_BYTES).filter((name): name is Exclude<Datatype, 'BYTES'> => name !== 'BYTES');

async function expectSame(outputs: readonly Tensor[], form = TEXT): Promise<void> {
  const [whole, parts] = [writeAnswer(HEAD, outputs, form), await writeLongAnswer(HEAD, outputs, form, STAYS)];
  expect(parts.headerBytes).toBe(whole.headerBytes);
  expect(Buffer.compare(Buffer.from(parts.body), Buffer.from(whole.body))).toBe(0);
}

describe('a long answer', () => {
  it.each(sizes)('has the same bytes as one that is written at once, for %s', async (datatype) => {
    for (const count of [0, 1, 8191, 8192, 8193, 20_000]) await expectSame([numbers(datatype, count)]);
    const { data, ...rest } = numbers(datatype, 9001);
    const shifted = new Uint8Array(data.length + 1);
    shifted.set(data, 1);
    await expectSame([{ ...rest, data: shifted.subarray(1) }]);
  });

  it('has the same bytes for texts, several tensors and both forms', async () => {
    const many = texts(Array.from({ length: 20_000 }, (_, index) => `größe "${index}"\n`));
    const large = texts(['a'.repeat(300_000), '', 'ü'.repeat(300_000)]);
    await expectSame([texts([]), many, large, numbers('FP32', 10_000)]);
    await expectSame([many, { ...numbers('FP32', 10_000), name: 'b' }], {
      binary: false,
      byName: new Map([['b', true]]),
    });
    await expectSame([]);
  });

  it('lets the event loop turn while it is written', async () => {
    const output = numbers('FP32', 300_000);
    expect(isLongAnswer([output], TEXT)).toBe(true);
    expect(await turnsOf(() => writeLongAnswer(HEAD, [output], TEXT, STAYS))).toBeGreaterThan(10);
  });

  it('is what has more elements as text than are written at once, whatever their type, or longer texts', () => {
    for (const datatype of sizes) {
      expect(isLongAnswer([numbers(datatype, 8_192)], TEXT)).toBe(false);
      expect(isLongAnswer([numbers(datatype, 8_193)], TEXT)).toBe(true);
    }
    expect(isLongAnswer([numbers('UINT8', 4_097), numbers('INT64', 4_097)], TEXT)).toBe(true);
    expect(isLongAnswer([numbers('UINT8', 200_000)], { binary: true, byName: new Map() })).toBe(false);
    const longest = 2 ** 18 - 4;
    expect(isLongAnswer([texts(['a'.repeat(longest)])], TEXT)).toBe(false);
    expect(isLongAnswer([texts(['a'.repeat(longest), ''])], TEXT)).toBe(true);
    expect(isLongAnswer([texts(Array<string>(8_193).fill(''))], TEXT)).toBe(true);
  });

  it('is given up when its client leaves', async () => {
    const signal = { aborted: false };
    const writing = writeLongAnswer(HEAD, [numbers('FP32', 300_000)], TEXT, signal);
    signal.aborted = true;
    await expect(writing).rejects.toMatchObject({ code: 'LNMT8207' });
  });

  it('is refused beyond the most that text may have, with the remedy', async () => {
    const output: Tensor = { name: 'y', datatype: 'UINT8', shape: [140_000_000], data: new Uint8Array(140_000_000) };
    const refusal = {
      code: 'LNMT8215',
      status: 413,
      message: expect.stringContaining('binary_data_output') as unknown,
    };
    await expect(writeLongAnswer(HEAD, [output], TEXT, STAYS)).rejects.toMatchObject(refusal);
    expect(() => elementsText(output)).toThrow('binary_data_output');
    expect(isLongAnswer([output], { binary: true, byName: new Map() })).toBe(false);
  });

  it('is refused where one text of it is longer than any string', async () => {
    const data = new Uint8Array(4 + 100_000_000).fill(1);
    new DataView(data.buffer).setUint32(0, 100_000_000, true);
    const output: Tensor = { name: 't', datatype: 'BYTES', shape: [1], data };
    await expect(writeLongAnswer(HEAD, [output], TEXT, STAYS)).rejects.toMatchObject({ code: 'LNMT8215' });
  });
});

describe('embeddings of many texts', () => {
  const vectors = Array.from({ length: 400 }, (_, index) =>
    Float32Array.from({ length: 1024 }, (_each, place) => Math.sin(index + place)),
  );
  const answer = { model: 'm "1"', vectors, tokens: 7, base64: false };
  const stays = new Canceller();

  it.each([true, false])('have the same bytes as a document that is written at once (base64: %s)', async (base64) => {
    for (const some of [[], [Float32Array.of(0.1, Number.NaN, -0, Infinity)], vectors]) {
      const data = some.map((vector, index) => ({
        ...{ object: 'embedding', index },
        embedding: base64 ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector),
      }));
      const usage = { prompt_tokens: 7, total_tokens: 7 };
      const written = await writeEmbeddings({ ...answer, vectors: some, base64 }, stays);
      expect(written.toString()).toBe(JSON.stringify({ object: 'list', data, model: answer.model, usage }));
    }
  });

  it.each([true, false])('let the event loop turn while they are written (base64: %s)', async (base64) => {
    expect(await turnsOf(() => writeEmbeddings({ ...answer, base64 }, stays))).toBeGreaterThan(10);
  });

  it('are given up when their client leaves', async () => {
    const signal = new Canceller();
    const writing = writeEmbeddings(answer, signal);
    signal.abort();
    await expect(writing).rejects.toMatchObject({ code: 'LNMT8207' });
  });

  it('are refused beyond the most that text may have, with their own remedy', async () => {
    const many = Array<Float32Array>(13).fill(new Float32Array(2 ** 22));
    const writing = writeEmbeddings({ ...answer, vectors: many, base64: true }, stays);
    await expect(writing).rejects.toMatchObject({
      ...{ code: 'LNMT8215', status: 413 },
      message: expect.stringContaining('send fewer texts') as unknown,
    });
  });
});

describe('an answer over GraphQL', () => {
  const text = (value: Buffer): unknown => JSON.parse(value.toString());
  const refusal = { code: 'LNMT8215', status: 413 };

  it('is the JSON of what it holds, texts as they are (seed 3)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (plain, own) => {
        const [document, written] = ['\0', new JsonText(() => [JSON.stringify(own)])];
        expect(text(await writeJson({ plain, document, list: [written, null], written }, STAYS))).toEqual(
          JSON.parse(JSON.stringify({ plain, document, list: [own, null], written: own })),
        );
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('has bytes of any number as Base64', async () => {
    for (const size of [0, 1, 2, 196_607, 196_608, 196_609, 600_000]) {
      const { data } = numbers('UINT8', size + 1);
      const bytes = data.subarray(1);
      expect(text(await writeJson(base64Text(bytes), STAYS))).toBe(Buffer.from(bytes).toString('base64'));
    }
  });

  it('writes a text once, in however many places it stands, and the event loop turns meanwhile', async () => {
    const slice = 'a'.repeat(40_000);
    let [written, turns] = [0, 0];
    const long = new JsonText(function* () {
      yield '"';
      for (; written < 100; written += 1) yield slice;
      yield '"';
    });
    const count = (): void => void ((turns += 1), (turn = setImmediate(count)));
    let turn = setImmediate(count);
    const body = await writeJson({ a: long, b: [long, long] }, STAYS);
    clearImmediate(turn);
    expect(written).toBe(100);
    expect(turns).toBeGreaterThan(100);
    expect(text(body)).toEqual({ a: slice.repeat(100), b: [slice.repeat(100), slice.repeat(100)] });
  });

  it('is refused beyond the most that text may have, all places together', async () => {
    let written = 0;
    const long = new JsonText(function* () {
      for (const part of Array<string>(13).fill(' '.repeat(2 ** 20))) {
        written += 1;
        yield part;
      }
      yield '1';
    });
    await expect(writeJson(Array(20).fill(long), STAYS)).rejects.toMatchObject(refusal);
    expect(written).toBe(13);
  });

  it('is given up when its client leaves', async () => {
    const signal = { aborted: false };
    const writing = writeJson(base64Text(new Uint8Array(2 ** 20)), signal);
    signal.aborted = true;
    await expect(writing).rejects.toMatchObject({ code: 'LNMT8207' });
  });
});

import { getFloat16, setFloat16 } from '@petamoriken/float16';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestError } from '../../../runtime/shared/errors';
import { packElements } from '../../../runtime/inference/tensors/elements';
import { halfAt, halfBits, packHalves, roundHalf, unpackHalves } from '../../../runtime/inference/tensors/half';
import { decodeRequest } from '../../../runtime/inference/tensors/request';
import { writeResponse } from '../../../runtime/inference/tensors/response';
import { DATATYPE_BYTES } from '../../../runtime/inference/tensors/tensor';
import type { Datatype } from '../../../runtime/inference/tensors/tensor';
import { elementsText } from '../../../runtime/inference/tensors/text';
import { isNear } from '../../../runtime/inference/tensors/values';

const DATATYPES = Object.keys(DATATYPE_BYTES) as Datatype[];

const integers = (min: bigint, max: bigint): fc.Arbitrary<string> => fc.bigInt({ min, max }).map(String);
const numeral = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
const float16 = fc.integer({ min: -2048, max: 2048 }).map((value) => numeral(value / 1024));

/** JSON texts of elements, by datatype. */
const ELEMENTS: Record<Datatype, fc.Arbitrary<string>> = {
  BOOL: fc.boolean().map(String),
  UINT8: integers(0n, 2n ** 8n - 1n),
  UINT16: integers(0n, 2n ** 16n - 1n),
  UINT32: integers(0n, 2n ** 32n - 1n),
  UINT64: integers(0n, 2n ** 64n - 1n),
  INT8: integers(-(2n ** 7n), 2n ** 7n - 1n),
  INT16: integers(-(2n ** 15n), 2n ** 15n - 1n),
  INT32: integers(-(2n ** 31n), 2n ** 31n - 1n),
  INT64: integers(-(2n ** 63n), 2n ** 63n - 1n),
  FP16: float16,
  FP32: fc.float({ noNaN: true, noDefaultInfinity: true }).map(numeral),
  FP64: fc.double({ noNaN: true, noDefaultInfinity: true }).map(numeral),
  BYTES: fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value)),
};

const bodyOf = (datatype: string, shape: unknown, data: string): Buffer =>
  Buffer.from(`{"inputs":[{"name":"x","datatype":"${datatype}","shape":${JSON.stringify(shape)},"data":${data}}]}`);

const decode = (body: Uint8Array) => decodeRequest(Buffer.from(body));

function messageOf(body: Uint8Array | string): string {
  try {
    decode(typeof body === 'string' ? Buffer.from(body) : body);
  } catch (error) {
    if (error instanceof RequestError) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('FP16', () => {
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  const bytes = new Uint8Array(all.buffer);
  const view = new DataView(bytes.buffer);
  /** What another implementation makes of a number. */
  function judged(value: number): number {
    const cell = new DataView(new ArrayBuffer(2));
    setFloat16(cell, 0, value);
    return cell.getUint16(0);
  }

  it('are read as what they are, all of them, wherever they lie', () => {
    const values = Array.from(all, (_, index) => getFloat16(view, 2 * index, true));
    expect(Array.from(all, (_, index) => halfAt(view, 2 * index))).toEqual(values);
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    for (const data of [bytes, odd.subarray(1)]) expect(Array.from(unpackHalves(data))).toEqual(values);
  });

  it('are written as they were read, NaN as one of them', () => {
    const written = new Uint16Array(packHalves(unpackHalves(bytes)).buffer);
    const isNumber = (bits: number): boolean => (bits & 0x7c00) !== 0x7c00 || (bits & 0x3ff) === 0;
    expect(written.filter((_, bits) => isNumber(bits))).toEqual(all.filter(isNumber));
    expect(new Set(written.filter((_, bits) => !isNumber(bits)))).toEqual(new Set([judged(Number.NaN)]));
  });

  it('are written as the nearest, and the even one between two', () => {
    const finite = fc.integer({ min: 0, max: 0x7bff });
    // Halfway between two neighbours, beyond the largest too, and what lies just beside that.
    const halfway = fc.tuple(finite, fc.constantFrom(-1, 0, 1), fc.constantFrom(-1, 1)).map(([bits, beside, sign]) => {
      const [low, high] = [bits, bits + 1].map((each) => getFloat16(view, 2 * each, true)) as [number, number];
      const middle = high === Infinity ? 65_520 : (low + high) / 2;
      return sign * middle * (1 + beside * Number.EPSILON);
    });
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.float(), halfway), (value) => {
        expect(halfBits(value)).toBe(judged(value));
        expect(halfBits(roundHalf(value))).toBe(halfBits(value));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a number', () => {
  it.each([
    [1.1, 1, true],
    [1.2, 1, false],
    [-1, 1, false],
    [0, -0, true],
    [Number.NaN, Number.NaN, true],
    [Number.NaN, 1, false],
    [1, Number.NaN, false],
    [Infinity, Infinity, true],
    [Infinity, 1, false],
    [1, Infinity, false],
    [-Infinity, Infinity, false],
  ])('of %d is near %d: %s', (got, expected, isSo) => {
    expect(isNear(got, expected, { absolute: 0.05, relative: 0.1 })).toBe(isSo);
  });
});

describe('JSON tensors', () => {
  it.each(DATATYPES)('come back element for element after decoding and encoding, for %s', (datatype) => {
    fc.assert(
      fc.property(fc.array(ELEMENTS[datatype], { minLength: 1, maxLength: 20 }), (texts) => {
        const [tensor] = decode(bodyOf(datatype, [texts.length], `[${texts.join(',')}]`)).inputs;
        if (!tensor) throw new Error('no tensor');
        const written = elementsText(tensor);
        const read = decode(bodyOf(datatype, [texts.length], written)).inputs[0];
        expect(Buffer.from(read?.data ?? [])).toEqual(Buffer.from(tensor.data));
        // 64-bit integers must survive digit for digit, which a comparison of numbers would not show.
        if (datatype.startsWith('INT') || datatype.startsWith('UINT')) expect(written).toBe(`[${texts.join(',')}]`);
      }),
    );
  });

  it('are little-endian and row-major, whether their data is flat or nested', () => {
    const flat = decode(bodyOf('FP32', [2, 3], '[1,2,3,4,5,6]')).inputs[0]?.data;
    const nested = decode(bodyOf('FP32', [2, 3], '[[1,2,3],[4,5,6]]')).inputs[0]?.data;
    const expected = Buffer.alloc(24);
    [1, 2, 3, 4, 5, 6].forEach((value, index) => expected.writeFloatLE(value, 4 * index));
    expect(Buffer.from(flat ?? [])).toEqual(expected);
    expect(Buffer.from(nested ?? [])).toEqual(expected);
  });

  it('come with null for whatever a request may leave out, as clients write it', () => {
    const input = { name: 'x', datatype: 'FP32', shape: [1], data: [1] };
    const read = (request: object) => decode(Buffer.from(JSON.stringify({ inputs: [input], ...request })));
    const nulls = { id: null, parameters: null, outputs: null, inputs: [{ ...input, parameters: null }] };
    expect(read(nulls)).toEqual(read({}));
    const none = { timeout: null, priority: null, cache: null, binary_data_output: null, sequence_id: null };
    const outputs = [{ name: 'y', parameters: { binary_data: null } }];
    expect(read({ parameters: none, outputs })).toEqual(read({ parameters: {}, outputs: [{ name: 'y' }] }));
    expect(messageOf(bodyOf('FP32', [1], 'null'))).toContain('neither data nor binary_data_size');
  });

  it('write FP32 in the few digits that read back as the same float', () => {
    const data = packElements('FP32', [0.1, 1 / 3, 16777216, 1.1e-20, 3.4028234663852886e38]);
    expect(elementsText({ datatype: 'FP32', data })).toBe('[0.1,0.33333334,16777216,1.1e-20,3.4028235e+38]');
  });

  it('write NaN and infinities as strings, because JSON has no numbers for them', () => {
    const data = new Uint8Array(new Float32Array([Number.NaN, Infinity, -Infinity, -0]).buffer);
    expect(elementsText({ datatype: 'FP32', data })).toBe('["NaN","Infinity","-Infinity",-0]');
    const half = new Uint8Array(new Uint16Array([0x7e00, 0x7c00, 0x3c00]).buffer);
    expect(elementsText({ datatype: 'FP16', data: half })).toBe('["NaN","Infinity",1]');
  });

  it('make an answer with the id of its request, and without one where it had none', () => {
    const outputs = [{ name: 'y"', datatype: 'INT64', shape: [1], data: packElements('INT64', [2n ** 60n]) }] as const;
    const head = { modelName: 'm', modelVersion: '1' };
    expect(writeResponse({ ...head, id: 'q' }, outputs)).toBe(
      '{"model_name":"m","model_version":"1","id":"q","outputs":' +
        '[{"name":"y\\"","datatype":"INT64","shape":[1],"data":[1152921504606846976]}]}',
    );
    expect(writeResponse({ ...head, id: undefined }, [])).toBe('{"model_name":"m","model_version":"1","outputs":[]}');
  });
});

describe('requests that do not fit', () => {
  it.each([
    ['INT8', '[128]', '128 is not an integer from -128 to 127'],
    ['UINT8', '[-1]', '-1 is not an integer from 0 to 255'],
    ['INT32', '[1.5]', '1.5 is not an integer'],
    ['INT32', '["1"]', '"1" is not an integer'],
    ['INT64', '[9223372036854775808]', '9223372036854775808 is not an integer from -9223372036854775808'],
    ['UINT64', '[-1]', '-1 is not an integer from 0 to 18446744073709551615'],
    ['INT64', '[1e300]', '1e+300 is not an integer'],
    ['FP32', '[1e39]', '1e+39 is not a finite number'],
    ['FP16', '[70000]', '70000 is not a finite number'],
    ['FP64', '[1e400]', 'null is not a finite number'],
    ['FP32', '[null]', 'null is not a finite number'],
    ['FP32', '["NaN"]', '"NaN" is not a finite number'],
    ['FP32', '[true]', 'true is not a finite number'],
    ['BOOL', '[1]', '1 is not true or false'],
    ['BYTES', '[1]', '1 is not a string of Unicode text'],
    ['BYTES', '["\\ud800"]', 'is not a string of Unicode text'],
  ])('refuses %s %s, naming input and value', (datatype, data, message) => {
    expect(messageOf(bodyOf(datatype, [1], data))).toContain(`400 input "x": `);
    expect(messageOf(bodyOf(datatype, [1], data))).toContain(message);
  });

  it.each([
    ['no object', '[]', '400 the body is not an object'],
    ['no inputs', '{}', '400 inputs is not a list'],
    ['129 inputs', JSON.stringify({ inputs: Array(129).fill({}) }), '400 inputs has more than 128 entries'],
    ['a nameless input', '{"inputs":[{}]}', '400 inputs[0].name is not a string of 1 to 256 characters'],
    ['an unknown datatype', bodyOf('BF17', [1], '[1]'), '400 input "x": datatype is missing or not supported'],
    [
      'a datatype of the prototype',
      bodyOf('toString', [1], '[1]'),
      '400 input "x": datatype is missing or not supported',
    ],
    [
      'a rank of 17',
      bodyOf('FP32', Array(17).fill(1), '[1]'),
      '400 input "x": shape is not a list of at most 16 sizes',
    ],
    ['a size of 0', bodyOf('FP32', [0], '[]'), '400 input "x": each size of shape is an integer from 1'],
    ['a negative size', bodyOf('FP32', [-1, -1], '[1]'), '400 input "x": each size of shape is an integer from 1'],
    [
      'a size that is no integer',
      bodyOf('FP32', [1.5], '[1]'),
      '400 input "x": each size of shape is an integer from 1',
    ],
    [
      '2^63 elements',
      bodyOf('FP32', [2 ** 31, 2 ** 32], '[1]'),
      '400 input "x": shape has more than 268435456 elements',
    ],
    ['missing elements', bodyOf('FP32', [2, 3], '[1,2]'), '400 input "x": shape [2,3] has 6 elements, data has 2'],
    [
      'ragged data',
      bodyOf('FP32', [2, 2], '[[1,2],[3]]'),
      '400 input "x": nested data does not follow shape at axis 1',
    ],
    [
      'data nested otherwise',
      bodyOf('FP32', [4, 1], '[[1,2],[3,4]]'),
      '400 input "x": nested data does not follow shape',
    ],
    [
      'a tensor without elements',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}',
      'neither data nor binary_data_size',
    ],
    [
      'a repeated input',
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]},{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}',
      '400 inputs names "x" twice',
    ],
    ['a repeated output', '{"inputs":[],"outputs":[{"name":"y"},{"name":"y"}]}', '400 outputs names "y" twice'],
    ['an id that is no string', '{"id":1,"inputs":[]}', '400 id is not a string of Unicode text'],
    ['an id with half of a character', '{"id":"\\ud800","inputs":[]}', '400 id is not a string of Unicode text'],
  ])('refuses %s', (_title, body, message) => {
    expect(messageOf(body)).toContain(message);
  });

  it.each([
    ['text that is not JSON', '{"inputs":', '400 the body is not acceptable JSON'],
    ['an empty body', '', '400 the body is not acceptable JSON'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), '400 the body is not UTF-8'],
    ['a prototype key', '{"__proto__":{"inputs":[]}}', '400 the body is not acceptable JSON'],
    ['an escaped prototype key', '{"\\u005f_proto__":{"inputs":[]}}', '400 the body is not acceptable JSON'],
    ['a constructor key', '{"constructor":{"prototype":{}}}', '400 the body is not acceptable JSON'],
    [
      'a prototype key beside a long number',
      '{"__proto__":{"inputs":[]},"n":12345678901234567890}',
      '400 the body is not',
    ],
    ['65 levels', '['.repeat(65) + ']'.repeat(65), '400 the body is nested deeper than 64'],
    ['five million levels', '['.repeat(5_000_000), '400 the body is nested deeper than 64'],
  ])('refuses %s', (_title, body, message) => {
    expect(messageOf(body)).toContain(message);
  });

  it('does not take brackets and quotes inside strings for nesting', () => {
    const text = JSON.stringify(`${'['.repeat(100)}"\\`);
    expect(messageOf(bodyOf('BYTES', [1], `[${text}]`))).toBe('accepted');
  });

  it('answers any JSON whatsoever with a request or with a refusal of status 400', () => {
    const value = fc.oneof(fc.json({ maxDepth: 6 }), fc.string());
    const member = fc.constantFrom('name', 'datatype', 'shape', 'data', 'inputs', 'outputs', 'id', 'parameters');
    const request = fc.record({
      inputs: fc.array(fc.dictionary(member, fc.jsonValue())),
      outputs: fc.jsonValue(),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          value,
          request.map((object) => JSON.stringify(object)),
        ),
        (body) => {
          expect(messageOf(body)).toMatch(/^(accepted|400 .+)$/s);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('answers any bytes whatsoever with a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(messageOf(bytes)).toMatch(/^400 /);
      }),
      { numRuns: 2_000 },
    );
  });
});

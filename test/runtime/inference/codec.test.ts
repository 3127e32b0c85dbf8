import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestError } from '../../../runtime/shared/errors';
import { packElements } from '../../../runtime/inference/tensors/elements';
import { NumberSpan, parseJson } from '../../../runtime/inference/tensors/json';
import { scanNumbers } from '../../../runtime/inference/tensors/numbers';
import { decodeRequest } from '../../../runtime/inference/tensors/request';
import { writeAnswer } from '../../../runtime/inference/tensors/response';
import { DATATYPE_BYTES } from '../../../runtime/inference/tensors/tensor';
import type { Datatype } from '../../../runtime/inference/tensors/tensor';

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RequestError) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

const native = (text: string): unknown => {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return 'refused';
  }
};

const ours = (text: string): unknown => {
  try {
    return { value: parseJson(Buffer.from(text)) };
  } catch {
    return 'refused';
  }
};

/** JSON texts, and texts that are nearly JSON. */
const nearJson = fc
  .tuple(
    fc.json({ maxDepth: 5 }),
    fc.nat(),
    fc.constantFrom('', ' ', ',', '"', '0', '-', '.', 'e', '\\', '[', '}', '\n'),
  )
  .map(([text, at, extra]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + extra + text.slice(extra === '' ? place + 1 : place);
  });

/** What we refuse on purpose, and `JSON.parse` does not. */
const onPurpose = /__proto__|constructor|\\u|\d{16}/;

describe('the JSON reader', () => {
  it('reads no more values and plain numbers than it may', () => {
    const read = (text: string): string =>
      refusal(() => parseJson(Buffer.from(text), { most: { values: 3, numbers: 2 } }));
    expect(['[1,-0.5]', '["a",1,1e3,2]', '[{},[]]'].map(read)).toEqual(['accepted', 'accepted', 'accepted']);
    const remedy = 'send fewer at once, and tensors over GraphQL as raw';
    for (const text of ['[1,2,3]', '[0.5,-1,0]', '[[1],[2.5,3]]']) {
      expect([text, read(text)]).toEqual([text, `400 the body has more than 2 numbers; ${remedy}`]);
    }
    const ofMany = `[${'9'.repeat(30)},1e1]`;
    for (const text of ['[0.5e1,-1e1,1e3]', ofMany, '["","",""]', '[[[[]]]]', '[{},{},{}]', '{"a":1,"b":1,"c":1}']) {
      expect([text, read(text)]).toEqual([text, `400 the body has more than 3 values; ${remedy}`]);
    }
  });

  it('leaves flat numbers of tensors unread where it is told to, and no more of them than it may', () => {
    const asked: unknown[] = [];
    const read = (text: string, spanBytes = 100): unknown =>
      parseJson(Buffer.from(text), {
        spans: (...place) => asked.push(place) > 0 && place[0] === 3,
        most: { spanBytes },
      });
    const input = '{"data":[1,2],"shape":[3]}';
    const span = { data: expect.any(NumberSpan) as NumberSpan, shape: [3] };
    const body = `{"a":[${input},{"data":[[1]]}],"b":[{"c":${input}}],"data":[1]}`;
    const [nested, deeper] = [{ data: [[1]] }, { c: { data: [1, 2], shape: [3] } }];
    expect(read(body)).toEqual({ a: [span, nested], b: [deeper], data: [1] });
    expect(asked).toEqual([
      [3, 'a'],
      [3, 'a'],
      [4, 'b'],
      [1, 'data'],
    ]);
    expect(JSON.stringify(read(`[[${input}]]`))).toBe('[[{"data":"[numbers]","shape":[3]}]]');
    expect(refusal(() => read(`[[${input},${input}]]`, 5))).toContain('more than 5 bytes of flat numbers');
  });

  it('reads numbers as long as a float may be in full, and refuses longer ones', () => {
    const least = `-0.${(5n ** 1074n).toString().padStart(1074, '0')}`;
    expect(parseJson(Buffer.from(least))).toBe(-5e-324);
    const body = (number: string): Buffer =>
      Buffer.from(`{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[${number}]}]}`);
    expect(decodeRequest(body(least)).inputs[0]?.data).toEqual(new Uint8Array(Float64Array.of(-5e-324).buffer));
    // One of 8 MiB takes seconds as a bigint, and more to be written into an error.
    for (const number of ['9'.repeat(1_101), `0.${'0'.repeat(1_099)}`]) {
      const message = `400 a number has ${number.length} characters, beyond 1100`;
      expect(refusal(() => parseJson(Buffer.from(number)))).toBe(message);
      expect(refusal(() => decodeRequest(body(number)))).toBe(message);
    }
  });

  it('reads numbers of every length, to the last bit', () => {
    const number = fc.stringMatching(/^-?[0-9]{1,17}(\.[0-9]{0,16})?(e1|\.)?$/);
    const isWhole = (text: string): boolean => /^-?\d+$/.test(text);
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 3 }), (numbers) => {
        const text = `[${numbers.join(',')}]`;
        fc.pre(!numbers.some((each) => isWhole(each) && Math.abs(Number(each)) > Number.MAX_SAFE_INTEGER));
        expect(ours(text)).toStrictEqual(native(text));
      }),
      { seed: 5, numRuns: 5_000 },
    );
  });

  it('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom('', ' ', '\n\t'), (text, space) => {
        fc.pre(!onPurpose.test(text));
        expect(ours(space + text + space)).toEqual(native(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses what JSON.parse refuses', () => {
    fc.assert(
      fc.property(nearJson, (text) => {
        fc.pre(!onPurpose.test(text));
        const own = ours(text);
        // A key that was doubled by the change is refused by us alone.
        if (own !== 'refused') expect(own).toEqual(native(text));
        else if (native(text) !== 'refused') expect(refusal(() => parseJson(Buffer.from(text)))).toContain('twice');
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    '01',
    '-',
    '1.',
    '.5',
    '1e',
    '1e+',
    '+1',
    '0x1',
    'NaN',
    'Infinity',
    '-0.',
    '--1',
    '1 2',
    'tru',
    '"\t"',
    '"',
  ])('refuses %s', (text) => {
    expect([ours(text), native(text)]).toEqual(['refused', 'refused']);
  });

  it('reads integers that a number cannot hold as bigints, and all other numbers as numbers', () => {
    expect(parseJson(Buffer.from('[9223372036854775807,9007199254740991,1e20,0.12345678901234567890]'))).toEqual([
      9223372036854775807n,
      9007199254740991,
      1e20,
      0.123456789012345678,
    ]);
  });

  it('refuses a key that stands twice, because another system may read the other one', () => {
    expect(refusal(() => parseJson(Buffer.from('{"a":1,"\\u0061":2}')))).toBe('400 the body has the key "a" twice');
  });

  it('makes objects without a prototype', () => {
    expect(Object.getPrototypeOf(parseJson(Buffer.from('{"toString":1}')))).toBeNull();
  });
});

const spanOf = (text: string): NumberSpan => {
  const document = parseJson(Buffer.from(`{"inputs":[{"data":[${text}]}]}`), { spans: () => true });
  const data = (document as { inputs: { data: unknown }[] }).inputs[0]?.data;
  if (data instanceof NumberSpan) return data;
  throw new Error('not a span');
};

/** Numerals in every form that JSON has. */
const numeral = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? '-0' : String(value))),
  fc.integer().map(String),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 21n }), fc.nat(25), fc.integer({ min: -30, max: 30 }), fc.boolean())
    .map(([digits, zeros, exponent, negative]) => {
      return `${negative ? '-' : ''}0.${'0'.repeat(zeros)}${digits}${exponent === 0 ? '' : `e${exponent}`}`;
    }),
  // Halfway between two 32-bit floats, and one digit beside it.
  fc.tuple(fc.integer({ min: 1, max: 2 ** 23 }), fc.constantFrom('', '0', '1', '000000001')).map(([odd, tail]) => {
    return `${(2 ** 24 + 2 * odd + 1) / 2 ** 24}${tail}`;
  }),
);

describe('the number scanner', () => {
  it.each(['FP32', 'FP64'] as const)('reads %s bit for bit as JSON.parse and a typed array do', (datatype) => {
    const Elements = datatype === 'FP32' ? Float32Array : Float64Array;
    fc.assert(
      fc.property(
        fc.array(numeral, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(',', ', ', ' ,\n'),
        (texts, comma) => {
          const values = JSON.parse(`[${texts.join(',')}]`) as number[];
          fc.pre(values.every((value) => Number.isFinite(Math.fround(value))));
          const scanned = scanNumbers(spanOf(texts.join(comma)), datatype, texts.length);
          expect(Buffer.from(scanned ?? []).equals(Buffer.from(Elements.from(values).buffer))).toBe(true);
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it('reads 100,000 random 32-bit floats in their 64-bit form without a difference', () => {
    let state = 42;
    const draw = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
    const words = Uint32Array.from({ length: 100_000 }, draw);
    const values = Array.from(new Float32Array(words.buffer)).filter(Number.isFinite);
    const scanned = scanNumbers(spanOf(values.join(',')), 'FP32', values.length);
    expect(Buffer.from(scanned ?? []).equals(Buffer.from(Float32Array.from(values).buffer))).toBe(true);
  });

  it.each(Object.keys(DATATYPE_BYTES).filter((type) => /^U?INT/.test(type)) as Datatype[])(
    'reads %s as the slow way does, or leaves it to the slow way',
    (datatype) => {
      const text = fc.oneof(
        numeral,
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }).map(String),
        fc.nat(300).map(String),
      );
      fc.assert(
        fc.property(fc.array(text, { minLength: 1, maxLength: 10 }), (texts) => {
          const span = spanOf(texts.join(','));
          const scanned = scanNumbers(span, datatype, texts.length);
          if (scanned) expect(Buffer.from(scanned).equals(packElements(datatype, span.values()))).toBe(true);
        }),
        { numRuns: 5_000 },
      );
    },
  );

  it.each(['1,', '1,,2', '1 2', '01', '1.', '-', '1e', '0x1', '1e400', '1e39', '1,true', '1,"2"', '- 1', '1;2'])(
    'leaves [%s] to the slow way',
    (text) => {
      expect(scanNumbers(spanOf(text), 'FP32', text.split(',').length)).toBeUndefined();
    },
  );

  it('takes no memory that the body does not pay for', () => {
    expect(scanNumbers(spanOf('1,2,3'), 'FP64', 2 ** 28)).toBeUndefined();
  });
});

interface Sent {
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  readonly parameters?: object;
}

function binaryBody(tensors: readonly Sent[], more: object = {}): { body: Buffer; length: string } {
  const inputs = tensors.map(({ datatype, shape, data, parameters }, index) => {
    return { name: `x${index}`, datatype, shape, parameters: { binary_data_size: data.byteLength, ...parameters } };
  });
  const json = Buffer.from(JSON.stringify({ inputs, ...more }));
  return { body: Buffer.concat([json, ...tensors.map(({ data }) => data)]), length: String(json.length) };
}

const SAMPLES: Record<Datatype, readonly unknown[]> = {
  BOOL: [true, false],
  UINT8: [0, 255],
  UINT16: [0, 65535],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0n, 2n ** 64n - 1n],
  INT8: [-128, 127],
  INT16: [-32768, 32767],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  FP16: [-0.5, 65504],
  FP32: [-0.1, 3.4e38],
  FP64: [-0.1, 1.7e308],
  BYTES: ['', 'grüße 🙂'],
};

describe('binary tensors', () => {
  it.each(Object.keys(SAMPLES) as Datatype[])('are taken and given as they are, for %s', (datatype) => {
    const data = packElements(datatype, SAMPLES[datatype]);
    const { body, length } = binaryBody([{ datatype, shape: [1, 2], data }], {
      parameters: { binary_data_output: true },
    });
    const { inputs, form } = decodeRequest(body, length);
    expect(inputs).toMatchObject([{ name: 'x0', datatype, shape: [1, 2] }]);
    expect(Buffer.from(inputs[0]?.data ?? [])).toEqual(Buffer.from(data));
    const answer = writeAnswer({ modelName: 'm', modelVersion: '1', id: undefined }, inputs, form);
    const head = (answer.body as Buffer).subarray(0, answer.headerBytes).toString();
    expect(JSON.parse(head)).toEqual({
      model_name: 'm',
      model_version: '1',
      outputs: [{ name: 'x0', datatype, shape: [1, 2], parameters: { binary_data_size: data.byteLength } }],
    });
    expect((answer.body as Buffer).subarray(answer.headerBytes)).toEqual(Buffer.from(data));
  });

  it('are not copied', () => {
    const { body, length } = binaryBody([{ datatype: 'INT8', shape: [3], data: Uint8Array.of(1, 2, 3) }]);
    expect(decodeRequest(body, length).inputs[0]?.data.buffer).toBe(body.buffer);
  });

  it('of BF16 become FP32 without a change of value', () => {
    const wide = new Float32Array([1, -2.5, 3.3895313892515355e38]);
    const words = new Uint32Array(wide.buffer);
    const data = new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
    const { body, length } = binaryBody([{ datatype: 'BF16', shape: [3], data }]);
    const [tensor] = decodeRequest(body, length).inputs;
    expect(tensor?.datatype).toBe('FP32');
    expect(new Float32Array(new Uint8Array(tensor?.data ?? []).buffer)).toEqual(wide);
  });

  it('stand beside JSON tensors, and outputs take the form that is asked for each', () => {
    const json =
      '{"inputs":[{"name":"a","datatype":"INT32","shape":[1],"data":[7]},{"name":"b","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}}],"outputs":[{"name":"a","parameters":{"binary_data":true}},{"name":"b","parameters":{"binary_data":false}}]}';
    const body = Buffer.concat([Buffer.from(json), Buffer.of(8, 9)]);
    const { inputs, outputs, form } = decodeRequest(body, String(json.length));
    expect(outputs).toEqual(['a', 'b']);
    const answer = writeAnswer({ modelName: 'm', modelVersion: '1', id: 'q' }, inputs, form);
    expect((answer.body as Buffer).toString('latin1')).toBe(
      '{"model_name":"m","model_version":"1","id":"q","outputs":[' +
        '{"name":"a","datatype":"INT32","shape":[1],"parameters":{"binary_data_size":4}},' +
        '{"name":"b","datatype":"UINT8","shape":[2],"data":[8,9]}]}\x07\x00\x00\x00',
    );
  });

  const one = (datatype: string, shape: readonly number[], data: Uint8Array, parameters = {}) =>
    binaryBody([{ datatype, shape, data, parameters }]);

  it.each([
    ['too few bytes', one('FP32', [2], Buffer.alloc(4)), '2 elements of FP32 are 8 bytes, binary_data_size is 4'],
    [
      'a size beyond the body',
      one('FP32', [1], Buffer.alloc(4), { binary_data_size: 8 }),
      'is 8, and 4 bytes are left',
    ],
    [
      'a size that is no number',
      one('FP32', [1], Buffer.alloc(4), { binary_data_size: '4' }),
      'is not a number of bytes',
    ],
    ['a negative size', one('FP32', [1], Buffer.alloc(4), { binary_data_size: -4 }), 'is not a number of bytes'],
    [
      'bytes after the last tensor',
      one('FP32', [1], Buffer.alloc(6), { binary_data_size: 4 }),
      '2 bytes follow the last',
    ],
    ['a BOOL of 2', one('BOOL', [1], Buffer.of(2)), 'a BOOL is a byte 0 or 1'],
    [
      'a text that ends after its tensor',
      one('BYTES', [1], Buffer.of(9, 0, 0, 0, 65)),
      'element 0 ends after the tensor',
    ],
    ['a length of four billion', one('BYTES', [1], Buffer.alloc(4, 0xff)), 'element 0 ends after the tensor'],
    ['a length that is cut', one('BYTES', [1], Buffer.of(1, 0)), 'element 0 ends after the tensor'],
    ['texts that leave bytes', one('BYTES', [1], Buffer.of(0, 0, 0, 0, 65)), '1 bytes after the last element'],
    ['shared memory', one('INT8', [1], Buffer.of(1), { shared_memory_region: 'r' }), 'shared memory is not supported'],
    ['an unknown datatype', one('FP8', [1], Buffer.of(1)), 'datatype is missing or not supported'],
  ])('refuses %s with 400', (_title, { body, length }, message) => {
    expect(refusal(() => decodeRequest(body, length))).toMatch(/^400 /);
    expect(refusal(() => decodeRequest(body, length))).toContain(message);
  });

  it.each(['0', '-1', '1e3', '', ' 5', '99999', '12345678901'])(
    'refuses %j as the length of the JSON part',
    (length) => {
      const { body } = one('INT8', [1], Buffer.of(1));
      expect(refusal(() => decodeRequest(body, length))).toContain('400 the length of the JSON part is not from 1 to');
    },
  );

  it.each([
    ['a binary tensor without the header', { parameters: { binary_data_size: 4 } }, 'needs the header'],
    ['data in both forms', { data: [1], parameters: { binary_data_size: 4 } }, 'has both data and binary_data_size'],
    ['parameters that are a list', { data: [1], parameters: [] }, 'inputs[0].parameters is not an object'],
  ])('refuses %s', (_title, more, message) => {
    const body = Buffer.from(JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], ...more }] }));
    expect(refusal(() => decodeRequest(body))).toContain(message);
  });

  it.each([
    ['BF16 as JSON', { inputs: [{ name: 'x', datatype: 'BF16', shape: [1], data: [1] }] }, 'BF16 has no JSON form'],
    ['a form that is no flag', { inputs: [], parameters: { binary_data_output: 1 } }, 'is not true or false'],
    ['classification', { inputs: [], outputs: [{ name: 'y', parameters: { classification: 3 } }] }, 'is not supported'],
    [
      'a timeout that is no integer',
      { inputs: [], parameters: { timeout: 1.5 } },
      'parameters.timeout is not an integer',
    ],
    ['a negative priority', { inputs: [], parameters: { priority: -1 } }, 'parameters.priority is not an integer'],
  ])('refuses %s', (_title, document, message) => {
    expect(refusal(() => decodeRequest(Buffer.from(JSON.stringify(document))))).toContain(message);
  });

  it('reads timeout in microseconds and priority; 0 says nothing', () => {
    const read = (parameters: object) => decodeRequest(Buffer.from(JSON.stringify({ inputs: [], parameters })));
    expect(read({ timeout: 2500, priority: 3 })).toMatchObject({ timeoutMs: 2.5, priority: 3 });
    expect(read({ timeout: 0, priority: 0 })).toMatchObject({ timeoutMs: undefined, priority: undefined });
  });

  it('answers any change of a good body with a request or with a refusal of status 400', () => {
    const good = binaryBody([
      { datatype: 'BYTES', shape: [2], data: packElements('BYTES', ['ab', 'c']) },
      { datatype: 'FP32', shape: [1], data: Buffer.alloc(4) },
    ]);
    fc.assert(
      fc.property(fc.nat(good.body.length - 1), fc.nat(255), fc.integer({ min: -3, max: 3 }), (at, byte, shift) => {
        const body = Buffer.from(good.body);
        body[at] = byte;
        expect(refusal(() => decodeRequest(body, String(Number(good.length) + shift)))).toMatch(/^(accepted|400 .+)$/s);
      }),
      { numRuns: 5_000 },
    );
  });
});

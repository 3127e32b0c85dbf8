import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BinarySection } from '../../../runtime/inference/tensors/binary';
import { parseJson } from '../../../runtime/inference/tensors/json';
import { decodeRequest, readRequest } from '../../../runtime/inference/tensors/request';
import type { HttpInferenceRequest } from '../../../runtime/inference/tensors/request';

type Outcome = readonly ['read', unknown] | readonly ['refused', string];

const outcome = (read: () => HttpInferenceRequest): Outcome => {
  try {
    const request = read();
    const inputs = request.inputs.map(({ data, ...head }) => ({ ...head, data: [...data] }));
    return ['read', { ...request, inputs }];
  } catch (error) {
    return ['refused', (error as Error).message];
  }
};

/** Text of numbers as clients write them, and of what is none. */
const elements = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { maxLength: 4 }).map(String) },
  fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 2, maxLength: 2 }).map((each) => ` ${each.join(' , ')} `),
  fc.constantFrom(
    '1,2',
    '1',
    '',
    '[1],[2]',
    '1,,2',
    '01,2',
    '1,2]',
    '1}',
    '"1",2',
    '1,2,',
    ' 1,2',
    'é,2',
    '1],"data":[2',
  ),
);
const before = fc.constantFrom(
  '{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[',
  '{"inputs":[{"name":"x","shape":[2],"datatype":"INT64","data": [',
  '{"id":"data\\":[1","inputs":[{"data":[',
);
const middle = fc.constantFrom(
  '',
  '],"name":"x","datatype":"FP64","shape":[2]},{"name":"y","datatype":"FP32","shape":[2],"data":[',
);
const after = fc.constantFrom(
  ']}]}',
  ']}],"outputs":[{"name":"z"}]}',
  '],"name":"x","datatype":"INT8","shape":[2]}]}',
  ']}]} ',
  ']}]',
);

describe('a body like one that came before', () => {
  it('is read, or refused, as if it were the first', () => {
    const text = fc.tuple(before, elements, middle, elements, after);
    fc.assert(
      fc.property(fc.array(text, { minLength: 2, maxLength: 12 }), (texts) => {
        for (const [start, first, between, second, end] of texts) {
          const body = Buffer.from(start + first + (between === '' ? '' : between + second) + end);
          expect(outcome(() => decodeRequest(body))).toEqual(
            outcome(() => readRequest(parseJson(body, { spans: () => true }))),
          );
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('does not keep the bytes of the one before', () => {
    const body = (value: number): Buffer =>
      Buffer.from(`{"inputs":[{"name":"kept","datatype":"FP32","shape":[1],"data":[${value}]}]}`);
    const first = body(1);
    decodeRequest(first);
    first.fill(0x39);
    expect(outcome(() => decodeRequest(body(2)))).toEqual(
      outcome(() => readRequest(parseJson(body(2), { spans: () => true }))),
    );
  });
});

describe('a head like one that came before', () => {
  const head = (more: string, size: number): Buffer =>
    Buffer.from(
      `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":${size}}}]${more}}`,
    );

  it('is read with the bytes that follow it now, or refused for them', () => {
    const more = fc.constantFrom('', ',"id":"a"', ',"parameters":{"binary_data_output":true}');
    const request = fc.tuple(more, fc.constantFrom(8, 4), fc.uint8Array({ minLength: 6, maxLength: 9 }));
    fc.assert(
      fc.property(fc.array(request, { minLength: 2, maxLength: 8 }), (requests) => {
        for (const [extra, size, bytes] of requests) {
          const json = head(extra, size);
          const body = Buffer.concat([json, bytes]);
          const anew = (): HttpInferenceRequest => readRequest(parseJson(json), new BinarySection(bytes));
          expect(outcome(() => decodeRequest(body, String(json.length)))).toEqual(outcome(anew));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is forgotten for newer ones, and still read right', () => {
    const bytes = Buffer.alloc(8, 1);
    for (const round of [0, 1]) {
      for (let id = 0; id < 600; id++) {
        const json = head(`,"id":"${id}"`, 8);
        const read = decodeRequest(Buffer.concat([json, bytes]), String(json.length));
        expect([round, read.id, read.inputs.length]).toEqual([round, String(id), 1]);
      }
    }
  });
});

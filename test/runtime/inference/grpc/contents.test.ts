import path from 'node:path';
import fc from 'fast-check';
import { Root } from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { packContents } from '../../../../runtime/inference/grpc/contents';
import { CONTENTS } from '../../../../runtime/inference/grpc/elements';
import { CONTENTS_SHAPE, WIRE } from '../../../../runtime/inference/grpc/wire-shapes';
import { packStrings } from '../../../../runtime/inference/tensors/bytes';
import type { Datatype } from '../../../../runtime/inference/tensors/tensor';
import { field, varint } from '../../support/grpc-wire';

const PROTO = path.resolve(__dirname, '../../../../runtime/inference/grpc/protos/open-inference.proto');
const type = new Root().loadSync(PROTO, { keepCase: true }).lookupType('inference.InferTensorContents');

/** Contents as the library of clients writes them. */
const written = (datatype: Datatype, values: readonly unknown[]): Uint8Array =>
  type
    .encode(type.fromObject({ [CONTENTS[datatype] ?? '']: values.map((v) => (typeof v === 'bigint' ? `${v}` : v)) }))
    .finish();

interface Kind {
  readonly values: fc.Arbitrary<readonly unknown[]>;
  /** The tensor of values. */
  readonly pack: (values: readonly never[]) => { readonly buffer: ArrayBufferLike } | Uint8Array;
}

const list = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc.array(value, { minLength: 1, maxLength: 40 });
const integers = (min: number, max: number) => list(fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max)));

const KINDS: { readonly [D in Exclude<Datatype, 'FP16'>]: Kind } = {
  BOOL: { values: list(fc.boolean()), pack: (values) => Uint8Array.from(values, Number) },
  INT8: { values: integers(-128, 127), pack: (values) => Int8Array.from(values) },
  INT16: { values: integers(-32_768, 32_767), pack: (values) => Int16Array.from(values) },
  INT32: { values: integers(-(2 ** 31), 2 ** 31 - 1), pack: (values) => Int32Array.from(values) },
  INT64: { values: list(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), pack: (v) => BigInt64Array.from(v) },
  UINT8: { values: integers(0, 255), pack: (values) => Uint8Array.from(values) },
  UINT16: { values: integers(0, 65_535), pack: (values) => Uint16Array.from(values) },
  UINT32: { values: integers(0, 2 ** 32 - 1), pack: (values) => Uint32Array.from(values) },
  UINT64: { values: list(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), pack: (v) => BigUint64Array.from(v) },
  FP32: { values: list(fc.float()), pack: (values) => Float32Array.from(values) },
  FP64: { values: list(fc.double()), pack: (values) => Float64Array.from(values) },
  BYTES: {
    values: list(fc.string({ maxLength: 90, unit: 'grapheme' })).map((texts) => texts.map((text) => Buffer.from(text))),
    pack: (values: readonly Buffer[]) => packStrings(values.map(String)),
  },
};

/** The values of packed contents one by one, each with a tag, and fields between them that nobody knows. */
function unpacked(packed: Uint8Array): Uint8Array {
  const number = (packed[0] ?? 0) >>> 3;
  const wire = CONTENTS_SHAPE[number]?.wire ?? WIRE.varint;
  if (wire === WIRE.bytes) return packed;
  let start = packed.findIndex((byte, index) => index > 0 && byte < 128) + 1;
  const parts: Uint8Array[] = [];
  for (let end = start; end <= packed.length; end += 1) {
    const isEnd = wire === WIRE.varint ? (packed[end - 1] ?? 0) < 128 : end - start === (wire === WIRE.fixed32 ? 4 : 8);
    if (end === start || !isEnd) continue;
    parts.push(varint(number * 8 + wire), packed.subarray(start, end), field(99, Buffer.from('new')));
    start = end;
  }
  return Buffer.concat(parts);
}

describe('typed contents', () => {
  it.each(Object.entries(KINDS))(
    'become the tensor that they are, however they are written, for %s (seed 5)',
    (name, kind) => {
      const datatype = name as Datatype;
      fc.assert(
        fc.property(kind.values, fc.nat(40), (values, cut) => {
          const { buffer, byteOffset = 0, byteLength = buffer.byteLength } = kind.pack(values as never) as Uint8Array;
          const expected = Buffer.from(buffer, byteOffset, byteLength);
          const [all, first, second] = [values, values.slice(0, cut), values.slice(cut)].map((v) =>
            written(datatype, v),
          ) as [...[Uint8Array, Uint8Array, Uint8Array]];
          for (const contents of [
            [all],
            [unpacked(all)],
            [first, second],
            [first, unpacked(second)],
            [Buffer.concat([first, second])],
          ]) {
            expect(Buffer.from(packContents(datatype, contents, values.length, 'x'))).toEqual(expected);
          }
        }),
        { seed: 5, numRuns: 60 },
      );
    },
  );

  it.each([
    ['one too many', 'FP32', written('FP32', [1, 2, 3]), 'shape has 2 elements, fp32_contents has 3'],
    ['none', 'FP32', Buffer.alloc(0), 'shape has 2 elements, fp32_contents has 0'],
    ['another member', 'FP32', written('FP64', [1, 2]), 'contents has fp64_contents; FP32 takes fp32_contents'],
    ['no member', 'FP16', written('FP32', [1, 2]), 'FP16 travels in raw_input_contents only'],
    ['a number out of range', 'INT8', written('INT32', [1, -129]), '-129 is not an integer from -128 to 127'],
    ['a number below all', 'UINT8', written('UINT32', [1, 2 ** 32 - 1]), '4294967295 is not an integer from 0 to 255'],
    ['a number of eleven bytes', 'INT64', field(3, varint(1), Buffer.alloc(10, 0xff), varint(1)), 'does not end'],
    ['a number without an end', 'INT64', field(3, varint(1), varint(1), Buffer.alloc(1, 0xff)), 'does not end'],
  ] as const)('are refused with %s', (_title, datatype, contents, message) => {
    expect(() => packContents(datatype, [contents], 2, 'input "x"')).toThrow(`${message}`);
  });

  it('that are packed floats are not copied, whatever their size', () => {
    const bytes = field(6, Buffer.alloc(40 * 2 ** 20));
    const data = packContents('FP32', [bytes], 10 * 2 ** 20, 'x');
    expect([data.buffer, data.byteLength]).toEqual([bytes.buffer, 40 * 2 ** 20]);
  });
});

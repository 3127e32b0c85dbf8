import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkModelTexts, checkTextInputs } from '../../../runtime/inference/signature';
import {
  firstNotUtf8,
  firstWithNul,
  packBytes,
  packStrings,
  unpackStrings,
} from '../../../runtime/inference/tensors/bytes';

/** Texts whose lengths are ASCII and others, with characters of every length, and bytes that are none. */
const part = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('', 'a', 'ü', '🙂', 'a'.repeat(63), 'ü'.repeat(70), 'a'.repeat(300)) },
  { weight: 1, arbitrary: fc.constantFrom('\0', `${'a'.repeat(200)}\0`) },
);
const bytes = fc.oneof(
  { weight: 12, arbitrary: fc.array(part, { maxLength: 3 }).map((parts) => Buffer.from(parts.join(''))) },
  { weight: 1, arbitrary: fc.constantFrom(Buffer.of(0xc3), Buffer.of(0xbc, 65), Buffer.of(0xff)) },
);

const texts = (...values: readonly Buffer[]) => {
  return { name: 'x', datatype: 'BYTES', shape: [values.length], data: packBytes(values) } as const;
};

describe('the texts of a tensor', () => {
  it('are written one after another, each after its length in bytes (seed 6)', () => {
    const oneByOne = (values: readonly Uint8Array[]): Buffer =>
      Buffer.concat(values.flatMap((value) => [Buffer.from(Uint32Array.of(value.length).buffer), value]));
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
        const bytes = texts.map((each) => Buffer.from(each));
        expect(Buffer.from(packStrings(texts))).toEqual(oneByOne(bytes));
        expect(Buffer.from(packBytes(bytes))).toEqual(oneByOne(bytes));
        expect(unpackStrings(packStrings(texts))).toEqual(bytes.map(String));
      }),
      { seed: 6, numRuns: 100 },
    );
    // They have their memory to themselves: it is handed from thread to thread.
    expect(packStrings(['a']).buffer.byteLength).toBe(5);
  });

  it('are found not to be UTF-8, or to have a byte 0, as one by one (seed 7)', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 12 }), fc.nat(7), (values, offset) => {
        const packed = packBytes(values);
        const data = new Uint8Array(packed.byteLength + offset).subarray(offset);
        data.set(packed);
        expect(firstNotUtf8(data)).toBe(values.findIndex((value) => !isUtf8(value)));
        expect(firstWithNul(data)).toBe(values.findIndex((value) => value.includes(0)));
      }),
      { seed: 7, numRuns: 2_000 },
    );
  });

  it('are refused by their place where a character is cut between two of them', () => {
    const cut = texts(Buffer.from('a'), Buffer.of(0xc3), Buffer.of(0xbc));
    expect(() => checkTextInputs([cut])).toThrow('input "x": element 1 is not UTF-8');
  });

  it('are found among many', () => {
    const values = Array.from({ length: 5_000 }, () => Buffer.from('ü'));
    for (const place of [0, 1_023, 1_024, 1_025, 2_048, 4_999]) {
      expect(firstNotUtf8(packBytes(values.with(place, Buffer.of(0xff))))).toBe(place);
      expect(firstWithNul(packBytes(values.with(place, Buffer.of(0))))).toBe(place);
    }
    expect([firstNotUtf8(packBytes(values)), firstWithNul(packBytes(values))]).toEqual([-1, -1]);
  });

  it('have no byte 0 where onnxruntime would end them, and may have one before', () => {
    const ended = texts(Buffer.from('a'), Buffer.from('a\0b'));
    const refusal = { code: 'LNMT8201', message: 'input "x": element 1 has a byte 0, which ends a text' };
    expect(() => checkModelTexts([ended])).toThrow(expect.objectContaining(refusal) as Error);
    expect(() => checkTextInputs([ended])).not.toThrow();
    expect(() => checkModelTexts([texts(Buffer.from('ab'), Buffer.alloc(0))])).not.toThrow();
    expect(() => checkModelTexts([{ ...ended, datatype: 'UINT8' }])).not.toThrow();
  });
});

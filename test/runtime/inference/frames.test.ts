import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from '../../../runtime/inference/host/frames';
import { joinTensors, TensorHeaders, tensorHeads } from '../../../runtime/inference/host/protocol';
import type { TensorHead } from '../../../runtime/inference/host/protocol';

const tensors = fc.array(
  fc.record({
    name: fc.string(),
    datatype: fc.constant('UINT8' as const),
    shape: fc.array(fc.nat()),
    data: fc.uint8Array({ maxLength: 50 }),
  }),
  { maxLength: 4 },
);

const results = new TensorHeaders((outputs) => ({ type: 'result', outputs }));

describe('frames between front and host', () => {
  it('arrive as they were sent, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(tensors, { maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (sent, cuts) => {
          const stream = Buffer.concat(
            sent.flatMap((list) =>
              encodeFrame(
                2 ** 40 + list.length,
                // Some written once for all that look the same, as most are.
                list.length % 2 === 0 ? { outputs: tensorHeads(list) } : results.of(list),
                list.map(({ data }) => data),
              ),
            ),
          );
          const reader = new FrameReader(undefined, sent.length % 2 === 0);
          const received = [];
          for (let offset = 0, turn = 0; offset < stream.length; turn++) {
            const end = offset + (cuts[turn % cuts.length] ?? 1);
            received.push(...reader.push(stream.subarray(offset, end)));
            offset = end;
          }
          expect(received.map(({ id }) => id)).toEqual(sent.map(({ length }) => 2 ** 40 + length));
          const read = received.map(({ header, payload }) =>
            joinTensors((header as { readonly outputs: readonly TensorHead[] }).outputs, payload),
          );
          const plain = (lists: typeof sent) =>
            lists.map((list) => list.map((item) => ({ ...item, data: [...item.data] })));
          expect(plain(read as typeof sent)).toEqual(plain(sent));
          for (const { data } of read.flat()) expect(data.byteOffset % 8).toBe(0);
        },
      ),
    );
  });

  it('have one header for tensors that look the same, and another for any that do not', () => {
    const runs = new TensorHeaders((inputs, outputs) => ({ type: 'run', inputs, outputs }));
    const one = { name: 'x', datatype: 'FP32', shape: [1, 2], data: new Uint8Array(8) } as const;
    const first = runs.of([one], ['y']);
    expect(runs.of([{ ...one, shape: [1, 2], data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }], ['y'])).toBe(first);
    const others = [
      runs.of([{ ...one, name: 'z' }], ['y']),
      runs.of([{ ...one, datatype: 'INT32' }], ['y']),
      runs.of([{ ...one, shape: [2, 1] }], ['y']),
      runs.of([{ ...one, shape: [1, 2, 1] }], ['y']),
      runs.of([{ ...one, data: new Uint8Array(12) }], ['y']),
      runs.of([one, one], ['y']),
      runs.of([], ['y']),
      runs.of([one], ['z']),
      runs.of([one], []),
    ];
    expect(new Set([first, ...others].map(({ text }) => text.toString())).size).toBe(1 + others.length);
  });

  it('are remembered by the newest headers alone', () => {
    const runs = new TensorHeaders((inputs, outputs) => ({ type: 'run', inputs, outputs }));
    const header = (index: number): object => runs.of([], [`y${index}`]);
    const first = header(0);
    const reader = new FrameReader(undefined, true);
    for (let index = 0; index < 100; index++) {
      const [frame] = reader.push(Buffer.concat(encodeFrame(index, header(index), [])));
      expect(frame).toMatchObject({ id: index, header: { outputs: [`y${index}`] } });
    }
    expect(header(99)).toBe(header(99));
    expect(header(0)).not.toBe(first);
  });

  it('share a header only where their reader remembers', () => {
    const frames = Buffer.concat([1, 2].flatMap((id) => encodeFrame(id, { heads: [] }, [])));
    const [first, second] = new FrameReader().push(frames).map(({ header }) => header);
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
    const [third, fourth] = new FrameReader(undefined, true).push(frames).map(({ header }) => header);
    expect(fourth).toBe(third);
  });

  it('refuses lengths that no frame has', () => {
    expect(() => new FrameReader().push(Buffer.alloc(16, 0xff))).toThrow('broken frame');
  });
});

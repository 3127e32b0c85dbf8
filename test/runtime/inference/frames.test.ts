import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from '../../../runtime/inference/host/frames';
import { joinTensors, tensorHeads } from '../../../runtime/inference/host/protocol';

const tensors = fc.array(
  fc.record({
    name: fc.string(),
    datatype: fc.constant('UINT8' as const),
    shape: fc.array(fc.nat()),
    data: fc.uint8Array({ maxLength: 50 }),
  }),
  { maxLength: 4 },
);

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
                tensorHeads(list),
                list.map(({ data }) => data),
              ),
            ),
          );
          const reader = new FrameReader();
          const received = [];
          for (let offset = 0, turn = 0; offset < stream.length; turn++) {
            const end = offset + (cuts[turn % cuts.length] ?? 1);
            received.push(...reader.push(stream.subarray(offset, end)));
            offset = end;
          }
          const read = received.map(({ header, payload }) =>
            joinTensors(header as ReturnType<typeof tensorHeads>, payload),
          );
          const plain = (lists: typeof sent) =>
            lists.map((list) => list.map((item) => ({ ...item, data: [...item.data] })));
          expect(plain(read as typeof sent)).toEqual(plain(sent));
          for (const { data } of read.flat()) expect(data.byteOffset % 8).toBe(0);
        },
      ),
    );
  });

  it('refuses lengths that no frame has', () => {
    expect(() => new FrameReader().push(Buffer.alloc(8, 0xff))).toThrow('broken frame');
  });
});

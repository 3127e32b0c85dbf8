import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { guarded, sizeOf } from '../../../../runtime/inference/grpc/decoding';
import { loadServices } from '../../../../runtime/inference/grpc/definitions';
import { STREAM_LIMITS, StreamRoom } from '../../../../runtime/inference/grpc/stream-room';

const KIB = 1024;

/** A room, and how many reads of it began. */
function filled(): { readonly room: StreamRoom; readonly begun: () => number; readonly read: (bytes: number) => void } {
  const room = new StreamRoom();
  let begun = 0;
  const read = (bytes: number): void =>
    room.read(() => {
      begun += 1;
      room.came(bytes);
    });
  return { room, begun: () => begun, read };
}

describe('the room of a stream', () => {
  it('is for so many small requests, and for the next one when an answer is taken', () => {
    const { room, begun, read } = filled();
    for (let count = 0; count < STREAM_LIMITS.inFlight; count += 1) read(10);
    read(10);
    expect(begun()).toBe(STREAM_LIMITS.inFlight);
    room.taken();
    expect(begun()).toBe(STREAM_LIMITS.inFlight + 1);
  });

  it('is for one request that is larger than all of it', () => {
    const { room, begun, read } = filled();
    read(STREAM_LIMITS.bytes * 10);
    read(1);
    expect(begun()).toBe(1);
    room.taken();
    expect(begun()).toBe(2);
  });

  it('goes by the answers where they are larger than their requests', () => {
    const { room, begun, read } = filled();
    read(10);
    room.sent(STREAM_LIMITS.bytes);
    read(10);
    expect(begun()).toBe(1);
    room.taken();
    read(10);
    expect(begun()).toBe(2);
  });

  it('never holds more than its bytes and one request, and never stays closed (seed 5)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000 * KIB), { maxLength: 60 }), (requests) => {
        const room = new StreamRoom();
        const held: number[] = [];
        for (const bytes of requests) {
          let waits = true;
          room.read(() => {
            const sum = held.reduce((all, each) => all + each, 0);
            expect(sum).toBeLessThan(STREAM_LIMITS.bytes);
            expect(held.length).toBeLessThan(STREAM_LIMITS.inFlight);
            waits = false;
            room.came(bytes);
            held.push(bytes);
          });
          while (waits) {
            expect(held).not.toEqual([]);
            held.shift();
            room.taken();
          }
        }
      }),
      { seed: 5, numRuns: 300 },
    );
  });
});

describe('the size of a message', () => {
  const service = guarded(loadServices().inference, 2 ** 20);
  const { requestSerialize, requestDeserialize, responseSerialize } = service['ModelStreamInfer'] ?? {};
  const arrived = (request: object): object =>
    requestDeserialize?.(requestSerialize?.(request) ?? Buffer.alloc(0)) as object;

  it('is what travelled, and counts the tensors that elements become', () => {
    const raw = arrived({ model_name: 'm', raw_input_contents: [Buffer.alloc(1_000)] });
    expect(sizeOf(raw)).toBeGreaterThanOrEqual(1_000);
    expect(sizeOf(raw)).toBeLessThan(2_000);
    const contents = { int64_contents: Array.from({ length: 1_000 }, () => '1') };
    const typed = arrived({ model_name: 'm', inputs: [{ name: 'x', datatype: 'INT64', shape: ['1000'], contents }] });
    expect(sizeOf(typed)).toBeGreaterThanOrEqual(9_000);
    const answer = { error_message: 'x'.repeat(500) };
    responseSerialize?.(answer);
    expect(sizeOf(answer)).toBeGreaterThanOrEqual(500);
  });

  it('is not asked for outside streams', () => {
    const { requestSerialize: write, requestDeserialize: read } = service['ModelInfer'] ?? {};
    expect(sizeOf(read?.(write?.({ model_name: 'm' }) ?? Buffer.alloc(0)) as object)).toBe(0);
    expect(sizeOf({})).toBe(0);
  });
});

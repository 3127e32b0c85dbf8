import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { readBytes } from '../../../runtime/shared/body-bytes';

const LIMIT = 8 * 1024 * 1024;
const KIB = 1024;

/** What is read of these pieces, announced with this length, or as chunks where there is none. */
function read(pieces: readonly Buffer[], announced?: number, decoded = false): Promise<Buffer> {
  const payload = new PassThrough();
  const headers = announced === undefined ? {} : { 'content-length': String(announced) };
  const request = { headers, raw: decoded ? new PassThrough() : payload } as unknown as FastifyRequest;
  const reading = new Promise<Buffer>((resolve, reject) => {
    readBytes(LIMIT)(request, payload, (error, body) => {
      if (error !== null) reject(error);
      else if (body === undefined) reject(new Error('neither an error nor a body'));
      else resolve(body);
    });
  });
  for (const piece of pieces) payload.write(piece);
  payload.end();
  return reading;
}

const lengthOf = (pieces: readonly Buffer[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

describe('a body that is read as bytes', () => {
  it('is what was sent, however it was cut', async () => {
    const piece = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    // Some that outgrow the first room.
    const long = fc.integer({ min: 1, max: 200 * KIB }).map((length) => Buffer.alloc(length, length % 251));
    const pieces = fc.array(fc.oneof({ weight: 3, arbitrary: piece }, { weight: 1, arbitrary: long }), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (sent, announces) => {
        const body = await read(sent, announces ? lengthOf(sent) : undefined);
        expect(body.equals(Buffer.concat(sent))).toBe(true);
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it('may be longer than announced where it was compressed', async () => {
    const sent = [Buffer.alloc(70 * KIB, 1), Buffer.alloc(70 * KIB, 2)];
    expect((await read(sent, 100, true)).equals(Buffer.concat(sent))).toBe(true);
  });

  it('fills its memory exactly where its length was announced, and owns it where it is long', async () => {
    const sent = Array.from({ length: 64 }, () => Buffer.alloc(64 * KIB));
    const body = await read(sent, lengthOf(sent));
    expect(body.buffer.byteLength).toBe(body.length);
    const shared = Buffer.from(new ArrayBuffer(1024 * KIB), 0, 512 * KIB);
    expect((await read([shared])).buffer).not.toBe(shared.buffer);
  });

  it('makes room by what came, more of it where the length is announced', async () => {
    const [piece, crumb] = [Buffer.alloc(100 * KIB), Buffer.alloc(1)];
    const roomFor = async (sent: readonly Buffer[], announced?: number): Promise<number> =>
      (await read(sent, announced)).buffer.byteLength;
    expect(await roomFor([piece, piece])).toBeLessThanOrEqual(4 * 200 * KIB);
    expect(await roomFor([piece, piece], LIMIT)).toBeLessThanOrEqual(LIMIT);
    expect(await roomFor([crumb, crumb])).toBeLessThanOrEqual(64 * KIB);
    expect(await roomFor([crumb, crumb], LIMIT)).toBeLessThanOrEqual(64 * KIB);
  });

  it('is refused when it is, or says that it is, longer than allowed', async () => {
    const refusal = { status: 413, code: 'LNMT8007' };
    await expect(read([], LIMIT + 1)).rejects.toMatchObject(refusal);
    const half = Buffer.alloc(LIMIT / 2 + 1);
    await expect(read([half, half])).rejects.toMatchObject(refusal);
    expect(await read([Buffer.alloc(LIMIT)])).toHaveLength(LIMIT);
  });

  it('fails as its stream does', async () => {
    const payload = new PassThrough();
    const request = { headers: {}, raw: payload } as unknown as FastifyRequest;
    const reading = new Promise((resolve) => readBytes(LIMIT)(request, payload, resolve));
    payload.write('begun');
    payload.destroy(new Error('aborted'));
    expect(await reading).toMatchObject({ message: 'aborted' });
  });
});

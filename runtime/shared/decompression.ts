import { pipeline, Transform } from 'node:stream';
import type { TransformCallback } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import type { RequestPayload } from 'fastify';
import fp from 'fastify-plugin';
import { badRequest, bodyTooLarge, expandsTooMuch, unsupportedMediaType } from './errors';
import { leaveUnread } from './parting';

/** How many times as long a body may become. */
export const MAX_RATIO = 20;

/** Short bodies may become this long whatever their ratio: a few repeated numbers compress better than 20 to 1. */
const ALWAYS_BYTES = 64 * 1024;

/** Bytes that so many compressed ones may become. */
export const mostExpanded = (bytes: number): number => Math.max(ALWAYS_BYTES, MAX_RATIO * bytes);

/** Lets bytes pass while a check on their number agrees. */
class Meter extends Transform {
  bytes = 0;

  constructor(private readonly check: (bytes: number) => Error | undefined) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    const error = this.check(this.bytes);
    if (error) done(error);
    else done(null, chunk);
  }
}

function decoder(encoding: string): Transform {
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip();
  if (encoding === 'deflate') return createInflate();
  throw unsupportedMediaType('this content encoding', 'gzip, deflate or none');
}

/**
 * Takes the encoding off a body while it is read, and stops as soon as it grows too much.
 *
 * @param refused told once when the body is not read to its end
 */
function decompress(
  payload: RequestPayload,
  encoding: string,
  maxBytes: number,
  refused: () => void = () => undefined,
): RequestPayload {
  const decoding = decoder(encoding);
  const arrived = new Meter((bytes) => (bytes > maxBytes ? bodyTooLarge(maxBytes) : undefined));
  const left = new Meter((bytes) => {
    if (bytes > maxBytes) return bodyTooLarge(maxBytes);
    return bytes > mostExpanded(arrived.bytes) ? expandsTooMuch(MAX_RATIO) : undefined;
  });
  // The body itself is no part of the pipeline, which would end its connection before the refusal is out.
  pipeline(arrived, decoding, left, (error) => {
    if (error) refused();
  });
  payload.pipe(arrived);
  payload.once('error', (error) => arrived.destroy(error));
  payload.once('close', () => {
    if (!payload.readableEnded) arrived.destroy(badRequest('the client left before its request was whole'));
  });
  // What the framework compares with Content-Length is what arrived, not what came out.
  return Object.defineProperty(left, 'receivedEncodedLength', { get: () => arrived.bytes });
}

/** Accepts gzip and deflate bodies within {@link MAX_RATIO}, and refuses every other encoding. */
export const decompressionPlugin = fp<{ readonly maxRequestBytes: number }>(
  async (app, { maxRequestBytes }) => {
    app.addHook('preParsing', ({ headers, raw }, _reply, payload, done) => {
      const encoding = headers['content-encoding']?.trim().toLowerCase();
      if (encoding === undefined || encoding === '' || encoding === 'identity') return done(null, payload);
      done(
        null,
        decompress(payload, encoding, maxRequestBytes, () => leaveUnread(raw)),
      );
    });
  },
  { name: 'lnmt-decompression', fastify: '5.x', dependencies: ['lnmt-errors'] },
);

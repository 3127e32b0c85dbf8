import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import fs from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { ModelFile } from '../../contract';
import { codeOf } from '../../shared/file-state';
import { ModelError } from '../errors';
import { CannotResume, ContentChanged } from './store';
import type { ModelStore } from './store';

const RETRIES = 4;
const RETRY_MS = 100;

/** What is no fault of the model is a fault of the way to it, and may pass. */
export function asModelError(error: unknown): ModelError {
  if (error instanceof ModelError) return error;
  if (codeOf(error) === 'ENOSPC') return new ModelError('LNMT8308', 'the disk is full', true, error);
  return new ModelError('LNMT8304', String(error), true, error);
}

/** A file, as far as it is known before it comes. */
export interface ExpectedFile {
  /** Path that is written to the manifest. */
  readonly path: string;
  readonly bytes: number;
  /** @default - nobody knows, and it is learned */
  readonly sha256?: string;
  /**
   * What its store says of the content, so that what came of it before is completed with the same.
   * @default - nobody knows: with a digest that is no matter, without one it begins anew each time
   */
  readonly tag?: string;
}

/** Passes bytes through, counts and digests them. */
class Meter {
  readonly hash: Hash = createHash('sha256');
  seen = 0;

  constructor(
    private readonly most: number,
    /** What it means that there are more bytes. */
    private readonly tooLong: (how: string) => ModelError,
  ) {}

  add(chunk: Uint8Array): void {
    this.seen += chunk.length;
    this.hash.update(chunk);
    if (this.seen > this.most) throw this.tooLong(`is longer than ${this.most} bytes`);
  }

  through(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          this.add(chunk);
          done(null, chunk);
        } catch (error) {
          done(error instanceof Error ? error : new Error(String(error)));
        }
      },
    });
  }
}

/** What a file is held to while it is read. */
interface DigestBounds {
  /** What it is called in errors. */
  readonly name: string;
  /** Most bytes that it may have. */
  readonly most: number;
  /** Bytes of it that are read in a second. @default - as fast as it goes */
  readonly perSecond?: number | undefined;
}

/** SHA-256 of a file, whose size is held to a bound while it is read. */
export async function digestFile(file: string, bounds: DigestBounds): Promise<{ sha256: string; bytes: number }> {
  const { name, most, perSecond } = bounds;
  const meter = new Meter(most, (how) => new ModelError('LNMT8303', `${name} ${how}`));
  const handle = await fs.open(file, 'r');
  // `start` may be absent; the stream closes the handle.
  for await (const chunk of handle.createReadStream() as AsyncIterable<Buffer>) {
    meter.add(chunk);
    const pauseMs = perSecond === undefined ? 0 : Math.ceil((1_000 * chunk.length) / perSecond);
    if (pauseMs > 0) await delay(pauseMs, undefined, { ref: false });
  }
  return { sha256: meter.hash.digest('hex'), bytes: meter.seen };
}

async function readInto(meter: Meter, file: string): Promise<void> {
  const handle = await fs.open(file, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  for await (const chunk of handle.createReadStream() as AsyncIterable<Buffer>) meter.add(chunk);
}

/** Appends what is missing of a file. Gives its digest when all of it was there or came. */
async function append(
  store: ModelStore,
  from: string,
  { path, bytes, sha256, tag }: ExpectedFile,
  partial: string,
): Promise<string | undefined> {
  // A manifest is the word of who pushed the file; a listing is true of its moment, and there will be another one.
  const differs = (how: string): ModelError =>
    sha256 === undefined ? new ContentChanged(path) : new ModelError('LNMT8303', `${path} ${how}`);
  const meter = new Meter(bytes, differs);
  // Nothing would tell whether what comes now belongs to what came before.
  if (sha256 === undefined && !tag) await fs.rm(partial, { force: true });
  try {
    await readInto(meter, partial);
  } catch (error) {
    if (error instanceof ModelError) await fs.rm(partial, { force: true });
    throw error;
  }
  const resumed = meter.seen > 0;
  if (meter.seen < bytes || !resumed) {
    const source = await store.open(from, meter.seen, tag || undefined);
    const handle = await fs.open(partial, 'a', 0o600);
    await pipeline(source, meter.through(), handle.createWriteStream({ flush: true }));
  }
  const digest = meter.hash.digest('hex');
  if (meter.seen === bytes && digest === (sha256 ?? digest)) return digest;
  if (sha256 === undefined) throw new ModelError('LNMT8304', `${path} breaks off at byte ${meter.seen}`, true);
  await fs.rm(partial, { force: true });
  // What lay there from before may have been damaged; a whole new one tells.
  if (resumed) return undefined;
  throw differs(`has ${meter.seen} of ${bytes} bytes and SHA-256 ${digest}`);
}

/** True for what leaves nothing worth keeping: damaged, of a content that is gone, or what fills the disk for others. */
const isSpoilt = (failure: ModelError): boolean =>
  failure.code === 'LNMT8303' || failure.code === 'LNMT8308' || failure instanceof ContentChanged;

/**
 * Brings a file to the disk and holds it to what is known of it: size and digest, or size and tag. What a broken
 * connection leaves is kept and completed, by this call or by the next one.
 *
 * @throws ModelError
 */
export async function download(
  store: ModelStore,
  from: string,
  file: ExpectedFile,
  partial: string,
): Promise<ModelFile> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const sha256 = await append(store, from, file, partial);
      if (sha256 !== undefined) return { path: file.path, sha256, bytes: file.bytes };
    } catch (error) {
      const failure = asModelError(error);
      if (isSpoilt(failure)) await fs.rm(partial, { force: true });
      if (failure.code === 'LNMT8308' || failure instanceof ContentChanged) throw failure;
      if (!failure.retryable || attempt >= RETRIES) throw failure;
      if (failure instanceof CannotResume) await fs.rm(partial, { force: true });
    }
    if (attempt >= RETRIES) throw new ModelError('LNMT8303', `${file.path} comes damaged again and again`);
    await pauseBefore(attempt);
  }
}

/** Pauses double, and differ by chance, so that servers which failed together do not come back together. */
const pauseBefore = (attempt: number): Promise<void> => delay(RETRY_MS * 2 ** attempt * (0.5 + Math.random()));

/** Tries for a file without which nothing goes on. */
export const PATIENT = RETRIES;

/** A small file as text, asked for again while only the way to it is at fault and tries are left. @throws ModelError */
export async function readText(store: ModelStore, from: string, most: number, tries = 1): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await readOnce(store, from, most);
    } catch (error) {
      if (!(error instanceof ModelError && error.retryable) || attempt >= tries) throw error;
      await pauseBefore(attempt);
    }
  }
}

async function readOnce(store: ModelStore, from: string, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of (await store.open(from)) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > most) throw new ModelError('LNMT8302', `${from} is longer than ${most} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw asModelError(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

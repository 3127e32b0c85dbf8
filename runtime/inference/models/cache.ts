import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MODEL_STORE, modelStorePath } from '../../contract';
import type { ModelFile, ModelManifest } from '../../contract';
import type { ModelIdentity } from '../data-plane';
import { ModelError } from '../errors';
import { parseManifest } from './manifest';
import type { ModelStore } from './store';

/** A verified model on the local disk. */
export interface CachedModel {
  /** The graph; the files that it refers to lie beside it. */
  readonly file: string;
  /** SHA-256 of the manifest: the identity of everything in it. */
  readonly digest: string;
  /** False when every file was there already. */
  readonly fetched: boolean;
}

const MAX_MANIFEST_BYTES = 1 << 20;

/** Passes bytes through and holds them to a size and a digest. */
function verifier({ path: name, sha256, bytes }: ModelFile): Transform {
  const hash = createHash('sha256');
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      hash.update(chunk);
      if (seen > bytes) done(new ModelError('LNMT8303', `${name} is longer than ${bytes} bytes`));
      else done(null, chunk);
    },
    flush(done) {
      const digest = hash.digest('hex');
      if (seen === bytes && digest === sha256) done();
      else done(new ModelError('LNMT8303', `${name} has ${seen} of ${bytes} bytes and SHA-256 ${digest}`));
    },
  });
}

async function syncFolder(dir: string): Promise<void> {
  const handle = await fs.open(dir, 'r');
  await handle.sync().finally(() => handle.close());
}

/** What is no fault of the model is a fault of the way to it, and may pass. */
function asModelError(error: unknown): ModelError {
  return error instanceof ModelError ? error : new ModelError('LNMT8304', String(error), true, error);
}

async function readText(source: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limit) throw new ModelError('LNMT8302', `it is longer than ${limit} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw asModelError(error);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Files that were fetched, each held to its digest whenever it is used. */
export class ModelCache {
  constructor(
    private readonly store: ModelStore,
    private readonly dir: string,
  ) {}

  /**
   * The model on the local disk, fetched when it is absent or damaged there. It appears as a whole or not at all.
   *
   * @throws ModelError
   */
  async obtain(model: ModelIdentity): Promise<CachedModel> {
    const location = (file: string): string => modelStorePath(model.name, model.version, file);
    const text = await readText(await this.store.open(location(MODEL_STORE.manifest)), MAX_MANIFEST_BYTES);
    const manifest = parseManifest(text);
    const digest = createHash('sha256').update(text).digest('hex');
    const target = path.join(this.dir, digest);
    const held = await this.verify(target, manifest);
    if (!held) await this.fetch(manifest, location, target);
    return { file: path.join(target, MODEL_STORE.model), digest, fetched: !held };
  }

  private async verify(target: string, { files }: ModelManifest): Promise<boolean> {
    try {
      for (const file of files) {
        const handle = await fs.open(path.join(target, file.path), 'r');
        await pipeline(
          handle.createReadStream(),
          verifier(file),
          new Transform({ transform: (_c, _e, done) => done() }),
        );
      }
      return true;
    } catch {
      return false;
    }
  }

  private async fetch(manifest: ModelManifest, location: (file: string) => string, target: string): Promise<void> {
    const staging = path.join(this.dir, `.${randomUUID()}`);
    try {
      for (const file of manifest.files) {
        await this.fetchFile(file, await this.store.open(location(file.path)), path.join(staging, file.path));
      }
      await syncFolder(staging);
      // What is there was found damaged, and a folder is never renamed over another.
      await fs.rm(target, { recursive: true, force: true });
      await fs.rename(staging, target);
      await syncFolder(this.dir);
    } catch (error) {
      await fs.rm(staging, { recursive: true, force: true });
      throw asModelError(error);
    }
  }

  private async fetchFile(file: ModelFile, source: Readable, target: string): Promise<void> {
    await fs.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
    const handle = await fs.open(target, 'wx', 0o600);
    await pipeline(source, verifier(file), handle.createWriteStream({ flush: true }));
  }
}

import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { MODEL_STORE, modelStorePath, renderModelManifest } from '../../contract';
import type { ModelFile, ModelManifest } from '../../contract';
import type { ModelIdentity } from '../data-plane';
import { isShortage, ModelError } from '../errors';
import { Semaphore } from '../../shared/semaphore';
import { DiskBudget } from './disk-budget';
import { asModelError, digestFile, download, PATIENT, readText } from './download';
import type { ExpectedFile } from './download';
import { syncFolder, syncTree } from './durable';
import { Notes } from './known';
import type { KnownVersion } from './known';
import { ON_THE_WAY, sweep, takeOver } from './leftovers';
import { listFiles } from './listing';
import { parseManifest } from './manifest';
import { bootOf } from './owner';
import { apart, show } from './staging';
import { ContentChanged } from './store';
import type { ModelStore } from './store';

/** A verified model on the local disk. */
export interface CachedModel {
  /** The graph; the files that it refers to lie beside it. */
  readonly file: string;
  /** SHA-256 of the manifest: the identity of everything in it. */
  readonly digest: string;
  /** False when every file was there already. */
  readonly fetched: boolean;
  /** True when the store could not be reached, and this is what it last said. */
  readonly offline: boolean;
  readonly manifest: ModelManifest;
}

const MAX_MANIFEST_BYTES = 1 << 20;
/** Bytes a second that a check reads which nobody waits for: it takes a few hundredths of a core. */
const GENTLE_BYTES = 16 * 2 ** 20;
/** One file of a repository without manifests, whose size is not bound to anything. */
const MAX_LISTED_BYTES = 2 ** 36;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** This process, where the system does not say since when it runs. */
const RUN = randomUUID();

/** A file that is fetched. */
interface Arrival {
  readonly file: ExpectedFile;
  /** Its path in the store. */
  readonly from: string;
  /** Name of what has come of it, until it is whole. */
  readonly partial: string;
}

const partialOf = (...of: readonly unknown[]): string => `${ON_THE_WAY.partial}${sha256(JSON.stringify(of))}`;

/** A file that its manifest lists. */
const arrivalOf = (model: ModelIdentity, file: ModelFile): Arrival => ({
  ...{ file, from: modelStorePath(model.name, model.version, file.path), partial: partialOf(model, file) },
});

/** Key of the note of which content was rejected. */
const badKey = ({ name, version }: ModelIdentity): string => `${name}/${version}#bad`;

/** Settings of a cache. */
export interface CacheOptions {
  /**
   * Bytes that it may hold; 0 is no limit.
   * @default 0
   */
  readonly limit?: number;
  /**
   * What tells this store from others that share the folder.
   * @default ''
   */
  readonly origin?: string;
  /** @default - one of its own */
  readonly budget?: DiskBudget;
  /**
   * True where versions without a manifest are taken as they are.
   * @default false
   */
  readonly bare?: boolean;
}

/** Files that were fetched, each held to its digest whenever it is used. */
export class ModelCache {
  /** What the store last said. */
  readonly notes: Notes;
  private readonly budget: DiskBudget;
  private readonly repairs = new Semaphore(1);

  constructor(
    private readonly store: ModelStore,
    private readonly dir: string,
    private readonly options: CacheOptions = {},
  ) {
    this.budget = options.budget ?? new DiskBudget(dir, options.limit ?? 0);
    this.notes = new Notes(dir, options.origin ?? '');
  }

  /**
   * The model on the local disk, fetched when it is absent or damaged there. It appears as a whole or not at all, and
   * stays until it is released. Of a store that cannot be reached it is what was last found good, else its last word.
   *
   * @param lastGood asks no store
   * @throws ModelError
   */
  async obtain(model: ModelIdentity, lastGood = false): Promise<CachedModel> {
    const last = await this.notes.version(model);
    let now: KnownVersion;
    try {
      if (lastGood) throw new ModelError('LNMT8301', `no version ${model.version} was found good before`, true);
      now = await this.ask(model, last);
    } catch (error) {
      const failure = asModelError(error);
      const held = failure.retryable ? await this.recall(model, last) : undefined;
      if (held === undefined) throw failure;
      return { ...held, offline: true };
    }
    const cached = (await this.keep(now.manifest)) ?? (await this.fetch(model, now.manifest));
    await this.budget.touch(cached.digest);
    const isNews = last?.manifest !== now.manifest || last.listing !== now.listing;
    if (isNews) await this.notes.write(`${model.name}/${model.version}`, now);
    // Without a manifest the files were copied to learn their digests.
    return { ...cached, fetched: cached.fetched || (isNews && now.listing !== undefined) };
  }

  /** True for content that is known to be good. */
  async isGood(model: ModelIdentity, digest: string): Promise<boolean> {
    const good = await this.notes.version(model, '#good');
    return good !== undefined && sha256(good.manifest) === digest;
  }

  /** This content serves: without the store it is what the version is. */
  async accept(model: ModelIdentity, digest: string): Promise<void> {
    // It was refused before by what was at fault itself, such as a file of keys.
    if ((await this.notes.read(badKey(model))) === digest) await this.notes.write(badKey(model), null);
    const last = await this.notes.version(model);
    if (last === undefined || sha256(last.manifest) !== digest || (await this.isGood(model, digest))) return;
    await this.notes.write(`${model.name}/${model.version}#good`, last);
  }

  /** This content must not serve: without the store it is not what the version is. */
  async reject(model: ModelIdentity, digest: string): Promise<void> {
    await this.notes.write(badKey(model), digest);
  }

  /** What a version is without its store. */
  private async recall(model: ModelIdentity, last: KnownVersion | undefined): Promise<CachedModel | undefined> {
    const bad = await this.notes.read(badKey(model));
    for (const known of [await this.notes.version(model, '#good'), last]) {
      const held = known && sha256(known.manifest) !== bad ? await this.keep(known.manifest) : undefined;
      if (held !== undefined) return held;
    }
    return undefined;
  }

  /**
   * True when the files of a model are still what they were.
   *
   * @param gently slowly, so that those who serve are not disturbed
   * @throws ModelError `LNMT8304` when the system does not let them be read now
   */
  async intact({ file, manifest }: Pick<CachedModel, 'file' | 'manifest'>, gently = false): Promise<boolean> {
    return this.verify(path.dirname(file), manifest, gently ? GENTLE_BYTES : undefined);
  }

  /**
   * Fetches the files of a cached model that are not what they were anew. Each takes the place of the damaged one as a
   * whole, so that whoever has that one open is not disturbed.
   *
   * @throws ModelError
   */
  repair(model: ModelIdentity, { file: graph, manifest }: Pick<CachedModel, 'file' | 'manifest'>): Promise<void> {
    const folder = path.dirname(graph);
    return this.repairs.run(() =>
      apart(this.dir, async (staging) => {
        for (const file of manifest.files) {
          if (!(await this.isWhole(folder, file))) await this.replace(staging, arrivalOf(model, file), folder);
        }
        this.budget.renewed(path.basename(folder));
      }),
    );
  }

  /** Ends one use of a model. */
  release(digest: string): void {
    void this.budget.release(digest);
  }

  /** What the store says of a version now. */
  private async ask(model: ModelIdentity, last: KnownVersion | undefined): Promise<KnownVersion> {
    const location = modelStorePath(model.name, model.version, MODEL_STORE.manifest);
    try {
      // Where the last word is known, it is at once as good as a store that does not answer.
      const tries = last === undefined ? PATIENT : 1;
      return { manifest: await readText(this.store, location, MAX_MANIFEST_BYTES, tries) };
    } catch (error) {
      if (!(error instanceof ModelError) || error.code !== 'LNMT8301' || !this.options.bare) throw error;
      return this.take(model, last, error);
    }
  }

  /** A version without a manifest: its files are taken as they are, and bound to digests from then on. */
  private async take(model: ModelIdentity, last: KnownVersion | undefined, missing: ModelError): Promise<KnownVersion> {
    const folder = `${model.name}/${model.version}`;
    const files = await listFiles(this.store, folder).catch((error: unknown) => {
      if (error instanceof ModelError && error.code === 'LNMT8309') throw missing;
      throw error;
    });
    if (!files.some((file) => file.path === MODEL_STORE.model)) throw missing;
    const listing = JSON.stringify(files);
    if (last?.listing === listing && (await this.held(last.manifest))) return last;
    const large = files.find(({ bytes }) => bytes > MAX_LISTED_BYTES);
    if (large) throw new ModelError('LNMT8303', `${large.path} is longer than ${MAX_LISTED_BYTES} bytes`);
    // No digest holds what lies there from before: a machine that broke down may have written less than it said.
    const since = (await bootOf()) ?? RUN;
    const arrivals = files.map((file) => ({
      ...{ file, from: `${folder}/${file.path}` },
      partial: partialOf(this.options.origin, model, file, since),
    }));
    const manifest = await this.stage(async (staging) => {
      const rows = await this.fill(staging, arrivals);
      const after = JSON.stringify(await listFiles(this.store, folder));
      if (after !== listing) throw new ContentChanged(folder);
      return renderModelManifest(rows);
    });
    // Whoever asks for it holds it at once.
    await this.budget.release(sha256(manifest));
    return { manifest, listing };
  }

  /** A folder that is whole, held before anybody looks at it: meanwhile it must not go. */
  private keep(text: string): Promise<CachedModel | undefined> {
    return this.holding(sha256(text), () => this.held(text));
  }

  /** Holds a folder during some work and, where that comes to something, until it is released. */
  private async holding<T>(digest: string, work: () => Promise<T>): Promise<T> {
    await this.budget.hold(digest);
    let result: T | undefined;
    try {
      return (result = await work());
    } finally {
      if (result === undefined) await this.budget.release(digest);
    }
  }

  private async held(text: string): Promise<CachedModel | undefined> {
    const manifest = parseManifest(text);
    const digest = sha256(text);
    const target = path.join(this.dir, digest);
    if (!(await this.verify(target, manifest))) return undefined;
    return { file: path.join(target, MODEL_STORE.model), digest, fetched: false, offline: false, manifest };
  }

  private async verify(target: string, { files }: ModelManifest, perSecond?: number): Promise<boolean> {
    for (const file of files) if (!(await this.isWhole(target, file, perSecond))) return false;
    return true;
  }

  private async isWhole(folder: string, file: ModelFile, perSecond?: number): Promise<boolean> {
    try {
      const bounds = { name: file.path, most: file.bytes, perSecond };
      const found = await digestFile(path.join(folder, file.path), bounds);
      return found.bytes === file.bytes && found.sha256 === file.sha256;
    } catch (error) {
      // Whether it is damaged is another question, for another time.
      if (isShortage(error))
        throw new ModelError('LNMT8304', `${file.path} cannot be read: ${error.message}`, true, error);
      return false;
    }
  }

  private async replace(staging: string, { file, from, partial }: Arrival, folder: string): Promise<void> {
    const [whole, target] = [path.join(staging, partial), path.join(folder, file.path)];
    await takeOver(this.dir, staging, partial);
    await download(this.store, from, file, whole);
    await fs.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
    await fs.rename(whole, target);
    await syncFolder(path.dirname(target));
  }

  private async fetch(model: ModelIdentity, text: string): Promise<CachedModel> {
    const manifest = parseManifest(text);
    const arrivals = manifest.files.map((file) => arrivalOf(model, file));
    await this.stage(async (staging) => {
      await this.fill(staging, arrivals);
      return text;
    });
    const digest = sha256(text);
    const file = path.join(this.dir, digest, MODEL_STORE.model);
    return { file, digest, fetched: true, offline: false, manifest };
  }

  /** Brings files into a folder; what came of them before is completed. They take their places when all are whole. */
  private async fill(staging: string, arrivals: readonly Arrival[]): Promise<readonly ModelFile[]> {
    await sweep(this.dir);
    let missing = 0;
    for (const { file, partial } of arrivals) {
      missing += Math.max(0, file.bytes - (await takeOver(this.dir, staging, partial)));
    }
    await this.budget.makeRoom(missing);
    const rows: ModelFile[] = [];
    for (const { file, from, partial } of arrivals) {
      rows.push(await download(this.store, from, file, path.join(staging, partial)));
    }
    for (const { file, partial } of arrivals) {
      const target = path.join(staging, file.path);
      await fs.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
      await fs.rename(path.join(staging, partial), target);
    }
    return rows;
  }

  /** Fills a folder out of sight and shows it under the digest of its manifest, held by the caller. */
  private stage(fill: (staging: string) => Promise<string>): Promise<string> {
    return apart(this.dir, async (staging) => {
      const text = await fill(staging);
      await syncTree(staging);
      return this.holding(sha256(text), () => this.show(staging, text));
    });
  }

  /** Another server may have brought the same meanwhile, and be using it: then that one stays. */
  private async show(staging: string, text: string): Promise<string> {
    await show(staging, path.join(this.dir, sha256(text)), async () => (await this.held(text)) !== undefined);
    await syncFolder(this.dir);
    return text;
  }
}

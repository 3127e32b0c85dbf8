import { RequestError } from '../../shared/errors';
import { ModelError } from '../errors';
import type { Processor } from '../processing/processor';
import { notLoaded } from './errors';
import type { LoadedModel } from './loaded-model';
import type { LoadOrder } from './loader';
import type { RegistryDeps } from './model-registry';
import type { ModelVersion } from './model-version';
import { isUnfit, reasonOf } from './reasons';
import type { ServedModel } from './served-model';
import type { Ask, ModelSettings, ModelSource, VerifiedModel } from './source';

/** What versions are brought to. */
export interface VersionOrder {
  readonly settings: ModelSettings;
  /** All versions that are going to serve. */
  readonly wanted: readonly string[];
  /** Also loads a lazy model into memory. */
  readonly demanded: boolean;
  readonly ask: Ask;
}

/** What a keeper of versions works with. */
export type KeeperDeps = Pick<
  RegistryDeps,
  'sourceOf' | 'loader' | 'residents' | 'guard' | 'log' | 'now' | 'failed' | 'processing'
>;

/** Content of a version, and how it is run. */
interface Content {
  readonly files: VerifiedModel;
  readonly settings: ModelSettings;
}

/** Those in whose place a version is loaded. */
type Place = Pick<LoadOrder, 'predecessor' | 'replaced'>;

const NOBODY: Place = { predecessor: undefined, replaced: undefined };

/** Whom a version takes over from: what serves under its name, else what serves those who name no version. */
function placeOf(model: ServedModel, { loaded }: ModelVersion, wanted: readonly string[]): Place {
  if (loaded !== undefined) return { predecessor: loaded, replaced: loaded };
  const standard = model.resolve(undefined);
  const stays = standard !== undefined && wanted.includes(standard.identity.version);
  return { predecessor: standard?.loaded, replaced: stays ? undefined : standard?.loaded };
}

const isSame = ({ files, settings }: ModelVersion, content: Content): boolean =>
  files?.digest === content.files.digest && JSON.stringify(settings) === JSON.stringify(content.settings);

/**
 * Brings single versions into service and memory, and out of both. What one of these does to a version is over before
 * the next begins: a model that was loaded belongs to its version, or has ended.
 */
export class VersionKeeper {
  constructor(private readonly deps: KeeperDeps) {}

  /** Brings a version to what its repository has now. Fails as a whole: then it is what it was. */
  async prepare(model: ServedModel, entry: ModelVersion, order: VersionOrder): Promise<void> {
    const source = this.sourceOf(entry.identity.name);
    const files = await source.obtain(entry.identity, order.ask);
    const content = { files, settings: order.settings };
    try {
      await entry.turns.run(() => this.judged(entry, files, () => this.bring(model, entry, content, order)));
    } catch (error) {
      source.release(files);
      throw error;
    }
  }

  /** Loads a version whose files are there; undefined when it left the service meanwhile. */
  loadOnDemand(model: ServedModel, entry: ModelVersion): Promise<LoadedModel | undefined> {
    return entry.turns.run(async () => {
      if (entry.loaded !== undefined || !model.serves(entry)) return entry.loaded;
      try {
        return await this.loadNow(model, entry);
      } catch (error) {
        // Want of memory passes, and is no fault of the model.
        if (!(error instanceof RequestError) && model.serves(entry)) entry.fail(reasonOf(error), this.deps.now());
        this.deps.failed?.(entry.identity.name, error);
        this.deps.log.error({ err: error, ...entry.identity }, 'model not loaded on request');
        throw error;
      }
    });
  }

  /** Loads a version again beside what it has in memory, and switches: what is in memory may be damaged. */
  renew(entry: ModelVersion): Promise<void> {
    return entry.turns.run(async () => {
      const { loaded: old, files, settings } = entry;
      if (old === undefined || files === undefined) return;
      const next = await this.load(entry, { files, settings }, NOBODY);
      entry.hold(next);
      void this.deps.residents.dismiss(old);
      this.deps.log.info({ ...entry.identity, digest: next.digest }, 'model loaded anew');
    });
  }

  /** Ends versions: their requests are answered first. */
  async retire(versions: readonly ModelVersion[], reason: string): Promise<void> {
    await Promise.all(
      versions.map(async (entry) => {
        entry.state = 'UNLOADING';
        await this.clear(entry);
        entry.state = 'UNAVAILABLE';
        entry.reason = reason;
        this.deps.log.info({ ...entry.identity, reason }, 'model version ended');
      }),
    );
  }

  /** Takes from versions what they were prepared with in vain: at the next try nothing counts as done. */
  async abandon(versions: readonly ModelVersion[], error: unknown): Promise<void> {
    await Promise.all(
      versions.map(async (entry) => {
        await this.clear(entry);
        entry.fail(reasonOf(error), this.deps.now());
      }),
    );
  }

  /** Lets the source know what serves, for a start without its repository. */
  async remember(model: ServedModel): Promise<void> {
    const { name } = model.spec;
    const served = model.served.flatMap(({ identity: { version }, files, loaded }) =>
      files === undefined ? [] : [{ version, files, proven: loaded !== undefined }],
    );
    await this.sourceOf(name).accepted?.(name, served);
  }

  /** Where a model comes from. @throws ModelError */
  sourceOf(name: string): ModelSource {
    const source = this.deps.sourceOf(name);
    if (source === undefined) throw new ModelError('LNMT8301', `no repository for ${name}`);
    return source;
  }

  private async bring(model: ServedModel, entry: ModelVersion, content: Content, order: VersionOrder): Promise<void> {
    const inMemory = entry.loaded !== undefined;
    const needed = order.demanded || !entry.lazy || inMemory;
    if (isSame(entry, content) && (inMemory || !needed)) {
      // The newer of the two knows whether the repository was reached.
      this.adopt(entry, content, entry.processor);
      return entry.succeed();
    }
    const { identity } = entry;
    const processor = await this.deps.processing.open(identity, content.settings.processing, content.files);
    let next: LoadedModel | undefined;
    try {
      if (needed) next = await this.load(entry, content, placeOf(model, entry, order.wanted), processor);
    } catch (error) {
      await processor?.retire();
      throw error;
    }
    const old = entry.loaded;
    if (next !== undefined) entry.hold(next);
    this.adopt(entry, content, processor);
    entry.succeed();
    if (old !== undefined && next !== undefined) void this.deps.residents.dismiss(old);
  }

  private async loadNow(model: ServedModel, entry: ModelVersion): Promise<LoadedModel> {
    const files = await this.intactFiles(entry);
    const content = { files, settings: entry.settings };
    const loaded = await this.judged(entry, files, () => this.load(entry, content, NOBODY));
    entry.hold(loaded);
    // One that left the service meanwhile answers those who waited for it: its turn to end comes next.
    if (model.serves(entry)) {
      entry.succeed();
      await this.remember(model).catch((error: unknown) => {
        this.deps.log.warn({ err: error, ...entry.identity }, 'what serves cannot be noted for a later start');
      });
    }
    return loaded;
  }

  /** The content and its steps belong to one another: they are always taken together. */
  private adopt(entry: ModelVersion, { files, settings }: Content, processor: Processor | undefined): void {
    const [before, former] = [entry.files, entry.processor];
    [entry.files, entry.settings, entry.processor] = [files, settings, processor];
    if (before !== undefined) this.sourceOf(entry.identity.name).release(before);
    if (former !== processor) void former?.retire();
  }

  /** The files of a version, fetched anew when they are not what they were. */
  private async intactFiles(entry: ModelVersion): Promise<VerifiedModel> {
    const { files, settings, identity } = entry;
    if (files === undefined) throw notLoaded();
    const source = this.sourceOf(identity.name);
    if (await source.recheck(files)) return files;
    const fresh = await source.obtain(identity);
    let steps = entry.processor;
    try {
      // Steps were made for this content, and may read files of it.
      if (fresh.digest !== files.digest) steps = await this.deps.processing.open(identity, settings.processing, fresh);
    } catch (error) {
      source.release(fresh);
      throw error;
    }
    this.adopt(entry, { files: fresh, settings }, steps);
    return fresh;
  }

  /** Does work with files, and lets their source know where they are unfit for it. */
  private async judged<T>({ identity }: ModelVersion, files: VerifiedModel, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isUnfit(error)) await this.sourceOf(identity.name).rejected?.(identity, files);
      throw error;
    }
  }

  private async clear(entry: ModelVersion): Promise<void> {
    const { loaded, files, processor } = await entry.turns.run(async () => entry.empty());
    if (loaded !== undefined) await this.deps.residents.dismiss(loaded);
    if (files !== undefined) this.sourceOf(entry.identity.name).release(files);
    await processor?.retire();
  }

  /** @param processor the steps around it; those that it has, where they stay */
  private async load(
    entry: ModelVersion,
    { files, settings }: Content,
    place: Place,
    processor = entry.processor,
  ): Promise<LoadedModel> {
    const { identity, pinned } = entry;
    const signature = processor?.signature;
    // Until it is loaded its files are not yet those of the version, and were looked at just now.
    let isLoaded = false;
    const loaded = await this.deps.loader.load({
      ...{ identity, files, settings, pinned, signature, ...place },
      check: async () => (isLoaded ? this.deps.guard.admit(entry, files.digest) : undefined),
      forget: (model) => {
        if (entry.loaded === model) entry.loaded = undefined;
      },
    });
    isLoaded = true;
    return loaded;
  }
}

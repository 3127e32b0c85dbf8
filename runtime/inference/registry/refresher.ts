import { setTimeout as delay } from 'node:timers/promises';
import { RequestError } from '../../shared/errors';
import { ModelError, MODEL_ERRORS } from '../errors';
import { INSPECTOR_ERRORS, InspectionError } from '../inspector';
import type { Processor } from '../processing/processor';
import { notLoaded } from './errors';
import type { LoadedModel } from './loaded-model';
import type { RegistryDeps } from './model-registry';
import type { ModelVersion } from './model-version';
import type { ServedModel } from './served-model';
import type { Ask, ModelSettings, ModelSource } from './source';
import { chooseVersions } from './spec';
import { refuseStrangers } from '../traffic/errors';
import type { VersionPolicy } from './spec';

const RETRY_MS = { first: 500, most: 15_000 } as const;
/** Between two questions to a repository that was out of reach at start. */
const CATCH_UP_MS = { first: 1_000, most: 300_000 } as const;
/** Whoever still waits when the server ends waits for nothing. */
const NEVER = new Promise<never>(() => undefined);
const LATEST: VersionPolicy = { kind: 'latest', count: 1 };

/** What may be said of a failure to whoever may read: code and title, never a path. */
export function reasonOf(error: unknown): string {
  if (error instanceof ModelError) return `${error.code}: ${MODEL_ERRORS[error.code].title}`;
  if (error instanceof InspectionError) return `${error.code}: ${INSPECTOR_ERRORS[error.code].title}`;
  return error instanceof RequestError ? error.message : 'an internal error';
}

/** True when what arrived is at fault, and would be on any other day. */
function isUnfit(error: unknown): boolean {
  if (error instanceof InspectionError) return true;
  return error instanceof ModelError && (error.code === 'LNMT8307' || error.code === 'LNMT8312');
}

/** What versions are brought to. */
interface Order {
  readonly settings: ModelSettings;
  /** Also loads a lazy model into memory. */
  readonly demanded: boolean;
  readonly ask: Ask;
}

/** Brings models to what their repository says: files, new versions, switch, old versions. */
export class Refresher {
  private readonly ended = new AbortController();

  constructor(
    private readonly deps: Pick<
      RegistryDeps,
      'sourceOf' | 'loader' | 'residents' | 'guard' | 'log' | 'now' | 'changed' | 'failed' | 'processing'
    > & {
      /** A model that is served. */
      readonly modelOf: (name: string) => ServedModel | undefined;
    },
  ) {}

  /**
   * Refreshes a model, again and again while only the way to its repository is at fault. What the repository has may be
   * unfit: then the last good one serves, where there is one. Either way the repository is asked again later.
   */
  async persist(model: ServedModel): Promise<void> {
    const { name } = model.spec;
    const tried = (error: unknown): never => {
      this.deps.failed?.(name, error);
      throw error;
    };
    try {
      await this.patiently(name, () => this.refresh(model, false).catch(tried));
    } catch (error) {
      if (!isUnfit(error)) throw error;
      await this.refresh(model, false, 'last-good').catch(() => {
        throw error;
      });
      this.deps.log.error({ err: error, name }, 'the newest is unfit, the last good one serves');
    }
    void this.catchUp(model, tried);
  }

  /** Asks the repository again and again until what serves is what it says. */
  private async catchUp(model: ServedModel, tried: (error: unknown) => never): Promise<void> {
    const { name } = model.spec;
    for (let pause: number = CATCH_UP_MS.first; ; pause = Math.min(2 * pause, CATCH_UP_MS.most)) {
      if (!model.served.some(({ files }) => files?.offline)) return;
      await delay(pause, undefined, { signal: this.ended.signal, ref: false }).catch(() => NEVER);
      try {
        await this.refresh(model, false).catch(tried);
      } catch (error) {
        this.deps.log.warn({ err: error, name, pauseMs: pause }, 'model not refreshed, trying again');
      }
    }
  }

  /** Does something again and again while only the way to a repository is at fault. */
  async patiently<T>(name: string, work: () => Promise<T>): Promise<T> {
    for (let pause: number = RETRY_MS.first; ; pause = Math.min(2 * pause, RETRY_MS.most)) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ModelError && error.retryable)) throw error;
        this.deps.log.warn({ err: error, name, pauseMs: pause }, 'model not loaded, trying again');
        await delay(pause, undefined, { signal: this.ended.signal }).catch(() => NEVER);
      }
    }
  }

  /**
   * Brings a model to what its repository says now. Versions are switched when all new ones are ready, or not at all.
   *
   * @param demanded also loads a lazy model into memory
   * @param ask whom it is brought to the word of
   */
  refresh(model: ServedModel, demanded: boolean, ask: Ask = 'repository'): Promise<void> {
    return model.inTurn(async () => {
      const { spec } = model;
      const source = this.sourceOf(spec.name);
      const said: ModelSettings = spec.closed ? {} : await source.settings(spec.name, ask);
      // What is not about running it must not make it load again.
      const { versions, aliases, traffic, cache, ...settings }: ModelSettings = { ...said, ...spec.settings };
      const policy = spec.versions ?? versions ?? LATEST;
      const available = policy.kind === 'specific' ? policy.versions : await source.versions(spec.name, ask);
      const wanted = chooseVersions(policy, available);
      if (wanted.length === 0) throw new ModelError('LNMT8301', `no version of ${spec.name}`);
      const names = spec.aliases ?? aliases ?? {};
      refuseStrangers(traffic, [...wanted, ...Object.keys(names)]);
      await this.prepareAll(model, wanted, { settings, demanded, ask });
      const leaving = model.publish(wanted, names);
      model.rules = { traffic, cache };
      for (const version of wanted) this.deps.changed({ name: spec.name, version });
      void this.retire(leaving, 'replaced');
      await this.remember(model);
    });
  }

  /** Loads a version whose files are there. */
  async loadOnDemand(entry: ModelVersion): Promise<LoadedModel> {
    const { name } = entry.identity;
    const source = this.sourceOf(name);
    try {
      if (entry.files === undefined) throw notLoaded();
      if (!(await source.recheck(entry.files))) entry.files = await source.obtain(entry.identity);
      const loaded = await this.load(entry, false, undefined);
      entry.loaded = loaded;
      entry.succeed();
      const model = this.deps.modelOf(name);
      if (model?.versions.get(entry.identity.version) === entry) await this.remember(model);
      return loaded;
    } catch (error) {
      if (entry.files && isUnfit(error)) await source.rejected?.(entry.identity, entry.files);
      // Want of memory passes, and is no fault of the model.
      if (!(error instanceof RequestError)) entry.fail(reasonOf(error), this.deps.now());
      this.deps.failed?.(name, error);
      this.deps.log.error({ err: error, ...entry.identity }, 'model not loaded on request');
      throw error;
    }
  }

  /** Loads a version again beside what it has in memory, and switches. */
  renew(model: ServedModel, entry: ModelVersion): Promise<void> {
    return model.inTurn(async () => {
      const old = entry.loaded;
      if (old === undefined) return;
      const next = await this.load(entry, old.pinned, undefined);
      const isNeeded = entry.loaded === old || (entry.loaded === undefined && entry.loading === undefined);
      if (isNeeded) entry.loaded = next;
      void this.deps.residents.dismiss(isNeeded ? old : next);
      this.deps.log.info({ ...entry.identity, digest: next.digest }, 'model loaded anew');
    });
  }

  /** Ends versions: their requests are answered first. */
  async retire(versions: readonly ModelVersion[], reason: string): Promise<void> {
    await Promise.all(
      versions.map(async (entry) => {
        const { loaded, files } = entry;
        entry.loaded = undefined;
        entry.state = 'UNLOADING';
        if (loaded) await this.deps.residents.dismiss(loaded);
        if (files) this.sourceOf(entry.identity.name).release(files);
        entry.files = undefined;
        await entry.processor?.retire();
        entry.processor = undefined;
        entry.state = 'UNAVAILABLE';
        entry.reason = reason;
        this.deps.log.info({ ...entry.identity, reason }, 'model version ended');
      }),
    );
  }

  /** Stops trying. */
  close(): void {
    this.ended.abort();
  }

  /** Lets the source know what serves, for a start without its repository. */
  private async remember(model: ServedModel): Promise<void> {
    const { name } = model.spec;
    const served = model.served.flatMap(({ identity: { version }, files, loaded }) =>
      files === undefined ? [] : [{ version, files, proven: loaded !== undefined }],
    );
    await this.sourceOf(name).accepted?.(name, served);
  }

  private sourceOf(name: string): ModelSource {
    const source = this.deps.sourceOf(name);
    if (source === undefined) throw new ModelError('LNMT8301', `no repository for ${name}`);
    return source;
  }

  private async prepareAll(model: ServedModel, wanted: readonly string[], order: Order): Promise<void> {
    const known = new Set(model.versions.keys());
    try {
      for (const version of wanted) await this.prepare(model, model.version(version), order);
    } catch (error) {
      const strangers = [...model.versions.values()].filter(({ identity }) => !known.has(identity.version));
      for (const entry of strangers) {
        if (model.served.length > 0) model.versions.delete(entry.identity.version);
        if (entry.loaded) void this.deps.residents.dismiss(entry.loaded);
        entry.loaded = undefined;
        void entry.processor?.retire();
        entry.processor = undefined;
        entry.fail(reasonOf(error), this.deps.now());
      }
      throw error;
    }
  }

  private async prepare(model: ServedModel, entry: ModelVersion, { settings, demanded, ask }: Order): Promise<void> {
    const before = entry.files;
    const source = this.sourceOf(model.spec.name);
    const files = await source.obtain(entry.identity, ask);
    const same = before?.digest === files.digest && JSON.stringify(entry.settings) === JSON.stringify(settings);
    const inMemory = entry.loaded !== undefined;
    const wanted = demanded || !entry.lazy || inMemory;
    if (same && (inMemory || !wanted)) {
      // The newer of the two knows whether the repository was reached.
      entry.files = files;
      if (before) source.release(before);
      return entry.succeed();
    }
    const [oldFiles, oldSettings] = [entry.files, entry.settings];
    [entry.files, entry.settings] = [files, settings];
    let processor: Processor | undefined;
    try {
      processor = await this.deps.processing.open(entry.identity, settings.processing, files);
      if (wanted) {
        const predecessor = entry.loaded ?? model.resolve(undefined)?.loaded;
        const next = await this.load(entry, model.spec.load === 'pinned', predecessor);
        const old = entry.loaded;
        entry.loaded = next;
        if (old) void this.deps.residents.dismiss(old);
      }
    } catch (error) {
      [entry.files, entry.settings] = [oldFiles, oldSettings];
      if (isUnfit(error)) await source.rejected?.(entry.identity, files);
      source.release(files);
      await processor?.retire();
      throw error;
    }
    const former = entry.processor;
    entry.processor = processor;
    void former?.retire();
    if (before) source.release(before);
    entry.succeed();
  }

  private load(entry: ModelVersion, pinned: boolean, predecessor: LoadedModel | undefined): Promise<LoadedModel> {
    const { files, settings, identity } = entry;
    if (files === undefined) throw notLoaded();
    return this.deps.loader.load({
      ...{ identity, files, settings, pinned, predecessor },
      check: () => this.deps.guard.admit(entry, files.digest),
      forget: (model) => {
        if (entry.loaded === model) entry.loaded = undefined;
      },
    });
  }
}

import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ModelError } from '../errors';
import { pauseAfter } from './pauses';
import { isAwaited, isReplaceable } from './reasons';
import { Semaphore } from '../../shared/semaphore';
import type { ServedModel } from './served-model';
import type { Ask, ModelSettings } from './source';
import { chooseVersions } from './spec';
import { refuseStrangers } from '../traffic/errors';
import type { RegistryDeps } from './model-registry';
import type { VersionPolicy } from './spec';
import type { VersionKeeper, VersionOrder } from './version-keeper';

const RETRY_MS = { first: 500, most: 15_000 } as const;
/** Models of a kind that the server brings up by itself at once: each asks its repository, and fills a folder of the cache. */
const AT_ONCE = 8;
/** Whoever still waits when the server ends waits for nothing. */
const NEVER = new Promise<never>(() => undefined);
const LATEST: VersionPolicy = { kind: 'latest', count: 1 };

/** Brings models to what their repository says: files, new versions, switch, old versions. */
export class Refresher {
  private readonly ended = new AbortController();
  private readonly turns = { required: new Semaphore(AT_ONCE), lazy: new Semaphore(AT_ONCE) } as const;

  constructor(
    private readonly deps: Pick<RegistryDeps, 'log' | 'changed' | 'failed'>,
    private readonly keeper: VersionKeeper,
  ) {
    // Any number of models may wait at once.
    setMaxListeners(0, this.ended.signal);
  }

  /**
   * Refreshes a model, again and again while only the way to its repository is at fault. What the repository has may be
   * unfit, or no model at all: then the last good one serves, where there is one. Either way the repository is asked
   * again later, also for a lazy model of which nothing serves.
   *
   * @throws ModelError, InspectionError when nothing of it serves
   */
  async persist(model: ServedModel): Promise<void> {
    const { name } = model.spec;
    const tried = (error: unknown): never => {
      this.deps.failed?.(name, error);
      throw error;
    };
    try {
      await this.patiently(name, () => this.attempt(model).catch(tried));
    } catch (error) {
      if (!isReplaceable(error) || !(await this.takeLastGood(model))) {
        if (!model.required && isAwaited(error)) void this.catchUp(model, tried);
        throw error;
      }
      this.deps.log.error({ err: error, name }, 'the newest cannot be served, the last good one is');
    }
    void this.catchUp(model, tried);
  }

  /** False where there is none. */
  private takeLastGood(model: ServedModel): Promise<boolean> {
    return this.attempt(model, 'last-good').then(
      () => true,
      () => false,
    );
  }

  /** Asks the repository again and again until what serves is what it says. */
  private async catchUp(model: ServedModel, tried: (error: unknown) => never): Promise<void> {
    const { name } = model.spec;
    for (let tries = 1; model.behind; tries += 1) {
      const pauseMs = pauseAfter(tries);
      await delay(pauseMs, undefined, { signal: this.ended.signal, ref: false }).catch(() => NEVER);
      try {
        // Meanwhile somebody may have loaded or unloaded it.
        if (model.behind) await this.attempt(model).catch(tried);
      } catch (error) {
        this.deps.log.warn({ err: error, name, pauseMs }, 'model not refreshed, trying again');
      }
    }
  }

  /**
   * What nobody asked for takes turns, without its pauses: who asks for a model does not wait behind all others, nor does
   * what the server needs wait behind what it does not.
   */
  private attempt(model: ServedModel, ask?: Ask): Promise<void> {
    return this.turns[model.required ? 'required' : 'lazy'].run(() => this.refresh(model, false, ask));
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
      // It was unloaded while it waited: only who asks for it brings it back.
      if (model.unloaded && !demanded) return;
      const { spec } = model;
      const source = this.keeper.sourceOf(spec.name);
      const said: ModelSettings = spec.closed ? {} : await source.settings(spec.name, ask);
      // What is not about running it must not make it load again.
      const { versions, aliases, traffic, cache, ...settings }: ModelSettings = { ...said, ...spec.settings };
      const policy = spec.versions ?? versions ?? LATEST;
      const available = policy.kind === 'specific' ? policy.versions : await source.versions(spec.name, ask);
      const wanted = chooseVersions(policy, available);
      if (wanted.length === 0) throw new ModelError('LNMT8301', `no version of ${spec.name}`);
      const names = spec.aliases ?? aliases ?? {};
      refuseStrangers(traffic, [...wanted, ...Object.keys(names)]);
      await this.publish(model, { settings, wanted, demanded, ask }, names);
      model.rules = { traffic, cache };
      for (const version of wanted) this.deps.changed({ name: spec.name, version });
      await this.keeper.remember(model);
    });
  }

  /** Stops trying. */
  close(): void {
    this.ended.abort();
  }

  private async publish(
    model: ServedModel,
    order: VersionOrder,
    aliases: Readonly<Record<string, string>>,
  ): Promise<void> {
    try {
      for (const version of order.wanted) await this.keeper.prepare(model, model.version(version), order);
      void this.keeper.retire(model.publish(order.wanted, aliases), 'replaced');
    } catch (error) {
      await this.keeper.abandon(model.dropUnserved(), error);
      throw error;
    }
  }
}

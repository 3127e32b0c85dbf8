import { RequestError } from '../../shared/errors';
import type { ModelIdentity } from '../data-plane';
import { patiently } from '../deadline';
import type { Impatience, Patience } from '../deadline';
import { clientGone, deadlinePassed, queueFull } from '../errors';
import { notLoaded } from './errors';
import type { LoadedModel } from './loaded-model';
import type { ModelVersion } from './model-version';
import { pauseAfter } from './pauses';
import type { ServedModel } from './served-model';
import type { VersionKeeper } from './version-keeper';

/** What demands are met with. */
export interface DemandDeps {
  readonly keeper: Pick<VersionKeeper, 'loadOnDemand'>;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Requests that may wait for one version to be loaded; one more is refused. */
  readonly mostWaiting: number;
  /** Told of each request that was given up while it waited. @default - nobody is told */
  readonly dropped?: ((model: ModelIdentity, reason: Impatience) => void) | undefined;
}

/** Milliseconds in which requests do not try again to load what failed. */
const RETRY_LOAD_MS = 5_000;

/**
 * Loads on request. Everybody who asks meanwhile waits for the same loading, as long as the request may, and it goes on
 * when they leave. What failed is tried again without a request: whoever goes by readiness sends it none.
 */
export class Demands {
  private readonly retries = new Map<ModelVersion, NodeJS.Timeout>();
  private closed = false;

  constructor(private readonly deps: DemandDeps) {}

  /**
   * A version in memory; undefined when it left the service meanwhile.
   *
   * @throws RequestError
   */
  async meet(model: ServedModel, entry: ModelVersion, patience: Patience): Promise<LoadedModel | undefined> {
    const { now, mostWaiting } = this.deps;
    if (patience.signal.aborted) throw clientGone();
    if (entry.state !== 'READY' && now() - entry.failedAt < RETRY_LOAD_MS) throw notLoaded();
    if (entry.waiting >= mostWaiting) throw queueFull(mostWaiting);
    const got = await this.wait(entry, this.load(model, entry), patience);
    if (got !== 'left' && got !== 'expired') return got;
    this.deps.dropped?.(entry.identity, got);
    throw got === 'left' ? clientGone() : deadlinePassed();
  }

  /** Tries nothing again. */
  close(): void {
    this.closed = true;
    for (const timer of this.retries.values()) clearTimeout(timer);
  }

  /** The loading that goes on, or one that begins. */
  private load(model: ServedModel, entry: ModelVersion): Promise<LoadedModel | undefined> {
    entry.loading ??= this.deps.keeper.loadOnDemand(model, entry).finally(() => {
      entry.loading = undefined;
      this.retryLater(model, entry);
    });
    return entry.loading;
  }

  private retryLater(model: ServedModel, entry: ModelVersion): void {
    const hasFailed = (): boolean => entry.state === 'UNAVAILABLE' && model.serves(entry);
    clearTimeout(this.retries.get(entry));
    this.retries.delete(entry);
    if (this.closed || !hasFailed()) return;
    const retry = (): void => {
      this.retries.delete(entry);
      // The keeper tells of what fails.
      if (hasFailed()) this.load(model, entry).catch(() => undefined);
    };
    this.retries.set(entry, setTimeout(retry, pauseAfter(entry.failures)).unref());
  }

  private async wait<T>(entry: ModelVersion, loading: Promise<T>, patience: Patience): Promise<T | Impatience> {
    entry.waiting += 1;
    try {
      return await patiently(loading, patience, this.deps.now);
    } catch (error) {
      throw error instanceof RequestError ? error : notLoaded();
    } finally {
      entry.waiting -= 1;
    }
  }
}

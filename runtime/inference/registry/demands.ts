import type { Cancellation } from '../../shared/cancellation';
import { RequestError } from '../../shared/errors';
import { clientGone } from '../errors';
import { notLoaded } from './errors';
import type { LoadedModel } from './loaded-model';
import type { ModelVersion } from './model-version';
import type { ServedModel } from './served-model';
import type { VersionKeeper } from './version-keeper';

/** How long somebody waits. */
export interface Patience {
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
}

/** What demands are met with. */
export interface DemandDeps {
  readonly keeper: Pick<VersionKeeper, 'loadOnDemand'>;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** Milliseconds between two tries to load a model on request. */
const RETRY_LOAD_MS = 5_000;

/** Waits for work that others wait for, too. */
function patiently<T>(work: Promise<T>, { signal }: Patience): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const over = (): void => signal.removeEventListener('abort', leave);
    const leave = (): void => {
      over();
      reject(clientGone());
    };
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(over);
  });
}

/** Loads on request. Everybody who asks meanwhile waits for the same loading, which goes on when they leave. */
export class Demands {
  constructor(private readonly deps: DemandDeps) {}

  /**
   * A version in memory; undefined when it left the service meanwhile.
   *
   * @throws RequestError
   */
  async meet(model: ServedModel, entry: ModelVersion, patience: Patience): Promise<LoadedModel | undefined> {
    const { keeper, now } = this.deps;
    if (patience.signal.aborted) throw clientGone();
    if (entry.state !== 'READY' && now() - entry.failedAt < RETRY_LOAD_MS) throw notLoaded();
    entry.loading ??= keeper.loadOnDemand(model, entry).finally(() => (entry.loading = undefined));
    try {
      return await patiently(entry.loading, patience);
    } catch (error) {
      throw error instanceof RequestError ? error : notLoaded();
    }
  }
}

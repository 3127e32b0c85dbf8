import type { ModelSignature } from '../backends/backend';
import type { ModelIdentity } from '../data-plane';
import type { Processor } from '../processing/processor';
import type { LoadedModel } from './loaded-model';
import type { ModelSettings, VerifiedModel } from './source';
import type { LoadMode } from './spec';
import { Semaphore } from '../../shared/semaphore';

/** State of a version, in the words of the model repository extension. */
export type VersionState = 'UNAVAILABLE' | 'LOADING' | 'READY' | 'UNLOADING';

/** One version of a model, through its life. */
export class ModelVersion {
  state: VersionState = 'LOADING';
  /** Why it is not ready; empty when it is. */
  reason = '';
  /** Its files, once they are verified. */
  files: VerifiedModel | undefined;
  settings: ModelSettings = {};
  /** The steps around it, where it has some. */
  processor: Processor | undefined;
  /** It, while it is in memory. */
  loaded: LoadedModel | undefined;
  /** Seconds that its last load took. @default - it was never loaded */
  loadSeconds: number | undefined;
  /** Its loading on request, while that goes on. */
  loading: Promise<LoadedModel | undefined> | undefined;
  /** Requests that wait for that. */
  waiting = 0;
  /** When loading on request failed last, in milliseconds of a monotonic clock. */
  failedAt = Number.NEGATIVE_INFINITY;
  /** How often it failed since it served. */
  failures = 0;
  /** One loading, replacement or end of it is over before the next begins, whoever wants it. */
  readonly turns = new Semaphore(1);

  constructor(
    readonly identity: ModelIdentity,
    private readonly mode: LoadMode,
  ) {}

  /** True where it is loaded by the first request that needs it, and not before. */
  get lazy(): boolean {
    return this.mode === 'lazy';
  }

  /** True where it never leaves the memory for another. */
  get pinned(): boolean {
    return this.mode === 'pinned';
  }

  /** True when a request would be answered: it is loaded and well, or loads on demand. */
  get ready(): boolean {
    if (this.state !== 'READY') return false;
    return this.loaded === undefined ? !this.pinned : this.loaded.plane.ready;
  }

  /** What clients send and receive, as soon as that is known. */
  get signature(): ModelSignature | undefined {
    if (this.processor !== undefined) return this.processor.signature;
    if (this.loaded?.plane.ready) return this.loaded.plane.describe();
    return this.files?.report;
  }

  /** It is in memory from now on, unless another needed the room already. */
  hold(loaded: LoadedModel): void {
    this.loadSeconds = loaded.loadSeconds;
    this.loaded = loaded.leaving ? undefined : loaded;
  }

  /** Takes everything from it, which is returned: it is as it was before it was prepared. */
  empty(): Pick<ModelVersion, 'loaded' | 'files' | 'processor'> {
    const { loaded, files, processor } = this;
    [this.loaded, this.files, this.processor, this.settings] = [undefined, undefined, undefined, {}];
    return { loaded, files, processor };
  }

  /** It serves from now on. */
  succeed(): void {
    this.state = 'READY';
    this.reason = '';
    this.failures = 0;
  }

  /** It does not serve, and why. */
  fail(reason: string, now: number): void {
    this.state = 'UNAVAILABLE';
    this.reason = reason;
    this.failedAt = now;
    this.failures += 1;
  }
}

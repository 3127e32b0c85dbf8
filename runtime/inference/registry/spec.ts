import type { ProcessingSettings } from '../processing/settings';
import type { CacheRule } from '../response-cache/rule';
import type { TrafficRule } from '../traffic/rule';

/** Which versions of a model are served. */
export type VersionPolicy =
  | { readonly kind: 'latest'; readonly count: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly string[] };

/**
 * When a model is in memory: `pinned` from start to end, `eager` from the start until memory is needed, `lazy` from
 * its first request. The server is not ready before the first two are.
 */
export type LoadMode = 'pinned' | 'eager' | 'lazy';

/** How a model is run, where its repository says so; what is absent is left to the server. */
export interface RunSettings {
  /** Most rows of a batch; 1 switches batching off. */
  readonly maxBatchSize?: number;
  /** Batch sizes worth waiting for, ascending. */
  readonly preferredBatchSizes?: readonly number[];
  /** Seconds for which a batch may wait to grow. */
  readonly maxQueueDelay?: number;
  /** Sessions beside one another. */
  readonly instances?: number;
  /** Device that the model insists on. */
  readonly device?: 'cpu' | 'gpu';
  /** Steps before and after it, and bounds of its inputs. */
  readonly processing?: ProcessingSettings;
}

/** What stands before a model, where its repository says so. */
export interface ServingRules {
  /** Which version answers requests that name none. @default - the one for everybody */
  readonly traffic?: TrafficRule;
  /** Whether its answers are kept. @default - what the server says */
  readonly cache?: CacheRule;
}

/** One model of a server. */
export interface ModelSpec {
  readonly name: string;
  /**
   * Versions to serve.
   * @default - what the repository says of the model, else the latest
   */
  readonly versions?: VersionPolicy;
  readonly load: LoadMode;
  /**
   * How it is run, before what the repository says.
   * @default - only that
   */
  readonly settings?: RunSettings & ServingRules;
  /**
   * True where all is said here, and nothing is looked up in the repository but the files of the manifest.
   * @default false
   */
  readonly closed?: boolean;
  /**
   * Names for versions, such as `production`.
   * @default - those that the repository says
   */
  readonly aliases?: Readonly<Record<string, string>>;
}

/** Alias that requests without a version mean, when it is there. */
export const DEFAULT_ALIAS = 'production';

/** Orders versions from old to new: numbers by value, and after them other names by text. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [/^\d{1,15}$/.test(a), /^\d{1,15}$/.test(b)];
  if (x && y) return Number(a) - Number(b);
  if (x !== y) return x ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}

/** The versions that a policy chooses, from old to new. */
export function chooseVersions(policy: VersionPolicy, available: readonly string[]): readonly string[] {
  const sorted = [...new Set(available)].sort(compareVersions);
  if (policy.kind === 'all') return sorted;
  if (policy.kind === 'latest') return sorted.slice(-policy.count);
  return [...new Set(policy.versions)].sort(compareVersions);
}

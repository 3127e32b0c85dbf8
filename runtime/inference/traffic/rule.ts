/** Shares are counted in 1/1000. */
export const WHOLE = 1000;

/** Requests with this value of a header, or of an entry of metadata, go to this version. */
export interface HeaderRule {
  /** In lower case. */
  readonly header: string;
  readonly value: string;
  /** A version, or an alias. */
  readonly version: string;
}

/** A share of the requests. */
export interface Weight {
  /** A version, or an alias. */
  readonly version: string;
  /** In 1/1000. */
  readonly share: number;
}

/** What keeps requests of the same origin with the same version. */
export type Sticky = { readonly by: 'caller' } | { readonly by: 'header'; readonly header: string };

/** A new version that takes over step by step, or is rolled back. */
export interface CanaryRule {
  /** The version on trial, or an alias of it. */
  readonly version: string;
  /**
   * What it is held against: a version, or an alias.
   * @default - what everybody gets without a rule; where that is the canary itself, the newest version beside it
   */
  readonly stable?: string;
  /** Shares in 1/1000, ascending. */
  readonly steps: readonly number[];
  /** Requests to the canary that a step takes at least. */
  readonly requestsPerStep: number;
  /** Seconds that a step takes at least. */
  readonly secondsPerStep: number;
  /** How much slower the canary may be, as a share. */
  readonly latencyTolerance: number;
  /** Whether the canary gets everything after its last step; else it stays there until someone decides. */
  readonly promote: boolean;
}

/** A version that is sent copies of requests, and whose answers nobody gets. */
export interface ShadowRule {
  /** A version, or an alias. */
  readonly version: string;
  /** Of the requests, in 1/1000. */
  readonly share: number;
  /** Copies that are under way at a time; what comes on top is not copied. */
  readonly concurrency: number;
  /** How far numbers may lie from those of the answer. */
  readonly tolerance: { readonly absolute: number; readonly relative: number };
}

/** Which version of a model answers the requests that name none. */
export interface TrafficRule {
  /** The first that fits decides, before the rest. */
  readonly headers: readonly HeaderRule[];
  /** They sum up to {@link WHOLE}. @default - none */
  readonly weights?: readonly Weight[];
  /** @default - none */
  readonly canary?: CanaryRule;
  /** @default - every request on its own */
  readonly sticky?: Sticky;
  /** @default - none */
  readonly shadow?: ShadowRule;
}

/** All versions and aliases that a rule names. */
export function namesOf({ headers, weights = [], canary, shadow }: TrafficRule): readonly string[] {
  const single = [canary?.version, canary?.stable, shadow?.version].filter((name) => name !== undefined);
  return [...[...headers, ...weights].map(({ version }) => version), ...single];
}

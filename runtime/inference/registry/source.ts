import type { ModelIdentity } from '../data-plane';
import type { ModelReport } from '../inspector';
import type { RunSettings, ServingRules, VersionPolicy } from './spec';

/** What a repository says of a model as a whole. */
export interface ModelSettings extends RunSettings, ServingRules {
  readonly versions?: VersionPolicy;
  readonly aliases?: Readonly<Record<string, string>>;
}

/** A version of a model on the local disk: every byte verified, and inspected. */
export interface VerifiedModel {
  /** The graph. */
  readonly file: string;
  /** Identity of everything in it. */
  readonly digest: string;
  /** True when it was not there already. */
  readonly fetched: boolean;
  /** True when the repository could not be reached, and this is the last that was known to be good. */
  readonly offline: boolean;
  readonly report: ModelReport;
  /** File with requests and the answers that they must have. @default - none */
  readonly golden?: string;
  /** File with the spread of its inputs and outputs when it was made. @default - none */
  readonly baseline?: string;
}

/** A version that is served. */
export interface AcceptedVersion {
  readonly version: string;
  readonly files: VerifiedModel;
  /** True when it is in memory: it passed everything that a version is held to. */
  readonly proven: boolean;
}

/** Whom an answer is from: `last-good` asks nobody and takes what was last found good on this machine. */
export type Ask = 'repository' | 'last-good';

/** Where the registry has its models from. */
export interface ModelSource {
  /** What the repository says of a model. */
  settings(name: string, ask?: Ask): Promise<ModelSettings>;
  /**
   * The versions that the repository holds.
   *
   * @throws ModelError `LNMT8301` when there is no such model
   */
  versions(name: string, ask?: Ask): Promise<readonly string[]>;
  /**
   * A version, verified and inspected. It stays on the disk until it is released.
   *
   * @throws ModelError, InspectionError
   */
  obtain(model: ModelIdentity, ask?: Ask): Promise<VerifiedModel>;
  /** These are all versions of a model that serve: what a start without the repository goes by. */
  accepted?(name: string, served: readonly AcceptedVersion[]): Promise<void>;
  /** A version arrived, and what is in it is not fit to serve. */
  rejected?(model: ModelIdentity, files: Pick<VerifiedModel, 'digest'>): Promise<void>;
  /**
   * True when the files on the disk are still what they were.
   *
   * @param gently slowly, so that those who serve are not disturbed
   * @throws ModelError when nobody can tell at the moment
   */
  recheck(model: VerifiedModel, gently?: boolean): Promise<boolean>;
  /**
   * Fetches the files that are not what they were anew, into their places.
   *
   * @throws ModelError
   */
  repair?(model: ModelIdentity, files: VerifiedModel): Promise<void>;
  /** A version is not needed on the disk any more. */
  release(model: VerifiedModel): void;
}

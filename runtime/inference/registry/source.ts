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

/** Where the registry has its models from. */
export interface ModelSource {
  /** What the repository says of a model. */
  settings(name: string): Promise<ModelSettings>;
  /**
   * The versions that the repository holds.
   *
   * @throws ModelError `LNMT8301` when there is no such model
   */
  versions(name: string): Promise<readonly string[]>;
  /**
   * A version, verified and inspected. It stays on the disk until it is released.
   *
   * @throws ModelError, InspectionError
   */
  obtain(model: ModelIdentity): Promise<VerifiedModel>;
  /** True when the files on the disk are still what they were. */
  recheck(model: VerifiedModel): Promise<boolean>;
  /** A version is not needed on the disk any more. */
  release(model: VerifiedModel): void;
}

import type { LocalModelFile } from './files';

/** A version of a model as it is pushed. */
export interface PushRequest {
  readonly name: string;
  readonly version: string;
  readonly files: readonly LocalModelFile[];
  /** Content of the manifest. */
  readonly manifest: string;
}

/** Whether the version was written now, or was there with the same content. */
export type PushOutcome = 'pushed' | 'unchanged';

/** Where versions are written to. The manifest is the last thing that appears. */
export interface PushTarget {
  /** @throws LNMT6014 for a version with other content, LNMT6016 when the store refuses */
  push(request: PushRequest): Promise<PushOutcome>;
}

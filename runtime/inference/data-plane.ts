import type { Cancellation } from '../shared/cancellation';
import { notReady } from '../shared/errors';
import type { Backend, ModelSignature } from './backends/backend';
import type { BatchingInForce } from './model-configuration';
import type { Batcher } from './batching/batcher';
import { checkInputs, checkModelTexts, chooseOutputs } from './signature';
import type { InferenceRequest } from './tensors/request';
import type { Tensor } from './tensors/tensor';
import type { TextModel } from './text/model';

/** A version of a model. */
export interface ModelIdentity {
  readonly name: string;
  readonly version: string;
}

/** Opens the text side of a model that was loaded; undefined where it has none. */
export type OpenText = (plane: DataPlane, file: string, signature: ModelSignature) => Promise<TextModel | undefined>;

/** One loaded version of a model: holds requests to what it takes, and has them answered in their turn. */
export class DataPlane {
  /** It as a model of text, where it is one and is loaded. */
  text: TextModel | undefined;
  private signature: ModelSignature | undefined;

  constructor(
    readonly model: ModelIdentity,
    private readonly backend: Backend,
    private readonly batcher: Batcher,
    private readonly openText: OpenText = async () => undefined,
  ) {}

  /**
   * Loads the model from its verified file.
   *
   * @param check asked before the file is read again; rejects while it is not what it was. @default - nobody asks
   */
  async load(file: string, check?: () => Promise<void>): Promise<void> {
    const signature = await this.backend.load(file, check);
    this.batcher.configure(signature);
    this.text = await this.openText(this, file, signature);
    this.signature = signature;
  }

  /** Ends its text side, if it has one, and its backend. */
  async close(): Promise<void> {
    await Promise.all([this.text?.close(), this.backend.close()]);
  }

  /** True while a run would be taken now. */
  get ready(): boolean {
    return this.signature !== undefined && this.backend.healthy();
  }

  /** What the model takes and gives. */
  describe(): ModelSignature {
    if (this.signature === undefined) throw notReady('starting');
    return this.signature;
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.batcher.waiting;
  }

  /** How requests are put together. */
  get batching(): BatchingInForce {
    return this.batcher.inForce();
  }

  /**
   * Answers one request.
   *
   * @param caller who asks; the callers of a model take turns
   * @throws RequestError
   */
  async infer(request: InferenceRequest, signal: Cancellation, caller?: string): Promise<readonly Tensor[]> {
    const signature = this.describe();
    checkInputs(request.inputs, signature);
    checkModelTexts(request.inputs);
    const outputs = chooseOutputs(request.outputs, signature);
    const { deadline, priority, trace } = request;
    return this.batcher.submit(request.inputs, outputs, { signal, deadline, priority, caller, trace });
  }
}

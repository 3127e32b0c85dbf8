import type { Backend, Capacity, ModelSignature } from '../../../runtime/inference/backends/backend';
import { ModelError, modelRefused } from '../../../runtime/inference/errors';
import type { Tensor } from '../../../runtime/inference/tensors/tensor';

/** A model in memory that gives its input `x` (FP32, `[-1, 2]`) back as `y`. */
export class FakeBackend implements Backend {
  /** What a run waits for; a test replaces it to hold runs back. */
  gate: Promise<void> = Promise.resolve();
  runs = 0;
  up = false;
  /** What it has to ask before it reads its file again. */
  check: (() => Promise<void>) | undefined;
  /** What it claims to take at once; a test replaces it. */
  takes: Capacity = { workers: 1, maxRows: 1 };

  async load(file: string, check?: () => Promise<void>): Promise<ModelSignature> {
    this.check = check;
    if (file.endsWith('missing.onnx')) throw new ModelError('LNMT8306', 'no such file');
    this.up = true;
    return {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    };
  }

  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]> {
    this.runs += 1;
    await this.gate;
    const [input] = inputs;
    if (input === undefined) throw modelRefused(new Error('no input'));
    return outputs.map((name) => ({ ...input, name }));
  }

  capacity(): Capacity {
    return this.takes;
  }

  healthy(): boolean {
    return this.up;
  }

  async close(): Promise<void> {
    this.up = false;
  }
}

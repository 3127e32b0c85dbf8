import type { InferenceRequest } from '../tensors/request';
import { tensorBytes } from '../tensors/tensor';

/** What is kept of the requests of a model. */
export const SAMPLE_LIMITS = { count: 8, bytes: 4 * 2 ** 20, everyMs: 1_000 } as const;

/**
 * The latest requests that a model answered, a few and small: what a new version is warmed up with. They never leave
 * the process.
 */
export class SampleRing {
  private samples: InferenceRequest[] = [];
  private held = 0;
  private last = Number.NEGATIVE_INFINITY;

  /** Keeps a copy of a request, when it is time for one. `now` in milliseconds of a monotonic clock. */
  add(request: InferenceRequest, now: number): void {
    const size = tensorBytes(request.inputs);
    const full = this.samples.length >= SAMPLE_LIMITS.count;
    if (size > SAMPLE_LIMITS.bytes / 2 || (full && now - this.last < SAMPLE_LIMITS.everyMs)) return;
    this.last = now;
    // A copy, because the bytes are a view of a body that would be held as a whole.
    const inputs = request.inputs.map((tensor) => ({ ...tensor, data: Uint8Array.from(tensor.data) }));
    this.samples.push({ id: undefined, inputs, outputs: undefined });
    this.held += size;
    while (this.samples.length > SAMPLE_LIMITS.count || this.held > SAMPLE_LIMITS.bytes) {
      const dropped = this.samples.shift();
      if (dropped) this.held -= tensorBytes(dropped.inputs);
    }
  }

  /** What is kept, from old to new. */
  list(): readonly InferenceRequest[] {
    return [...this.samples];
  }
}

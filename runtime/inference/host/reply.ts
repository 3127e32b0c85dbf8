import { lacksMemory } from '../backends/run-failure';
import { isOutOfMemory, ModelError, runReasonOf } from '../errors';
import type { Tensor } from '../tensors/tensor';
import { FRAME_LIMITS, payloadBytes } from './frames';
import type { WrittenHeader } from './frames';
import { TensorHeaders } from './protocol';
import type { FailedReply, HostReply } from './protocol';

/** What a worker answers: a header, and bytes that follow it. */
export interface Reply {
  readonly header: HostReply | WrittenHeader;
  readonly parts: readonly Uint8Array[];
}

const results = new TensorHeaders((outputs) => ({ type: 'result', outputs }));

/**
 * The answer to a run: its outputs, or that no frame holds them. The front would end a host that sent more.
 *
 * @param most bytes of a frame
 */
export function resultReply(outputs: readonly Tensor[], most = FRAME_LIMITS.payload): Reply {
  const parts = outputs.map(({ data }) => data);
  const bytes = payloadBytes(parts);
  if (bytes > most) return { header: { type: 'failed', message: 'its outputs fit in no frame', bytes }, parts: [] };
  return { header: results.of(outputs), parts };
}

/** What is wrong: the front says code and title of it. */
function describe(error: unknown): string {
  if (error instanceof ModelError) return error.what;
  return error instanceof Error ? error.message : String(error);
}

/** The answer to what failed. */
export function failedReply(error: unknown): FailedReply {
  const message = runReasonOf(error) ?? describe(error);
  return isOutOfMemory(error) || lacksMemory(error)
    ? { type: 'failed', message, outOfMemory: true }
    : { type: 'failed', message };
}

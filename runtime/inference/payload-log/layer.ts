import { performance } from 'node:perf_hooks';
import { traceFields } from '../../shared/tracing';
import type { Answer } from '../registry';
import type { Infer, InferenceCall, Layer } from '../serving/layer';
import type { PayloadLog } from './payload-log';
import { outcomeOf } from './record';

/** Notes a sample of what passes. */
export function payloadLogLayer(log: PayloadLog): Layer {
  return (next: Infer): Infer => {
    const logged = async (call: InferenceCall): Promise<Answer> => {
      const started = performance.now();
      const note = (outcome: string, answer?: Answer): void =>
        log.record({
          at: Date.now(),
          ms: performance.now() - started,
          request: call.request.id,
          trace: traceFields(call.request.trace ?? null)?.trace_id,
          model: answer?.model.name ?? call.name,
          version: answer?.model.version ?? call.version,
          caller: call.caller,
          outcome,
          inputs: call.request.inputs,
          outputs: answer?.outputs ?? [],
        });
      try {
        const answer = await next(call);
        note('ok', answer);
        return answer;
      } catch (error) {
        note(outcomeOf(error));
        throw error;
      }
    };
    return (call) => (log.samples(call.name) ? logged(call) : next(call));
  };
}

import type { Answer } from '../registry';
import type { Infer, InferenceCall, Layer } from '../serving/layer';
import { WHOLE } from './rule';
import { Shadow } from './shadow';
import type { ShadowObserver } from './shadow';
import type { Evidence, Traffic, TrafficModels } from './traffic';

/** What the layer works with. */
export interface TrafficLayerDeps {
  readonly traffic: Traffic;
  readonly models: TrafficModels;
  readonly observe: ShadowObserver;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** The layer, and how to end what it began. */
export interface TrafficLayer {
  readonly layer: Layer;
  readonly close: () => Promise<void>;
}

/** An answer that was kept says nothing of how fast a version is, and that of another server nothing of the one here. */
function evidenceOf({ cached, servedBy, failedHere }: Answer): Evidence {
  if (failedHere) return 'failure';
  if (servedBy === 'upstream') return 'none';
  return cached ? 'outcome' : 'time';
}

/** Sends requests to the version that their rule says, and copies of some to another. */
export function trafficLayer({ traffic, models, observe, clock, random }: TrafficLayerDeps): TrafficLayer {
  const shadows: Shadow[] = [];
  const mirror = (shadow: Shadow, call: InferenceCall, answer: Answer): void => {
    const rule = traffic.ruleOf(call.name)?.shadow;
    if (rule === undefined || random() * WHOLE >= rule.share) return;
    const target = models.standing(call.name, rule.version);
    const version = target?.ready ? target.identity.version : undefined;
    if (version === undefined || version === answer.model.version) return;
    shadow.send({ call, answer, version, rule });
  };
  const layer = (next: Infer): Infer => {
    const shadow = new Shadow(next, observe, clock);
    shadows.push(shadow);
    return async (call) => {
      if (call.version !== undefined || traffic.ruleOf(call.name) === undefined) return next(call);
      const answer = await traffic.route(
        call,
        (version) => next(version === undefined ? call : { ...call, version }),
        evidenceOf,
      );
      mirror(shadow, call, answer);
      return answer;
    };
  };
  return { layer, close: async () => void (await Promise.all(shadows.map((shadow) => shadow.close()))) };
}

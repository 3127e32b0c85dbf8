import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import type { AuditLog } from '../../shared/audit';
import type { ServerMetrics } from '../observe';
import { WHOLE } from './rule';
import type { ChoiceReason } from './choose';
import type { ShadowObserver } from './shadow';
import type { CanaryDecision, CanaryReport, CanaryTrial } from './trial';

/** Told what traffic does. */
export interface TrafficObserver {
  readonly chosen: (model: string, version: string, reason: ChoiceReason) => void;
  /** What a canary is judged by. */
  readonly outcome: (model: string, trial: CanaryTrial, ofCanary: boolean, failed: boolean) => void;
  readonly decided: (model: string, decision: CanaryDecision, report: CanaryReport) => void;
  /** Told of a canary that would be its own stable version; `stable` is absent where there is no other version. */
  readonly assumed: (model: string, canary: string, stable: string | undefined) => void;
  /** Forgets all gauges, before they are told again. */
  readonly reset: () => void;
  /** A share in 1/1000. */
  readonly share: (model: string, version: string, share: number) => void;
  readonly canary: (model: string, report: CanaryReport) => void;
}

/** What a deviation counts as at most: one that is infinite would leave nothing of the sum. */
const MOST_DEVIATION = 1_000;
/** Who the audit log says has decided, where nobody did. */
const SERVER = 'server';

function gaugesOf(metrics: ServerMetrics): Pick<TrafficObserver, 'reset' | 'share' | 'canary'> {
  const { trafficShare, canaryPhase, canaryStep, canaryAlarm } = metrics;
  return {
    reset: () => {
      for (const gauge of [trafficShare, canaryPhase, canaryStep, canaryAlarm]) gauge.reset();
    },
    share: (model, version, share) => trafficShare.set({ model, version }, share / WHOLE),
    canary: (model, { version, stable, phase, step, share, alarms }) => {
      trafficShare.set({ model, version }, share / WHOLE);
      trafficShare.set({ model, version: stable }, 1 - share / WHOLE);
      canaryPhase.set({ model, version, phase }, 1);
      canaryStep.set({ model, version }, step);
      for (const [test, alarm] of Object.entries(alarms)) canaryAlarm.set({ model, version, test }, Math.max(0, alarm));
    },
  };
}

/** Writes traffic into metrics, log and audit log. */
export function observeTraffic(
  metrics: ServerMetrics,
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>,
  audit: AuditLog | undefined,
): TrafficObserver {
  return {
    ...gaugesOf(metrics),
    chosen: (model, version, reason) => metrics.trafficRequests.inc({ model, version, reason }),
    outcome: (model, trial, ofCanary, failed) => {
      const version = trial.versionOf(ofCanary);
      const labels = { role: ofCanary ? 'canary' : 'stable', outcome: failed ? 'failed' : 'answered' };
      metrics.canaryOutcomes.inc({ model, version, ...labels });
    },
    assumed: (model, canary, stable) => {
      if (stable === undefined) {
        log.warn({ model, canary }, 'a canary without any other version: it gets all requests');
      } else {
        log.info({ model, canary, stable }, 'no stable version is named: the newest beside the canary is it');
      }
    },
    decided: (model, decision, report) => {
      const { version } = report;
      metrics.canaryDecisions.inc({ model, version, decision });
      const level = decision === 'rolled-back' ? 'warn' : 'info';
      log[level]({ model, decision, canary: report }, 'canary decision');
      audit?.record({
        ...{ caller: SERVER, operation: 'CanaryDecision', transport: 'none', model, version },
        ...{ outcome: decision, request: randomUUID() },
      });
    },
  };
}

/** Writes what came of copies into metrics and log. */
export function observeShadow(metrics: ServerMetrics, log: Pick<FastifyBaseLogger, 'error'>): ShadowObserver {
  return {
    ended: (model, version, outcome) => metrics.shadowRequests.inc({ model, version, outcome }),
    took: (model, version, seconds) => metrics.shadowDuration.observe({ model, version }, seconds),
    deviated: (model, version, deviation) =>
      metrics.shadowDeviation.observe({ model, version }, Math.min(deviation, MOST_DEVIATION)),
    failed: (model, version, error) => log.error({ err: error, model, version }, 'a copy of a request failed'),
  };
}

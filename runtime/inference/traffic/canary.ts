import type { CanaryRule } from './rule';
import { WHOLE } from './rule';
import { evidence, NO_FAILURES, NO_LATENCIES, withLatency, withOutcome, withPeer } from './sequential';
import type { FailureTest, LatencyTest } from './sequential';

/** `held`: it passed every step, and waits for someone to decide. */
export type CanaryPhase = 'running' | 'held' | 'promoted' | 'rolled-back';

/** Why a canary is where it is. */
export type CanaryReason = 'steps' | 'errors' | 'latency' | 'operator';

/** What came of the requests to one version since the canary began. */
export interface Tally {
  readonly requests: number;
  readonly failures: number;
}

/** A canary at one moment. */
export interface CanaryState {
  readonly phase: CanaryPhase;
  /** @default - it has not changed yet */
  readonly reason?: CanaryReason;
  /** Index of the step. */
  readonly step: number;
  /** Milliseconds since the epoch at which the step began. */
  readonly since: number;
  /** Requests to the canary in this step. */
  readonly inStep: number;
  readonly canary: Tally;
  readonly stable: Tally;
  readonly failures: FailureTest;
  readonly latencies: LatencyTest;
}

/** What came of one request. */
export interface Outcome {
  readonly ofCanary: boolean;
  readonly failed: boolean;
  /** Seconds until the answer; absent where they tell nothing. */
  readonly seconds: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** From 0 to 1. */
  readonly random: number;
}

/** Probability that a healthy canary is rolled back, over all its steps: half by each test. */
const FALSE_ALARM = 0.008;

const NOTHING: Tally = { requests: 0, failures: 0 };

/** A canary that begins. */
export function beginCanary(now: number): CanaryState {
  return {
    ...{ phase: 'running', step: 0, since: now, inStep: 0, canary: NOTHING, stable: NOTHING },
    ...{ failures: NO_FAILURES, latencies: NO_LATENCIES },
  };
}

/** Share of the canary in the requests, in 1/1000. */
export function shareOf({ phase, step }: CanaryState, { steps }: CanaryRule): number {
  if (phase === 'promoted') return WHOLE;
  return phase === 'rolled-back' ? 0 : (steps[step] ?? 0);
}

/** Logarithm of the capital at which a test is lost. */
const alarmAt = ({ steps }: CanaryRule): number => Math.log((2 * steps.length) / FALSE_ALARM);

/** How far each test is from its alarm: 0 or less says nothing against the canary, 1 is the alarm. */
export function alarms(
  { failures, latencies }: CanaryState,
  rule: CanaryRule,
): { readonly errors: number; readonly latency: number } {
  const most = alarmAt(rule);
  return { errors: evidence(failures.capital) / most, latency: evidence(latencies.capital) / most };
}

const counted = ({ requests, failures }: Tally, failed: boolean): Tally => ({
  requests: requests + 1,
  failures: failures + Number(failed),
});

function withTests(state: CanaryState, rule: CanaryRule, outcome: Outcome): CanaryState {
  const { ofCanary, failed, seconds, random } = outcome;
  const failures = withOutcome(state.failures, ofCanary, failed, shareOf(state, rule) / WHOLE);
  let { latencies } = state;
  if (!failed && seconds !== undefined) {
    latencies = ofCanary
      ? withLatency(latencies, seconds, rule.latencyTolerance, random)
      : withPeer(latencies, seconds);
  }
  // Member by member: this is done for every request, and spreading is many times as slow.
  const { phase, reason, step, since } = state;
  return {
    phase,
    reason,
    step,
    since,
    failures,
    latencies,
    inStep: state.inStep + Number(ofCanary),
    canary: ofCanary ? counted(state.canary, failed) : state.canary,
    stable: ofCanary ? state.stable : counted(state.stable, failed),
  };
}

function afterStep(state: CanaryState, { steps, promote }: CanaryRule, now: number): CanaryState {
  const next = { ...state, since: now, inStep: 0, reason: 'steps' } as const;
  if (state.step + 1 < steps.length) {
    return { ...next, step: state.step + 1, failures: NO_FAILURES, latencies: NO_LATENCIES };
  }
  return { ...next, phase: promote ? 'promoted' : 'held' };
}

/** A canary after one more request: further, rolled back, or where it was. */
export function afterOutcome(before: CanaryState, rule: CanaryRule, outcome: Outcome): CanaryState {
  if (before.phase !== 'running' && before.phase !== 'held') return before;
  const state = withTests(before, rule, outcome);
  // What the stable version does speaks for the canary, or says nothing.
  if (!outcome.ofCanary) return state;
  const { errors, latency } = alarms(state, rule);
  if (errors >= 1) return { ...state, phase: 'rolled-back', reason: 'errors' };
  if (latency >= 1) return { ...state, phase: 'rolled-back', reason: 'latency' };
  const isOver =
    state.phase === 'running' &&
    state.inStep >= rule.requestsPerStep &&
    outcome.now - state.since >= 1000 * rule.secondsPerStep;
  return isOver ? afterStep(state, rule, outcome.now) : state;
}

/** A canary after someone has decided. */
export function afterDecision(
  state: CanaryState,
  verdict: 'promote' | 'rollback' | 'restart',
  now: number,
): CanaryState {
  if (verdict === 'restart') return beginCanary(now);
  return { ...state, phase: verdict === 'promote' ? 'promoted' : 'rolled-back', reason: 'operator', since: now };
}

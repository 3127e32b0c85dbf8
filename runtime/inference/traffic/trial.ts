import type { Standing } from '../registry';
import { afterDecision, afterOutcome, alarms, beginCanary, shareOf } from './canary';
import type { CanaryPhase, CanaryReason, CanaryState, Outcome, Tally } from './canary';
import type { CanaryRule } from './rule';

const VERDICTS = ['promote', 'rollback', 'restart'] as const;

/** What someone may decide on a canary. */
export type CanaryVerdict = (typeof VERDICTS)[number];

/** True for one of them. */
export const isVerdict = (value: unknown): value is CanaryVerdict => VERDICTS.some((each) => each === value);

/** What became of a canary. */
export type CanaryDecision = 'started' | 'advanced' | 'held' | 'promoted' | 'rolled-back';

/** A canary, for people. */
export interface CanaryReport {
  readonly version: string;
  readonly stable: string;
  readonly phase: CanaryPhase;
  readonly reason: CanaryReason | null;
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** In 1/1000. */
  readonly share: number;
  /** When the step began, or the decision fell, in milliseconds since the epoch. */
  readonly since: number;
  readonly requests: { readonly canary: Tally; readonly stable: Tally };
  /** How far each test is on its way to rolling it back, which is 1. */
  readonly alarms: { readonly errors: number; readonly latency: number };
}

/** One canary of one model, as long as neither its rule nor its versions change. */
export class CanaryTrial {
  private state: CanaryState;

  constructor(
    readonly rule: CanaryRule,
    /** The version on trial, and what it is held against. */
    private readonly versions: { readonly canary: string; readonly stable: string },
    now: number,
    private readonly decided: (decision: CanaryDecision, report: CanaryReport) => void,
  ) {
    this.state = beginCanary(now);
    decided('started', this.report());
  }

  /** In 1/1000. */
  get share(): number {
    return shareOf(this.state, this.rule);
  }

  /** The version on trial, or the one that it is held against. */
  versionOf(ofCanary: boolean): string {
    return ofCanary ? this.versions.canary : this.versions.stable;
  }

  /** True while outcomes matter. */
  get open(): boolean {
    return this.state.phase === 'running' || this.state.phase === 'held';
  }

  /** True once the version on trial was rolled back. */
  get rolledBack(): boolean {
    return this.state.phase === 'rolled-back';
  }

  /** Takes what came of a request into account. */
  record(outcome: Outcome): void {
    this.become(afterOutcome(this.state, this.rule, outcome));
  }

  /** Does what someone decided. */
  decide(verdict: CanaryVerdict, now: number): void {
    this.become(afterDecision(this.state, verdict, now));
    if (verdict === 'restart') this.decided('started', this.report());
  }

  /** How it stands. */
  report(): CanaryReport {
    const { phase, reason = null, step, since, canary, stable } = this.state;
    const { canary: version, stable: against } = this.versions;
    return {
      ...{ version, stable: against, phase, reason, step: step + 1, steps: this.rule.steps.length },
      ...{ share: this.share, since, requests: { canary, stable }, alarms: alarms(this.state, this.rule) },
    };
  }

  private become(next: CanaryState): void {
    const before = this.state;
    this.state = next;
    if (next.phase !== before.phase && next.phase !== 'running') this.decided(next.phase, this.report());
    else if (next.step > before.step) this.decided('advanced', this.report());
  }
}

/** What a trial depends on: another one begins when this text changes. */
export function trialKey(rule: CanaryRule, canary: Standing, stable: Standing): string {
  const idOf = ({ identity, digest }: Standing): readonly unknown[] => [identity.version, digest];
  return JSON.stringify([rule, idOf(canary), idOf(stable)]);
}

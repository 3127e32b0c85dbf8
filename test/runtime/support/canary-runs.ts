import { afterOutcome, beginCanary, shareOf } from '../../../runtime/inference/traffic/canary';
import type { CanaryState } from '../../../runtime/inference/traffic/canary';
import { trafficOf } from '../../../runtime/inference/traffic/rule-config';
import type { CanaryRule } from '../../../runtime/inference/traffic/rule';
import { seeded } from './random';

/** Of the first run; each further one has the next. */
export const SEED = 4_000;

/** A number of the standard normal distribution. */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** A rule as a file of models states it. */
export function ruleOf(changes: object = {}): CanaryRule {
  const { canary } = trafficOf({ canary: { version: '2', secondsPerStep: 0, ...changes } }, 'traffic');
  if (canary === undefined) throw new Error('no canary');
  return canary;
}

/** What goes on while a canary runs. */
export interface World {
  /** Share of requests that fail, of both versions. */
  readonly failing?: number;
  /** On top, of the canary. */
  readonly injected?: number;
  /** How much slower the canary is. */
  readonly slower?: number;
  /** Standard deviation of the logarithm of times. */
  readonly spread?: number;
  /** Step from which the canary is at fault. */
  readonly from?: number;
  /** How much slower both become in the middle of a run. */
  readonly storm?: number;
}

/** How one canary ended. */
export interface Run {
  readonly state: CanaryState;
  /** Requests to the canary while it was at fault. */
  readonly suffered: number;
}

/** Sends requests until the canary is decided. */
export function simulate(seed: number, rule: CanaryRule, world: World): Run {
  const { failing = 0, injected = 0, slower = 0, spread = 0.3, from = 0, storm = 1 } = world;
  const random = seeded(seed);
  let state = beginCanary(0);
  let suffered = 0;
  for (let now = 0; state.phase === 'running'; now += 1) {
    const ofCanary = random() * 1000 < shareOf(state, rule);
    const isAtFault = ofCanary && state.step >= from;
    if (isAtFault) suffered += 1;
    const failed = random() < failing + (isAtFault ? injected : 0);
    const weather = now % 1000 < 300 ? storm : 1;
    const seconds = 0.02 * weather * Math.exp(spread * normal(random)) * (isAtFault ? 1 + slower : 1);
    state = afterOutcome(state, rule, { ofCanary, failed, seconds, now, random: random() });
  }
  return { state, suffered };
}

/** Runs that differ in their chances. */
export const many = (count: number, rule: CanaryRule, world: World): readonly Run[] =>
  Array.from({ length: count }, (_, index) => simulate(SEED + index, rule, world));

/** Share of the runs for which something holds. */
export const share = (runs: readonly Run[], holds: (run: Run) => boolean): number =>
  runs.filter(holds).length / runs.length;

/** Rolled back before it had more than 500 requests while it was at fault. */
export const backWithin500 = ({ state, suffered }: Run): boolean => state.phase === 'rolled-back' && suffered <= 500;

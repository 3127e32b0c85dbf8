import { describe, expect, it } from 'vitest';
import {
  afterDecision,
  afterOutcome,
  alarms,
  beginCanary,
  shareOf,
} from '../../../../runtime/inference/traffic/canary';
import { backWithin500, many, ruleOf, SEED, share, simulate } from '../../support/canary-runs';

describe('a canary that is at fault (R-40)', () => {
  it('with 2 % errors is rolled back within 500 of its requests', () => {
    const runs = many(200, ruleOf(), { injected: 0.02 });
    expect(share(runs, backWithin500)).toBeGreaterThanOrEqual(0.99);
    expect(runs.every(({ state }) => state.reason === 'errors')).toBe(true);
  });

  it('with 2 % errors on top of one in a thousand is rolled back, nearly always within 500', () => {
    const runs = many(60, ruleOf(), { failing: 0.001, injected: 0.02 });
    expect(share(runs, backWithin500)).toBeGreaterThanOrEqual(0.85);
    expect(share(runs, ({ state }) => state.phase === 'rolled-back')).toBeGreaterThanOrEqual(0.97);
  });

  it.each([0.1, 0.3, 0.5])('and slower by three tenths is rolled back within 500, at a spread of %s', (spread) => {
    const runs = many(60, ruleOf(), { slower: 0.3, spread });
    expect(share(runs, backWithin500)).toBeGreaterThanOrEqual(0.95);
    expect(runs.every(({ state }) => state.reason === 'latency')).toBe(true);
  });

  it('from its second step only is rolled back all the same', () => {
    expect(share(many(40, ruleOf(), { injected: 0.02, from: 1 }), backWithin500)).toBeGreaterThanOrEqual(0.95);
    expect(share(many(40, ruleOf(), { slower: 0.3, from: 1 }), backWithin500)).toBeGreaterThanOrEqual(0.95);
  });

  it('by ten failures of its first ten requests is rolled back at once', () => {
    const { state, suffered } = simulate(SEED, ruleOf(), { injected: 1 });
    expect(state.phase).toBe('rolled-back');
    expect(suffered).toBeLessThanOrEqual(10);
  });
});

describe('a healthy canary (R-40)', () => {
  const short = ruleOf({ steps: [100, 300], requestsPerStep: 200 });

  it('is rolled back in at most 1 % of 1 000 runs', () => {
    expect(share(many(1_000, short, {}), ({ state }) => state.phase === 'rolled-back')).toBeLessThanOrEqual(0.01);
  });

  it.each([0.001, 0.01, 0.1])('is rolled back in at most 1 % of runs where %s of all requests fail', (failing) => {
    const runs = many(200, short, { failing });
    expect(share(runs, ({ state }) => state.phase === 'rolled-back')).toBeLessThanOrEqual(0.01);
  });

  it('is not blamed for what slows both versions, nor for being a little slower', () => {
    expect(share(many(100, short, { storm: 5 }), ({ state }) => state.phase === 'rolled-back')).toBeLessThanOrEqual(
      0.01,
    );
    const slower = many(100, short, { slower: 0.08 });
    expect(share(slower, ({ state }) => state.phase === 'rolled-back')).toBeLessThanOrEqual(0.01);
  });

  it('goes through every step, one after another, and gets everything', () => {
    const rule = ruleOf({ steps: [10, 400], requestsPerStep: 3, secondsPerStep: 1 });
    let state = beginCanary(0);
    const seen: number[] = [];
    for (let now = 0; state.phase === 'running'; now += 100) {
      const before = shareOf(state, rule);
      if (seen.at(-1) !== before) seen.push(before);
      state = afterOutcome(state, rule, { ofCanary: true, failed: false, seconds: 0.1, now, random: 0.5 });
    }
    expect([...seen, shareOf(state, rule)]).toEqual([10, 400, 1000]);
    expect(state).toMatchObject({ phase: 'promoted', reason: 'steps', canary: { requests: 21, failures: 0 } });
  });

  it('stays where it is after its last step where someone is to decide, and is watched on', () => {
    const rule = ruleOf({ steps: [100], requestsPerStep: 20, promote: false });
    let { state } = simulate(SEED, rule, {});
    expect([state.phase, shareOf(state, rule)]).toEqual(['held', 100]);
    const outcome = { seconds: undefined, now: 0, random: 0.5 };
    for (let index = 0; index < 20; index += 1) {
      state = afterOutcome(state, rule, { ...outcome, ofCanary: true, failed: true });
    }
    expect([state.phase, state.reason]).toEqual(['rolled-back', 'errors']);
  });
});

describe('the state of a canary', () => {
  const rule = ruleOf();

  it('is not changed by outcomes after the decision', () => {
    const back = afterDecision(beginCanary(0), 'rollback', 7);
    expect(shareOf(back, rule)).toBe(0);
    const outcome = { ofCanary: true, failed: true, seconds: 1, now: 9, random: 0 };
    expect(afterOutcome(back, rule, outcome)).toBe(back);
    expect(back).toMatchObject({ reason: 'operator', since: 7 });
  });

  it('is restarted when someone says so', () => {
    const promoted = afterDecision(beginCanary(0), 'promote', 7);
    expect(shareOf(promoted, rule)).toBe(1000);
    expect(afterDecision(promoted, 'restart', 9)).toEqual(beginCanary(9));
  });

  it('says nothing against a canary of which nothing is known', () => {
    expect(alarms(beginCanary(0), rule)).toEqual({ errors: 0, latency: 0 });
  });
});

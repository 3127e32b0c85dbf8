import fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PATHS } from '../../../runtime/contract';
import { HealthState, MAX_LOOP_LAG } from '../../../runtime/shared/health';
import { healthRoutes } from '../../../runtime/shared/health-routes';
import { LoopLag } from '../../../runtime/shared/loop-lag';

let now: number;
let lag: LoopLag;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  now = 1_000;
  lag = new LoopLag(() => now);
});

afterEach(() => {
  lag.close();
  vi.useRealTimers();
});

/** Lets so many milliseconds pass before the loop has its turn. */
function turn(ms: number): void {
  now += ms;
  vi.advanceTimersToNextTimer();
}

describe('the lag of the event loop', () => {
  it('is nothing while turns come in time, and what two in a row came late by', () => {
    turn(500);
    expect(lag.seconds).toBe(0);
    turn(3_500);
    expect(lag.seconds).toBe(0);
    turn(2_500);
    expect(lag.seconds).toBe(2);
    turn(500);
    turn(500);
    expect(lag.seconds).toBe(0);
  });

  it('is none after one long stop, as of a machine that was asleep', () => {
    turn(100_000);
    expect(lag.seconds).toBe(0);
    turn(500);
    expect(lag.seconds).toBe(0);
  });

  it('counts the turn that has not come yet', () => {
    turn(20_500);
    now += 7_500;
    expect(lag.seconds).toBe(7);
  });

  it('alone decides whether the process is alive, and only where it is far beyond what load makes', async () => {
    const health = new HealthState(
      () => false,
      () => lag.seconds,
    );
    const app = fastify();
    await app.register(healthRoutes(health));
    const live = async (): Promise<number> => (await app.inject({ url: PATHS.live })).statusCode;
    expect([await live(), health.ready, health.started]).toEqual([200, false, false]);
    turn(60_000);
    expect(await live()).toBe(200);
    turn(500 + 1_000 * MAX_LOOP_LAG - 1);
    expect(await live()).toBe(200);
    turn(60_000);
    turn(500 + 1_000 * MAX_LOOP_LAG);
    expect(await live()).toBe(503);
    turn(500);
    turn(500);
    health.markDraining();
    expect(await live()).toBe(200);
    await app.close();
  });
});

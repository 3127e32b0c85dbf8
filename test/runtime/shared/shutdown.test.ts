import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { HealthState } from '../../../runtime/shared/health';
import { Shutdown } from '../../../runtime/shared/shutdown';

function setUp(close: () => Promise<undefined>, times: { drainDelay: number; grace: number }) {
  const health = new HealthState(() => true);
  health.markStarted();
  const steps: string[] = [];
  const app = {
    close: vi.fn(async () => {
      steps.push(`close while ready=${health.ready}`);
      await close();
    }),
  };
  const release = vi.fn(async () => void steps.push('release'));
  const log = { info: vi.fn(), error: vi.fn() };
  const parts = { health, app: app as unknown as ConstructorParameters<typeof Shutdown>[0]['app'], release, log };
  const cut = vi.fn(() => {
    steps.push('cut');
    return CUT;
  });
  return { health, steps, app, log, cut, shutdown: new Shutdown({ ...parts, cut }, times) };
}

const CUT = Array.from({ length: 70 }, (_, index) => ({ id: `r${index}`, route: 'POST /x', model: 'demo' }));

const never = (): Promise<undefined> => new Promise(() => undefined);
const done = async (): Promise<undefined> => undefined;

describe('the shutdown sequence', () => {
  it('is not ready at once, goes on accepting, then closes, then releases, and ends with 0', async () => {
    const { health, steps, app, shutdown } = setUp(done, { drainDelay: 0.05, grace: 1 });
    const code = shutdown.signal('SIGTERM');
    expect(health.ready).toBe(false);
    expect(app.close).not.toHaveBeenCalled();
    expect(await code).toBe(0);
    expect(steps).toEqual(['close while ready=false', 'release']);
  });

  it('ends with 1 when requests outlive the grace period: answers them, logs some and how many, waits a moment', async () => {
    const { log, steps, shutdown } = setUp(never, { drainDelay: 0, grace: 0.02 });
    const began = performance.now();
    expect(await shutdown.signal('SIGTERM')).toBe(1);
    expect(performance.now() - began).toBeGreaterThan(900);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(log.error).toHaveBeenCalledWith({ cut: 70, requests: CUT.slice(0, 50) }, 'requests in flight were cut');
    expect(steps.slice(1)).toEqual(['cut', 'release']);
  });

  it('waits no longer than until the answers to what was cut are out', async () => {
    let over: () => void = () => undefined;
    const { cut, shutdown } = setUp(() => new Promise((resolve) => (over = () => resolve(undefined))), {
      drainDelay: 0,
      grace: 0.02,
    });
    cut.mockImplementation(() => (over(), CUT));
    const began = performance.now();
    expect(await shutdown.signal('SIGTERM')).toBe(1);
    expect(performance.now() - began).toBeLessThan(800);
  });

  it('answers what is open at a second signal, without waiting for it, and ends with 1', async () => {
    const { steps, shutdown } = setUp(never, { drainDelay: 600, grace: 600 });
    const code = shutdown.signal('SIGTERM');
    void shutdown.signal('SIGTERM');
    expect(await code).toBe(1);
    expect(steps.slice(1)).toEqual(['cut', 'release']);
  });

  it('ends with 0 at a second signal where nothing was open, and claims nothing else', async () => {
    const { cut, log, shutdown } = setUp(() => delay(20, undefined), { drainDelay: 600, grace: 600 });
    cut.mockReturnValue([]);
    const code = shutdown.signal('SIGTERM');
    void shutdown.signal('SIGTERM');
    expect(await code).toBe(0);
    expect(log.error).not.toHaveBeenCalled();
  });

  it('ends with 1 where nothing is open and the listeners do not close all the same', async () => {
    const { cut, log, shutdown } = setUp(never, { drainDelay: 0, grace: 0.02 });
    cut.mockReturnValue([]);
    expect(await shutdown.signal('SIGTERM')).toBe(1);
    expect(log.error).toHaveBeenCalledOnce();
  });
});

describe('health', () => {
  it('has started only after the first load, and is ready only while it can serve and does not drain', () => {
    let serving = true;
    const health = new HealthState(() => serving);
    expect([health.started, health.ready]).toEqual([false, false]);
    health.markStarted();
    expect([health.started, health.ready]).toEqual([true, true]);
    serving = false;
    expect([health.started, health.ready]).toEqual([true, false]);
    serving = true;
    health.markDraining();
    health.markStarted();
    expect([health.started, health.ready]).toEqual([true, false]);
  });
});

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
  return { health, steps, app, log, shutdown: new Shutdown({ ...parts, inFlight: () => 7 }, times) };
}

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

  it('ends with 1 when requests outlive the grace period, and logs how many were cut', async () => {
    const { log, steps, shutdown } = setUp(never, { drainDelay: 0, grace: 0.02 });
    expect(await shutdown.signal('SIGTERM')).toBe(1);
    expect(log.error).toHaveBeenCalledWith({ cut: 7 }, expect.any(String));
    expect(steps).toContain('release');
  });

  it('ends with 1 at a second signal, without waiting', async () => {
    const { shutdown } = setUp(never, { drainDelay: 600, grace: 600 });
    const code = shutdown.signal('SIGTERM');
    void shutdown.signal('SIGTERM');
    expect(await code).toBe(1);
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

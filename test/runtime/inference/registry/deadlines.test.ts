import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostBackend } from '../../../../runtime/inference/backends/host-backend';
import { buildRegistry } from '../../../../runtime/inference/registry';
import type { ModelRegistry } from '../../../../runtime/inference/registry';
import { buildServerMetrics } from '../../../../runtime/inference/server-metrics';
import { FakeBackend } from '../../support/fake-backend';
import { FakeSource } from '../../support/fake-source';
import { isAlive } from '../../support/process';
import { demoRequest, lazy, RegistryBench } from '../../support/registry-bench';

describe('a request to a model that is being loaded', () => {
  let bench: RegistryBench;
  let open: () => void;

  beforeEach(async () => {
    bench = new RegistryBench();
    const gate = new Promise<void>((resolve) => (open = resolve));
    bench.prepare = (backend) => {
      const load = backend.load.bind(backend);
      backend.load = (file) => gate.then(() => load(file));
    };
    await bench.build([lazy('a')], 0, { batching: { maxRows: 1, maxDelay: 0, preferred: [], maxQueue: 3 } }).start();
    await expect.poll(() => bench.registry.index(true)).toHaveLength(1);
  });

  afterEach(() => bench.registry.close());

  it('is refused at its deadline, while the load goes on for others', async () => {
    const patient = bench.infer('a');
    const began = performance.now();
    await expect(bench.infer('a', undefined, { deadline: performance.now() + 60 })).rejects.toMatchObject({
      code: 'LNMT8220',
      status: 504,
    });
    expect(performance.now() - began).toBeGreaterThan(50);
    open();
    expect([await patient, bench.backends.length]).toEqual(['a/10', 1]);
    expect(await bench.infer('a', undefined, { deadline: performance.now() + 10_000 })).toBe('a/10');
  });

  it('begins a load that goes on, though nobody waits for it any more', async () => {
    await expect(bench.infer('a', undefined, { deadline: performance.now() + 1 })).rejects.toMatchObject({
      code: 'LNMT8220',
    });
    open();
    await expect.poll(() => bench.up).toBe(1);
    expect([await bench.infer('a'), bench.backends.length]).toEqual(['a/10', 1]);
  });

  it('has in the queue only what the load left of its time', async () => {
    let go: () => void = () => undefined;
    const first = bench.infer('a');
    const began = performance.now();
    const late = bench.infer('a', undefined, { deadline: performance.now() + 600 }).then(String, (error: unknown) => ({
      error,
      after: performance.now() - began,
    }));
    await expect.poll(() => bench.backends).toHaveLength(1);
    const [backend] = bench.backends;
    if (backend) backend.gate = new Promise((resolve) => (go = resolve));
    await delay(400);
    open();
    // Counted anew from the end of the load it would be 1000.
    const outcome = (await late) as { readonly error: unknown; readonly after: number };
    expect(outcome.error).toMatchObject({ code: 'LNMT8220' });
    expect(outcome.after).toBeGreaterThan(550);
    expect(outcome.after).toBeLessThan(950);
    go();
    expect(await first).toBe('a/10');
    expect(backend?.runs).toBe(1);
  });

  it('may have a deadline farther away than a timer can be set', async () => {
    const answer = bench.infer('a', undefined, { deadline: performance.now() + 2 ** 40 });
    await delay(20);
    open();
    expect(await answer).toBe('a/10');
  });

  it('is refused when as many wait as may be in the queue, until one of them gives up', async () => {
    const waiting = [
      bench.infer('a'),
      bench.infer('a'),
      bench.infer('a', undefined, { deadline: performance.now() + 100 }),
    ];
    const outcomes = Promise.allSettled(waiting);
    await expect(bench.infer('a')).rejects.toMatchObject({ code: 'LNMT8221', status: 503, retryAfter: 1 });
    await expect(waiting[2]).rejects.toMatchObject({ code: 'LNMT8220' });
    const another = bench.infer('a');
    open();
    expect([await another, bench.backends.length]).toEqual(['a/10', 1]);
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  });

  it('of a client that has left already begins no load', async () => {
    const left = bench.registry.infer('a', undefined, demoRequest(), AbortSignal.abort());
    await expect(left).rejects.toMatchObject({ code: 'LNMT8207' });
    expect(bench.backends).toHaveLength(0);
  });
});

describe('a load that does not end', () => {
  const log = pino({ level: 'silent' });
  const hosts: HostBackend[] = [];
  let registry: ModelRegistry | undefined;

  afterEach(() => registry?.close());

  it('is ended with its host, says so, and keeps no other model from being loaded', async () => {
    const names = ['s1', 's2', 's3', 's4', 'ok'];
    const source = new FakeSource(Object.fromEntries(names.map((name) => [name, ['1']])));
    source.file = '/nowhere/model.onnx';
    // A process that takes everything, answers nothing and does not end on its own.
    const host = { command: process.execPath, args: ['-e', 'setInterval(() => undefined, 1e6)'], env: {} };
    const createBackend = (): HostBackend | FakeBackend => {
      if (hosts.length === 4) return new FakeBackend();
      const backend = new HostBackend({
        ...{ host, onnx: { executionProvider: 'cpu', threads: 1 }, runTimeout: 30, loadTimeout: 1.5, log },
      });
      hosts.push(backend);
      return backend;
    };
    registry = buildRegistry(
      { models: names.map(lazy) },
      { sourceOf: () => source, createBackend, log },
      buildServerMetrics(new Registry()),
    );
    await registry.start();
    await expect.poll(() => registry?.index(true)).toHaveLength(5);
    const { signal } = new AbortController();
    const infer = async (name: string) => registry?.infer(name, undefined, demoRequest(), signal);
    // What is told at once: a second later the load is tried again.
    const told: unknown[] = [];
    const refusal = async (name: string): Promise<unknown> => {
      const error: unknown = await infer(name).catch((thrown: unknown) => thrown);
      told.push(registry?.index(false).find((each) => each.name === name));
      return error;
    };
    const stuck = Promise.all(names.slice(0, 4).map(refusal));
    await expect.poll(() => hosts.map(({ pid }) => pid !== undefined)).toEqual([true, true, true, true]);
    const pids = hosts.map(({ pid }) => pid ?? 0);
    const next = infer('ok');
    const refused = { code: 'LNMT8211', status: 503 };
    expect(await stuck).toMatchObject([refused, refused, refused, refused]);
    expect((await next)?.model).toEqual({ name: 'ok', version: '1' });
    expect(pids.filter(isAlive)).toEqual([]);
    const state = { state: 'UNAVAILABLE', reason: 'LNMT8319: the model took longer to load than allowed' };
    expect(told).toMatchObject([state, state, state, state]);
  }, 20_000);
});

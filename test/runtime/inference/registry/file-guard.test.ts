import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { METRICS } from '../../../../runtime/contract';
import { ModelError } from '../../../../runtime/inference/errors';
import { buildRegistry } from '../../../../runtime/inference/registry';
import type { ModelRegistry } from '../../../../runtime/inference/registry';
import { buildServerMetrics } from '../../../../runtime/inference/server-metrics';
import { FakeBackend } from '../../support/fake-backend';
import { FakeSource } from '../../support/fake-source';

const LABELS = `{model="a",version="1"}`;

/** A registry with one pinned model, whose repository and backends are in memory. */
class Bench {
  readonly source = new FakeSource({ a: ['1'] });
  readonly backends: FakeBackend[] = [];
  readonly lines: Record<string, unknown>[] = [];
  private readonly exposed = new Registry();
  registry: ModelRegistry;

  /** @param modelScrubInterval seconds between two checks of loaded models */
  constructor(modelScrubInterval = 0) {
    const log = pino({}, { write: (line) => void this.lines.push(JSON.parse(line) as Record<string, unknown>) });
    const createBackend = (): FakeBackend => {
      const backend = new FakeBackend();
      this.backends.push(backend);
      return backend;
    };
    const config = { models: [{ name: 'a', load: 'pinned' as const }], modelScrubInterval };
    const deps = { sourceOf: () => this.source, createBackend, log };
    this.registry = buildRegistry(config, deps, buildServerMetrics(this.exposed));
  }

  async found(): Promise<string | undefined> {
    const text = await this.exposed.metrics();
    return text.split('\n').find((line) => line.startsWith(METRICS.modelFilesDamaged.name + LABELS));
  }

  said(text: string): number {
    return this.lines.filter(({ msg }) => msg === text).length;
  }
}

const DAMAGED = 'model files on the disk are damaged, fetching them anew';
const WHOLE = 'model files on the disk are whole again';

let bench: Bench;

afterEach(() => bench.registry.close());

describe('models in memory', () => {
  it('have their files checked now and then; one that was damaged is loaded anew from whole ones, beside itself', async () => {
    bench = new Bench(0.05);
    await bench.registry.start();
    await delay(150);
    expect([bench.backends.length, await bench.found()]).toEqual([1, undefined]);
    bench.source.intact = false;
    await expect.poll(() => bench.said('model loaded anew')).toBe(1);
    expect(bench.source.repaired).toEqual(['a/1']);
    await expect.poll(() => bench.backends.map(({ up }) => up)).toEqual([false, true]);
    expect(await bench.found()).toMatch(/ 1$/);
    expect(bench.registry.isReady('a', undefined)).toBe(true);
    await delay(150);
    expect(bench.backends).toHaveLength(2);
  });

  it('serve on while damage cannot be mended, which is told each time', async () => {
    bench = new Bench(0.02);
    await bench.registry.start();
    bench.source.intact = false;
    bench.source.beyondRepair = new ModelError('LNMT8304', 'no answer', true);
    const told = 'damage to the files of a model is not mended';
    await expect.poll(() => bench.said(told)).toBeGreaterThan(1);
    expect(bench.lines.find(({ msg }) => msg === told)).toMatchObject({ name: 'a', err: { code: 'LNMT8314' } });
    expect([bench.registry.isReady('a', undefined), bench.backends.length]).toEqual([true, 1]);
  });

  it('are not checked where that is off, nor after the end', async () => {
    bench = new Bench(0);
    await bench.registry.start();
    const other = new Bench(0.02);
    await other.registry.start();
    await other.registry.close();
    for (const each of [bench, other]) each.source.intact = false;
    await delay(100);
    expect([bench.source.repaired, other.source.repaired]).toEqual([[], []]);
  });
});

describe('a model that is loaded again', () => {
  it('is loaded from files that are what they were, without a word', async () => {
    bench = new Bench();
    await bench.registry.start();
    await bench.backends[0]?.check?.();
    expect([bench.source.repaired, bench.said(DAMAGED), await bench.found()]).toEqual([[], 0, undefined]);
  });

  it('has damaged files fetched anew first, which is told and counted', async () => {
    bench = new Bench();
    await bench.registry.start();
    bench.source.intact = false;
    await bench.backends[0]?.check?.();
    expect(bench.source.repaired).toEqual(['a/1']);
    expect([bench.said(DAMAGED), bench.said(WHOLE)]).toEqual([1, 1]);
    expect(await bench.found()).toMatch(/ 1$/);
  });

  it('is not loaded while its files stay damaged, with a coded error that says whether that may pass', async () => {
    bench = new Bench();
    await bench.registry.start();
    bench.source.intact = false;
    bench.source.beyondRepair = new ModelError('LNMT8304', 'no answer', true);
    await expect(bench.backends[0]?.check?.()).rejects.toMatchObject({
      code: 'LNMT8314',
      message: expect.stringContaining('LNMT8304: the model store cannot be reached: no answer') as unknown,
      retryable: true,
    });
    bench.source.beyondRepair = new ModelError('LNMT8303', 'it is damaged there, too');
    await expect(bench.backends[0]?.check?.()).rejects.toMatchObject({ code: 'LNMT8314', retryable: false });
    expect(bench.said(WHOLE)).toBe(0);
  });

  it('is told apart from one whose files cannot be read for want of descriptors', async () => {
    bench = new Bench();
    await bench.registry.start();
    const shortage = Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    bench.source.recheck = () => Promise.reject(new ModelError('LNMT8304', 'cannot be read', true, shortage));
    await expect(bench.backends[0]?.check?.()).rejects.toMatchObject({ code: 'LNMT8313', retryable: true });
    expect([bench.source.repaired, await bench.found()]).toEqual([[], undefined]);
  });

  it('is asked for the files that are in use now, and not loaded from those that are not any more', async () => {
    bench = new Bench();
    await bench.registry.start();
    const [first] = bench.backends;
    await bench.registry.load('a');
    await first?.check?.();
    bench.source.revision += 1;
    await bench.registry.load('a');
    await expect(first?.check?.()).rejects.toMatchObject({ code: 'LNMT8314', retryable: false });
    await bench.backends[1]?.check?.();
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { modelRefused } from '../../../../runtime/inference/errors';
import { Canceller } from '../../../../runtime/shared/cancellation';
import { policyDenied } from '../../../../runtime/shared/errors';
import { encodeEntry } from '../../../../runtime/inference/response-cache/entry';
import { cacheLayer } from '../../../../runtime/inference/response-cache/layer';
import type { CacheLayerParts, CacheOutcome } from '../../../../runtime/inference/response-cache/layer';
import { MemoryLevel } from '../../../../runtime/inference/response-cache/memory';
import { openRedis } from '../../../../runtime/inference/response-cache/redis-store';
import { SecondLevel } from '../../../../runtime/inference/response-cache/second-level';
import type { Infer, InferenceCall } from '../../../../runtime/inference/serving/layer';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';
import { seeded } from '../../support/random';
import { RespServer } from '../../support/resp-server';
import type { RespMode } from '../../support/resp-server';

const never = new Canceller();
const now = (): number => performance.now();

const tensor = (name: string, ...bytes: number[]): Tensor => ({
  ...{ name, datatype: 'UINT8', shape: [bytes.length], data: Uint8Array.from(bytes) },
});

interface Asked {
  readonly value: number;
  readonly tenant?: string;
  readonly outputs?: readonly string[];
}

/** A model whose answer says everything that it depends on, behind a cache. */
class Bench {
  version = '1';
  digest = 'first';
  runs = 0;
  readonly outcomes: CacheOutcome[] = [];
  /** What a run waits for. */
  gate: () => Promise<void> = async () => undefined;
  readonly infer: Infer;

  constructor(changes: Partial<CacheLayerParts> = {}, bytes = 1_000_000) {
    const standing = (): ReturnType<CacheLayerParts['models']['standing']> => ({
      ...{ identity: { name: 'm', version: this.version }, ready: true, digest: this.digest },
    });
    const layer = cacheLayer({
      models: { standing, rulesOf: () => ({ cache: { enabled: true } }) },
      memory: new MemoryLevel(bytes, () => undefined, now),
      ...{ ttl: 60, always: new Set<string>(), shared: false, now },
      observe: (_model, outcome) => this.outcomes.push(outcome),
      ...changes,
    });
    this.infer = layer((call) => this.run(call));
  }

  /** What a model answers: it is never asked here, so that it tells what is right. */
  expected({ value, outputs = ['y', 'z'] }: Asked): readonly Tensor[] {
    const state = [Number(this.version), this.digest.length];
    return outputs.map((name) => tensor(name, value, name.charCodeAt(0), ...state));
  }

  ask(asked: Asked, changes: Partial<InferenceCall> = {}): Promise<readonly Tensor[]> {
    const { value, tenant, outputs } = asked;
    const caller =
      tenant === undefined ? undefined : { id: tenant, scopes: new Set<never>(), method: 'api-key' as const };
    return this.infer({
      ...{ name: 'm', version: undefined, signal: never, caller, attribute: () => undefined },
      request: { id: undefined, inputs: [tensor('x', value)], outputs },
      ...changes,
    }).then((answer) => answer.outputs);
  }

  private async run({ request }: InferenceCall): Promise<Awaited<ReturnType<Infer>>> {
    this.runs += 1;
    await this.gate();
    const { version, digest } = this;
    const value = request.inputs[0]?.data[0] ?? 0;
    const outputs = this.expected({ value, ...(request.outputs ? { outputs: request.outputs } : {}) });
    return { model: { name: 'm', version }, outputs, digest };
  }
}

describe('the response cache', () => {
  it('asks the model once for what is asked again, and keeps callers apart', async () => {
    const bench = new Bench();
    for (const tenant of ['a', 'b', 'a', 'b']) await bench.ask({ value: 1, tenant });
    expect([bench.runs, bench.outcomes]).toEqual([2, ['miss', 'miss', 'hit', 'hit']]);
    const shared = new Bench({ shared: true });
    for (const tenant of ['a', 'b']) await shared.ask({ value: 1, tenant });
    expect(shared.runs).toBe(1);
  });

  it('judges each caller for itself, though the answer is kept or on its way', async () => {
    const bench = new Bench({ shared: true });
    const judge = (model: { readonly version: string }): void => {
      expect(model).toEqual({ name: 'm', version: '1' });
      throw policyDenied();
    };
    bench.gate = () => delay(20);
    const denied = expect.objectContaining({ code: 'LNMT8016' }) as unknown;
    const asked = [{ judge }, {}, { judge }].map((more) => bench.ask({ value: 1 }, more));
    expect(await Promise.allSettled(asked)).toEqual([
      { status: 'rejected', reason: denied },
      { status: 'fulfilled', value: bench.expected({ value: 1 }) },
      { status: 'rejected', reason: denied },
    ]);
    await expect(bench.ask({ value: 1 }, { judge })).rejects.toEqual(denied);
    expect([bench.runs, bench.outcomes]).toEqual([1, ['miss']]);
  });

  it('has one run for all who ask at once', async () => {
    const bench = new Bench();
    bench.gate = () => delay(20);
    const all = await Promise.all(Array.from({ length: 8 }, () => bench.ask({ value: 1 })));
    expect(bench.runs).toBe(1);
    expect(bench.outcomes.filter((outcome) => outcome === 'joined')).toHaveLength(7);
    for (const outputs of all) expect(outputs).toEqual(bench.expected({ value: 1 }));
  });

  it('never gives a wrong answer: 20 000 requests, of many callers, while versions, files and memory change', async () => {
    const random = seeded(20_261_130);
    const draw = (most: number): number => Math.floor(random() * most);
    // Room for a few answers only.
    const bench = new Bench({}, 40_000);
    for (let index = 0; index < 20_000; index += 1) {
      if (draw(50) === 0) bench.version = String(1 + draw(3));
      if (draw(50) === 0) bench.digest = 'x'.repeat(1 + draw(3));
      const asked: Asked = {
        value: draw(12),
        tenant: `t${draw(3)}`,
        ...(draw(2) ? { outputs: [['y'], ['z'], ['z', 'y']][draw(3)] ?? [] } : {}),
      };
      expect(await bench.ask(asked)).toEqual(bench.expected(asked));
    }
    const hits = bench.outcomes.filter((outcome) => outcome === 'hit').length;
    expect(hits).toBeGreaterThan(1_000);
    expect(bench.runs + hits).toBe(20_000);
  });

  it('keeps nothing that another version has answered than the one it was asked of', async () => {
    const bench = new Bench();
    bench.gate = async () => {
      bench.digest = 'second';
    };
    await bench.ask({ value: 1 });
    bench.gate = async () => undefined;
    bench.digest = 'first';
    expect(await bench.ask({ value: 1 })).toEqual(bench.expected({ value: 1 }));
    expect(bench.outcomes).toEqual(['miss', 'miss']);
  });

  it('never keeps an error', async () => {
    const bench = new Bench();
    bench.gate = () => Promise.reject(modelRefused(new Error('values')));
    await expect(bench.ask({ value: 1 })).rejects.toMatchObject({ code: 'LNMT8204' });
    bench.gate = async () => undefined;
    expect(await bench.ask({ value: 1 })).toEqual(bench.expected({ value: 1 }));
    expect(bench.runs).toBe(2);
  });

  it('is passed by where the request, or the model, says so', async () => {
    const bench = new Bench();
    const header = (text: string): Partial<InferenceCall> => ({ attribute: () => text });
    await bench.ask({ value: 1 });
    await bench.ask({ value: 1 }, header('no-store'));
    await bench.ask({ value: 1 }, header('no-cache'));
    expect([bench.runs, bench.outcomes]).toEqual([3, ['miss', 'bypassed', 'bypassed']]);
    const said = (enabled: boolean | undefined, always: readonly string[]): Bench => {
      const rulesOf = (): object => (enabled === undefined ? {} : { cache: { enabled } });
      const { standing } = {
        standing: () => ({ identity: { name: 'm', version: '1' }, ready: true, digest: 'first' }),
      };
      return new Bench({ models: { standing, rulesOf }, always: new Set(always) });
    };
    for (const [enabled, always, runs] of [
      [undefined, [], 2],
      [undefined, ['m'], 1],
      [false, ['m'], 2],
      [true, [], 1],
    ] as const) {
      const other = said(enabled, always);
      await other.ask({ value: 1 });
      await other.ask({ value: 1 });
      expect(other.runs, `${enabled} ${always.join()}`).toBe(runs);
    }
  });
});

describe('the second level (R-21)', () => {
  const outcomes: string[] = [];
  let server: RespServer;
  let second: SecondLevel;
  const failed = vi.fn();

  beforeEach(async () => {
    outcomes.length = 0;
    server = new RespServer();
    await server.listen();
    const store = await openRedis({ url: server.url }, failed);
    second = new SecondLevel({ store, waitMs: 100, observe: (outcome) => outcomes.push(outcome), now });
    // The connection is being made, and nothing waits for it.
    await vi.waitFor(async () => {
      await second.get('0'.repeat(64));
      expect([second.state, outcomes.at(-1)]).toEqual(['closed', 'miss']);
    }, 10_000);
    outcomes.length = 0;
  });

  afterEach(async () => {
    second.close();
    await server.stop();
  });

  /** A server of its own over the same second level. */
  const replica = (): Bench => new Bench({ second });

  it('gives a server what another has answered', async () => {
    const [one, other] = [replica(), replica()];
    await one.ask({ value: 1, tenant: 'a' });
    await vi.waitFor(() => expect(server.sets).toBe(1), 20_000);
    expect(await other.ask({ value: 1, tenant: 'a' })).toEqual(one.expected({ value: 1 }));
    expect(await other.ask({ value: 1, tenant: 'a' })).toEqual(one.expected({ value: 1 }));
    expect([one.runs, other.runs, other.outcomes]).toEqual([1, 0, ['second-level', 'hit']]);
    await other.ask({ value: 1, tenant: 'b' });
    expect(other.runs).toBe(1);
  });

  it.each<RespMode>(['half-open', 'slow', 'garbage', 'error', 'other-value', 'integer', 'hang-up'])(
    'that is %s harms no request: the breaker opens, and closes again',
    async (mode) => {
      const bench = replica();
      await bench.ask({ value: 200 });
      await vi.waitFor(() => expect(server.sets).toBe(1), 20_000);
      server.mode = mode;
      const began = now();
      // As from clients that ask at the same time.
      let opened: number | undefined;
      for (let round = 0; round < 100 && opened === undefined; round += 1) {
        const asked = [1, 2, 3, 4].map((offset) => ({ value: (4 * round + offset) % 200 }));
        const answers = await Promise.all(asked.map((each) => bench.ask(each)));
        expect(answers).toEqual(asked.map((each) => bench.expected(each)));
        if (second.state === 'open') opened = now() - began;
        await delay(5);
      }
      expect(opened).toBeLessThan(5_000);
      const before = outcomes.length;
      await bench.ask({ value: 201 });
      expect(outcomes.slice(before)).toEqual(['refused', 'refused']);
      server.mode = 'well';
      await vi.waitFor(
        async () => {
          await second.get('0'.repeat(64));
          expect(second.state).toBe('closed');
        },
        { timeout: 20_000, interval: 50 },
      );
    },
    40_000,
  );

  it('that is away and comes back is used again', async () => {
    const bench = replica();
    await server.stop();
    for (let value = 0; value < 20; value += 1) expect(await bench.ask({ value })).toEqual(bench.expected({ value }));
    expect(second.state).toBe('open');
    await server.listen();
    await vi.waitFor(
      async () => {
        await second.get('0'.repeat(64));
        expect(second.state).toBe('closed');
      },
      { timeout: 20_000, interval: 50 },
    );
  }, 40_000);

  it('holds a request up no longer than it is told', async () => {
    const patient = new SecondLevel({
      ...{ store: { get: () => new Promise(() => undefined), set: async () => 'OK', renew: vi.fn(), close: vi.fn() } },
      ...{ waitMs: 5, observe: (outcome: string) => outcomes.push(outcome), now },
    });
    const bench = new Bench({ second: patient });
    const times: number[] = [];
    for (let value = 0; value < 40; value += 1) {
      const began = now();
      await bench.ask({ value });
      times.push(now() - began);
    }
    // The command is given 250 ms, the request 5: with a machine that is busy, far less than the command.
    const median = times.sort((a, b) => a - b)[20];
    expect(median).toBeLessThan(100);
    expect(outcomes).toContain('late');
  });

  it('has one run for all who ask at once, while it is slow', async () => {
    server.mode = 'slow';
    const bench = replica();
    bench.gate = () => delay(20);
    await Promise.all(Array.from({ length: 20 }, () => bench.ask({ value: 1 })));
    expect([bench.runs, server.gets]).toEqual([1, 2]);
  });

  it('never gives an answer that is not that of its key, whatever it holds', async () => {
    const random = seeded(20_261_131);
    const writer = replica();
    for (let value = 0; value < 40; value += 1) await writer.ask({ value });
    await vi.waitFor(() => expect(server.sets).toBe(40), 20_000);
    const keys = [...server.values.keys()];
    const values = [...server.values.values()];
    for (const [index, key] of keys.entries()) {
      const value = Buffer.from(values[index] ?? '');
      const place = Math.floor(random() * value.length);
      const foreign = values[(index + 1) % values.length] ?? value;
      const forged = encodeEntry('f'.repeat(64), [tensor('y', 66)]);
      value[place] = (value[place] ?? 0) ^ (1 + Math.floor(random() * 255));
      server.values.set(key, [value, foreign, forged, value.subarray(0, place)][index % 4] ?? value);
    }
    const reader = replica();
    for (let value = 0; value < 40; value += 1) {
      expect(await reader.ask({ value })).toEqual(reader.expected({ value }));
    }
    expect(outcomes).toContain('wrong');
    expect(outcomes).not.toContain('hit');
  });
});

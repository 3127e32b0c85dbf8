import { describe, expect, it, vi } from 'vitest';
import { clientGone, modelRefused, unknownModel } from '../../../../runtime/inference/errors';
import type { Answer, ServingRules } from '../../../../runtime/inference/registry';
import { compareOutputs } from '../../../../runtime/inference/traffic/difference';
import { trafficLayer } from '../../../../runtime/inference/traffic/layer';
import { trafficOf } from '../../../../runtime/inference/traffic/rule-config';
import { Traffic } from '../../../../runtime/inference/traffic/traffic';
import type { TrafficCall, TrafficModels } from '../../../../runtime/inference/traffic/traffic';
import { CanaryTrial } from '../../../../runtime/inference/traffic/trial';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';
import { overLimit, policyDenied } from '../../../../runtime/shared/errors';

const CALL: TrafficCall = {
  ...{ name: 'm', version: undefined, caller: undefined, attribute: () => undefined },
  signal: new AbortController().signal,
};

interface TestBench {
  readonly traffic: Traffic;
  readonly outcomes: string[];
  /** What was said of a stable version that nobody has named. */
  readonly assumed: unknown[];
  readonly rules: { now: ServingRules };
  readonly models: TrafficModels;
}

/** What a model has: versions, the one for everybody, and the alias that may say so. */
interface Served {
  readonly versions: readonly string[];
  readonly usual: string;
  readonly production?: string;
}

const TWO: Served = { versions: ['1', '2'], usual: '1', production: '1' };

/** Traffic of a model; without a word its versions are 1 and 2, of which 1 is for everybody. */
function bench(traffic: object | undefined, { versions, usual, production }: Served = TWO): TestBench {
  const outcomes: string[] = [];
  const assumed: unknown[] = [];
  const rules = { now: traffic === undefined ? {} : { traffic: trafficOf(traffic, 'traffic') } };
  const nothing = vi.fn();
  const models: TrafficModels = {
    rulesOf: () => rules.now,
    standing: (name, asked = usual) => {
      const version = asked === 'production' ? production : asked;
      if (version === undefined || !versions.includes(version)) return undefined;
      return { identity: { name, version }, ready: true, digest: version };
    },
    names: () => ['m'],
    identities: () => versions.map((version) => ({ name: 'm', version })),
  };
  return {
    ...{ outcomes, assumed, rules, models },
    traffic: new Traffic({
      models,
      observe: {
        ...{ chosen: nothing, decided: nothing, reset: nothing, share: nothing, canary: nothing },
        assumed: (...said) => void assumed.push(said),
        outcome: (_model, _trial, ofCanary, failed) =>
          outcomes.push(`${ofCanary ? 'canary' : 'stable'} ${failed ? 'failed' : 'answered'}`),
      },
      ...{ now: () => 0, clock: () => 0, random: () => 0 },
    }),
  };
}

describe('traffic', () => {
  it('leaves requests alone that name a version, and models without a rule', async () => {
    const send = vi.fn(async (version: string | undefined) => version);
    const { traffic } = bench({ weights: { 2: 1000 } });
    expect(await traffic.route({ ...CALL, version: '1' }, send)).toBe('1');
    expect(await traffic.route(CALL, send)).toBe('2');
    expect(await bench(undefined).traffic.route(CALL, send)).toBeUndefined();
  });

  it('has the one for everybody answer where the chosen version was replaced meanwhile', async () => {
    const { traffic } = bench({ weights: { 2: 1000 } });
    const send = vi.fn(async (version: string | undefined) => {
      if (version !== undefined) throw unknownModel();
      return 'answer';
    });
    expect(await traffic.route(CALL, send)).toBe('answer');
    expect(send.mock.calls).toEqual([['2'], [undefined]]);
  });

  it('blames a canary for what it refuses, and not for clients that leave or may not have it, nor for limits', async () => {
    const { traffic, outcomes } = bench({ canary: { version: '2' } });
    const blameless = [clientGone(), overLimit('too many', 1), policyDenied()];
    for (const error of [modelRefused(new Error('x')), ...blameless, new Error('a defect')]) {
      await expect(traffic.route(CALL, () => Promise.reject(error))).rejects.toBe(error);
    }
    await traffic.route(CALL, async () => 'answer');
    expect(outcomes).toEqual(['canary failed', 'canary failed', 'canary answered']);
  });

  it('counts of an answer what it says of the version', async () => {
    const { traffic, models } = bench({ canary: { version: '2' } });
    const recorded = vi.spyOn(CanaryTrial.prototype, 'record');
    const observe = { ended: vi.fn(), took: vi.fn(), deviated: vi.fn(), failed: vi.fn() };
    const { layer, close } = trafficLayer({ traffic, models, observe, clock: () => 0, random: () => 0 });
    const answers: Partial<Answer>[] = [
      { servedBy: 'upstream' },
      { cached: true },
      { servedBy: 'local' },
      { servedBy: 'upstream', failedHere: true },
    ];
    const infer = layer(async ({ version = '1' }) => ({ model: { name: 'm', version }, outputs: [], ...answers[0] }));
    for (; answers.length > 0; answers.shift()) {
      await infer({ ...CALL, request: { id: undefined, inputs: [], outputs: undefined } });
    }
    await close();
    expect(recorded.mock.calls.map(([{ ofCanary, failed, seconds }]) => [ofCanary, failed, seconds])).toEqual([
      [true, false, undefined],
      [true, false, 0],
      [true, true, undefined],
    ]);
    recorded.mockRestore();
  });

  it('says of a copy that it is one', async () => {
    const { traffic, models } = bench({ shadow: { version: '2' } });
    const observe = { ended: vi.fn(), took: vi.fn(), deviated: vi.fn(), failed: vi.fn() };
    const { layer, close } = trafficLayer({ traffic, models, observe, clock: () => 0, random: () => 0 });
    const asked: unknown[] = [];
    const infer = layer(async ({ version = '1', isCopy }) => {
      asked.push([version, isCopy]);
      return { model: { name: 'm', version }, outputs: [] };
    });
    await infer({ ...CALL, request: { id: undefined, inputs: [], outputs: undefined } });
    await expect.poll(() => observe.ended.mock.calls).toEqual([['m', '2', 'same']]);
    expect(asked).toEqual([
      ['1', undefined],
      ['2', true],
    ]);
    await close();
  });

  it('holds a canary that everybody would get against the newest version beside it, once for each rule', async () => {
    const { traffic, assumed } = bench({ canary: { version: '4' } }, { versions: ['2', '3', '4'], usual: '4' });
    expect(traffic.report('m')).toMatchObject({
      ...{ rule: { canary: { stable: '3' } }, canary: { version: '4', stable: '3', share: 50 } },
    });
    traffic.decide('m', 'rollback');
    expect(await traffic.route(CALL, async (version) => version)).toBe('3');
    expect(assumed).toEqual([['m', '4', '3']]);
  });

  it.each([
    ['a stable version is named', { version: '4', stable: '2' }, { usual: '4' }, '2'],
    ['everybody gets another version', { version: '3' }, { usual: '4' }, '4'],
    ['the alias is there', { version: '4' }, { usual: '3', production: '3' }, '3'],
  ])('takes the word of whoever has said more, where %s', (_title, canary, served, stable) => {
    const { traffic, assumed } = bench({ canary }, { versions: ['2', '3', '4'], ...served });
    expect(traffic.report('m').canary).toMatchObject({ stable });
    expect(assumed).toEqual([]);
  });

  it('tells that a canary gets everything where there is no other version', async () => {
    const { traffic, assumed } = bench({ canary: { version: '4' } }, { versions: ['4'], usual: '4' });
    expect(await traffic.route(CALL, async (version) => version ?? 'usual')).toBe('4');
    expect(traffic.report('m').canary).toBeNull();
    expect(assumed).toEqual([['m', '4', undefined]]);
  });

  it('tells which version is going to answer before it is asked', async () => {
    const { traffic } = bench({ weights: { 2: 1000 } });
    const told: unknown[] = [];
    const call = { ...CALL, answering: (model: unknown) => void told.push(model) };
    await expect(traffic.route(call, () => Promise.reject(clientGone()))).rejects.toThrow();
    expect(told).toEqual([{ name: 'm', version: '2' }]);
  });

  it('restarts a canary when its rule changes, and not when something else does', () => {
    const { traffic, rules } = bench({ canary: { version: '2' } });
    traffic.decide('m', 'rollback');
    const phase = (): unknown => traffic.report('m').canary?.phase;
    rules.now = { traffic: trafficOf({ canary: { version: '2' }, sticky: 'caller' }, 'traffic') };
    expect(phase()).toBe('rolled-back');
    rules.now = { traffic: trafficOf({ canary: { version: '2', steps: [7] } }, 'traffic') };
    expect(phase()).toBe('running');
    rules.now = { traffic: trafficOf({ canary: { version: '1' } }, 'traffic') };
    expect(traffic.report('m').canary).toBeNull();
  });
});

describe('the difference of two answers', () => {
  const floats = (...values: number[]): Tensor => ({
    ...{ name: 'y', datatype: 'FP32', shape: [values.length] },
    data: new Uint8Array(Float32Array.from(values).buffer),
  });
  const bytes = (...values: number[]): Tensor => ({
    ...{ name: 'y', datatype: 'UINT8', shape: [values.length], data: Uint8Array.from(values) },
  });
  const half = (...words: number[]): Tensor => ({
    ...{ name: 'y', datatype: 'FP16', shape: [words.length], data: new Uint8Array(Uint16Array.from(words).buffer) },
  });
  const tolerance = { absolute: 0, relative: 0.1 };

  it.each([
    ['the same numbers', [floats(1, Number.NaN, Infinity)], [floats(1, Number.NaN, Infinity)], true, 0],
    ['numbers within the tolerance', [floats(1.0625)], [floats(1)], true, 0.0625],
    ['numbers beyond it', [floats(1.5)], [floats(1)], false, 0.5],
    ['NaN where there was a number', [floats(Number.NaN)], [floats(1)], false, Infinity],
    ['an infinity where there was a number', [floats(Infinity)], [floats(1)], false, Infinity],
    ['a number where there was an infinity', [floats(1)], [floats(Infinity)], false, Infinity],
    ['halves of numbers', [half(0x3c00)], [half(0x3e00)], false, 1 / 3],
    ['other bytes', [bytes(1)], [bytes(2)], false, undefined],
    ['the same bytes', [bytes(1)], [bytes(1)], true, undefined],
    ['another shape', [floats(1, 2)], [floats(1)], false, undefined],
    ['another datatype', [bytes(1)], [floats(1)], false, undefined],
    ['an output less', [], [floats(1)], false, undefined],
    ['another output', [{ ...floats(1), name: 'z' }], [floats(1)], false, undefined],
    ['no outputs at all', [], [], true, undefined],
  ] as const)('is found: %s', (_what, got, expected, same, deviation) => {
    const found = compareOutputs(got, expected, tolerance);
    expect(found.same).toBe(same);
    if (deviation === undefined) expect(found.deviation).toBeUndefined();
    else expect(found.deviation).toBeCloseTo(deviation, 6);
  });

  it('takes bounded time, however large the answers are', () => {
    const large = floats(...new Array<number>(100_000).fill(1));
    let reads = 0;
    const spy = vi.spyOn(DataView.prototype, 'getFloat32').mockImplementation(() => {
      reads += 1;
      return 1;
    });
    expect(compareOutputs([large], [large], tolerance).same).toBe(true);
    spy.mockRestore();
    expect(reads).toBeGreaterThan(50_000);
    expect(reads).toBeLessThanOrEqual(2 * 65_536);
  });
});

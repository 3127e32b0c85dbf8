import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseVictims } from '../../../../runtime/inference/registry/memory-budget';
import { Popularity } from '../../../../runtime/inference/registry/popularity';
import { SAMPLE_LIMITS, SampleRing } from '../../../../runtime/inference/registry/samples';
import { chooseVersions, compareVersions } from '../../../../runtime/inference/registry/spec';

const resident = fc.record({ bytes: fc.nat(100), worth: fc.nat(100), pinned: fc.boolean(), busy: fc.boolean() });

describe('the models that must go', () => {
  it('leave room for what is needed, are no more than necessary, never pinned, the idle and least used first', () => {
    fc.assert(
      fc.property(
        fc.array(resident, { maxLength: 12 }),
        fc.nat(200),
        fc.integer({ min: 1, max: 600 }),
        (all, needed, budget) => {
          const held = all.reduce((sum, { bytes }) => sum + bytes, 0);
          const victims = chooseVictims(all, needed, budget);
          const pinned = all.filter((each) => each.pinned).reduce((sum, { bytes }) => sum + bytes, 0);
          if (victims === undefined) return void expect(pinned + needed).toBeGreaterThan(budget);
          const freed = victims.reduce((sum, { bytes }) => sum + bytes, 0);
          expect(held - freed + needed).toBeLessThanOrEqual(budget);
          const last = victims.at(-1);
          if (last) expect(held - freed + last.bytes + needed).toBeGreaterThan(budget);
          for (const victim of victims) {
            expect(victim.pinned).toBe(false);
            const stays = all.filter((each) => !each.pinned && !victims.includes(each) && each.busy === victim.busy);
            for (const each of stays) expect(each.worth).toBeGreaterThanOrEqual(victim.worth);
          }
        },
      ),
    );
  });

  it('are never the one that stays for what comes in its place', () => {
    fc.assert(
      fc.property(
        fc.array(resident, { minLength: 1, maxLength: 8 }),
        fc.nat(200),
        fc.nat(600),
        (all, needed, budget) => {
          const [staying] = all;
          const victims = chooseVictims(all, needed, budget, staying);
          expect(victims ?? []).not.toContain(staying);
          const others = all.map((each) => (each === staying ? { ...each, pinned: true } : each));
          expect(victims?.length).toBe(chooseVictims(others, needed, budget)?.length);
        },
      ),
    );
  });

  it('are none without a budget', () => {
    expect(chooseVictims([{ bytes: 9, worth: 0, pinned: false, busy: false }], 1e12, 0)).toEqual([]);
  });
});

describe('versions', () => {
  it('are ordered as numbers, names after them, and the order is total', () => {
    expect(['10', 'b', '9', 'a', '1'].sort(compareVersions)).toEqual(['1', '9', '10', 'a', 'b']);
    expect(chooseVersions({ kind: 'latest', count: 2 }, ['9', '10', '1', '10'])).toEqual(['9', '10']);
    const version = fc.oneof(fc.nat(50).map(String), fc.constantFrom('a', 'b', '1.0'));
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('recorded requests', () => {
  const sample = (bytes: number) => ({
    id: undefined,
    inputs: [{ name: 'x', datatype: 'UINT8', shape: [bytes], data: new Uint8Array(bytes) }] as const,
    outputs: undefined,
  });

  it('are few and small, whatever comes', () => {
    const step = fc.tuple(fc.integer({ min: 1, max: SAMPLE_LIMITS.bytes }), fc.nat(3_000));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ring = new SampleRing();
        let now = 0;
        for (const [bytes, pause] of steps) ring.add(sample(bytes), (now += pause));
        const held = ring.list();
        expect(held.length).toBeLessThanOrEqual(SAMPLE_LIMITS.count);
        const bytes = held.reduce((sum, { inputs }) => sum + (inputs[0]?.data.byteLength ?? 0), 0);
        expect(bytes).toBeLessThanOrEqual(SAMPLE_LIMITS.bytes);
      }),
      { numRuns: 30 },
    );
  });

  it('are copies of what was sent', () => {
    const ring = new SampleRing();
    const sent = sample(4);
    ring.add(sent, 0);
    sent.inputs[0].data.fill(9);
    expect(ring.list()[0]?.inputs[0]?.data).toEqual(new Uint8Array(4));
  });
});

describe('popularity', () => {
  const used = (...moments: readonly number[]): number => {
    const popularity = new Popularity();
    for (const moment of moments) popularity.use(moment);
    return popularity.worth;
  };

  it('is that of the latest use where each was used once', () => {
    expect(used(2_000)).toBeGreaterThan(used(1_000));
    expect(used(0)).toBeGreaterThan(new Popularity().worth);
  });

  it('lets many uses a while ago count for more than one just now, and less after long', () => {
    const often = used(0, 1, 2, 3, 4, 5, 6, 7);
    expect(often).toBeGreaterThan(used(60_000));
    expect(often).toBeLessThan(used(60 * 60_000));
  });

  it('stays a number after any number of uses', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10 ** 12), { minLength: 1, maxLength: 200 }), (moments) => {
        expect(Number.isFinite(used(...moments.toSorted((a, b) => a - b)))).toBe(true);
      }),
      { seed: 7 },
    );
  });
});

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from '../../../runtime/shared/slots';

/** Requests that come and go while 32 are open, with 2 KB each; prints by how many bytes the old generation grew. */
const CHURN = `
const { getHeapSpaceStatistics } = require('node:v8');
const { Slots } = require(process.argv[1]);
const old = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size;
const slots = new Slots();
const places = {
  slots: { add: (request) => slots.add(request), remove: (id) => slots.delete(id) },
  set: (() => { const set = new Set(); return { add: (request) => (set.add(request), request), remove: (request) => set.delete(request) }; })(),
};
const { add, remove } = places[process.argv[2]];
const churn = (count) => {
  const open = [];
  for (let i = 0; i < count; i++) {
    open.push(add({ body: new Array(256).fill(i) }));
    if (open.length > 32) remove(open.shift());
  }
};
churn(2000);
globalThis.gc();
const before = old();
churn(10000);
process.stdout.write(String(old() - before));
`;

function growth(place: 'slots' | 'set'): number {
  const file = path.resolve(__dirname, '../../../runtime/shared/slots.ts');
  const args = ['--expose-gc', '--max-semi-space-size=4', '--require', 'tsx/cjs', '-e', CHURN, file, place];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

describe('slots', () => {
  it('hold what was added until it is deleted, as a map with ever new keys would', () => {
    const step = fc.oneof(fc.constant('add' as const), fc.nat(40));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const slots = new Slots<{ readonly step: number }>();
        const model = new Map<number, { readonly step: number }>();
        const ids: number[] = [];
        steps.forEach((what, index) => {
          if (what === 'add') {
            const item = { step: index };
            const id = slots.add(item);
            expect(ids).not.toContain(id);
            ids.push(id);
            model.set(id, item);
          } else {
            // Ids that are gone already are among these.
            const id = ids[what % Math.max(1, ids.length)] ?? what;
            expect(slots.delete(id)).toBe(model.get(id));
            model.delete(id);
          }
          expect(slots.size).toBe(model.size);
        });
        for (const id of ids) expect(slots.get(id)).toBe(model.get(id));
        expect(new Map(slots.entries())).toEqual(model);
      }),
    );
  });

  it('know no ids that they did not give', () => {
    const slots = new Slots<object>();
    slots.add({});
    for (const id of [1, 2 ** 20, -1, 0.5, Number.NaN]) expect(slots.get(id)).toBeUndefined();
  });

  it('do not keep alive what is gone, as a set does', () => {
    expect(growth('slots')).toBeLessThan(2 * 2 ** 20);
    expect(growth('set')).toBeGreaterThan(4 * 2 ** 20);
  });
});

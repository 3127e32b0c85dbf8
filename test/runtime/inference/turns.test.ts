import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turns } from '../../../runtime/inference/batching/turns';
import type { Caller } from '../../../runtime/inference/batching/turns';

interface Waiting {
  readonly caller: Caller;
  readonly rows: number;
}

/** A queue in front of one worker, each caller's requests first come first served. */
class Line {
  private readonly turns = new Turns();
  private waiting: Waiting[] = [];

  ask(name: string, rows = 1): void {
    this.waiting.push({ caller: this.turns.came(name), rows });
  }

  /** The caller's clients leave, all of them. */
  leave(name: string): void {
    for (const { caller } of this.waiting) if (caller.name === name) this.turns.gaveUp(caller);
    this.waiting = this.waiting.filter(({ caller }) => caller.name !== name);
  }

  /** Serves the next one and says whose it was. */
  serve(): string | undefined {
    const next = this.waiting.reduce<Waiting | undefined>(
      (least, each) => (least === undefined || each.caller.start < least.caller.start ? each : least),
      undefined,
    );
    if (next === undefined) return undefined;
    this.waiting = this.waiting.filter((each) => each !== next);
    this.turns.served(next.caller, next.rows);
    return next.caller.name;
  }

  serveAll(): string[] {
    const served: string[] = [];
    for (let next = this.serve(); next !== undefined; next = this.serve()) served.push(next);
    return served;
  }
}

const after = (callers: readonly string[]): string[] => {
  const line = new Line();
  callers.forEach((caller) => line.ask(caller));
  return line.serveAll();
};

describe('turns of callers', () => {
  it('let nobody wait for all of a caller who sent many', () => {
    expect(after(['a', 'a', 'a', 'a', 'b'])).toEqual(['a', 'b', 'a', 'a', 'a']);
    expect(after(['a', 'a', 'b', 'b', 'c'])).toEqual(['a', 'b', 'c', 'a', 'b']);
  });

  it('keep the order in which one caller asked, and that of all where each asked once', () => {
    expect(after(['c', 'a', 'b'])).toEqual(['c', 'a', 'b']);
  });

  it('give a caller who comes late no more than its turn: what it did not ask for is not saved up', () => {
    const line = new Line();
    for (let turn = 0; turn < 50; turn++) line.ask('busy');
    for (let turn = 0; turn < 40; turn++) line.serve();
    for (let turn = 0; turn < 50; turn++) line.ask('late');
    const next = Array.from({ length: 20 }, () => line.serve());
    expect(next.filter((caller) => caller === 'late').length).toBeLessThanOrEqual(11);
  });

  it('count rows, not requests', () => {
    const line = new Line();
    for (let turn = 0; turn < 20; turn++) line.ask('large', 10);
    for (let turn = 0; turn < 200; turn++) line.ask('small', 1);
    const next = Array.from({ length: 110 }, () => line.serve());
    expect(next.filter((caller) => caller === 'large').length).toBeLessThanOrEqual(11);
  });

  it('share the worker among callers that always wait, whatever they send', () => {
    const callers = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(callers, (rows) => {
        const line = new Line();
        rows.forEach((size, caller) => {
          for (let turn = 0; turn < 100; turn++) line.ask(String(caller), size);
        });
        const got = rows.map(() => 0);
        for (let turn = 0; turn < 60; turn++) {
          const caller = Number(line.serve());
          got[caller] = (got[caller] ?? 0) + (rows[caller] ?? 0);
          // No two differ by more than a request of each.
          expect(Math.max(...got) - Math.min(...got)).toBeLessThanOrEqual(2 * Math.max(...rows));
        }
      }),
    );
  });

  it('come to the second request of a caller though others come anew for one request each', () => {
    const line = new Line();
    line.ask('steady');
    line.ask('steady');
    let served = 0;
    for (let turn = 0; turn < 20; turn++) {
      line.ask(`passer-by ${turn}`);
      if (line.serve() === 'steady') served++;
    }
    expect(served).toBe(2);
  });

  it('cost nothing for what is given up: who left comes anew as if it had asked for nothing', () => {
    const line = new Line();
    for (let turn = 0; turn < 5; turn++) line.ask('noisy');
    for (let turn = 0; turn < 50; turn++) line.ask('impatient', 10);
    line.leave('impatient');
    line.ask('impatient');
    expect([line.serve(), line.serve()]).toContain('impatient');
  });

  it('come back with what has to run again, also when nobody waited meanwhile', () => {
    const turns = new Turns();
    const [one, other] = [turns.came('one'), turns.came('other')];
    turns.served(one, 5);
    expect(turns.again(one, 5).start).toBeLessThanOrEqual(other.start);
    turns.gaveUp(one);
    turns.served(other, 1);
    const fresh = turns.came('other');
    expect(turns.again(one, 5).start).toBeLessThan(fresh.start);
  });

  it('forget callers that wait for nothing when there are many, while others wait and when nobody does', () => {
    const turns = new Turns();
    const { callers } = turns as unknown as { callers: Map<string, Caller> };
    const waits = turns.came('waits');
    for (let caller = 0; caller < 20_000; caller++) turns.served(turns.came(`caller-${caller}`), 1);
    expect(callers.size).toBeLessThanOrEqual(1_100);
    expect(callers.get('waits')).toBe(waits);
    turns.served(waits, 1);
    for (let caller = 0; caller < 20_000; caller++) turns.served(turns.came(`alone-${caller}`), 1);
    expect(callers.size).toBeLessThanOrEqual(1_100);
  });

  it('leave nobody a claim or a debt once nobody waits', () => {
    const turns = new Turns();
    const busy = turns.came('busy');
    turns.served(busy, 1_000);
    const other = turns.came('other');
    expect(turns.came('busy').start).toBe(other.start);
  });
});

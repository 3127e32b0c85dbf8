import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Turns } from '../../../runtime/inference/batching/turns';

interface Waiting {
  readonly caller: string;
  readonly rows: number;
  readonly turn: number;
}

/** A queue in front of one worker. */
class Line {
  private readonly turns = new Turns();
  private waiting: Waiting[] = [];

  ask(caller: string, rows = 1): void {
    this.waiting.push({ caller, rows, turn: this.turns.take(caller, rows) });
  }

  /** Serves the next one and says whose it was. */
  serve(): string | undefined {
    const next = this.waiting.reduce<Waiting | undefined>(
      (least, each) => (least === undefined || each.turn < least.turn ? each : least),
      undefined,
    );
    if (next === undefined) return undefined;
    this.waiting = this.waiting.filter((each) => each !== next);
    this.turns.served(next.turn, next.rows, this.waiting.length);
    return next.caller;
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

  it('forget callers that wait for nothing, while others wait and when nobody does', () => {
    const turns = new Turns();
    const { ends } = turns as unknown as { ends: Map<string, number> };
    for (let caller = 0; caller < 20_000; caller++) turns.served(turns.take(`caller-${caller}`), 1, 10);
    expect(ends.size).toBeLessThanOrEqual(1_100);
    turns.served(turns.take('last'), 1, 0);
    expect(ends.size).toBe(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunQueue } from '../../../runtime/inference/run-queue';

const silent = { depth: () => undefined, waited: () => undefined, ran: () => undefined };
const forever = new AbortController().signal;

describe('the run queue', () => {
  it('begins at once when idle', async () => {
    let begun = false;
    const queue = new RunQueue(silent, () => 0);
    const done = queue.submit(async () => void (begun = true), forever);
    expect(begun).toBe(true);
    await done;
  });

  it('runs one piece at a time, in order, and drops those whose client left before their turn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), async (leaves) => {
        const ran: number[] = [];
        let running = 0;
        const queue = new RunQueue(silent, () => 0);
        const controllers = leaves.map(() => new AbortController());
        const results = controllers.map(({ signal }, index) =>
          queue.submit(async () => {
            expect(++running).toBe(1);
            ran.push(index);
            await Promise.resolve();
            running--;
          }, signal),
        );
        leaves.forEach((leave, index) => leave && controllers[index]?.abort());
        const settled = await Promise.allSettled(results);
        // The first began when it was submitted, so its client left too late to save its work.
        const expected = leaves.flatMap((leave, index) => (leave && index > 0 ? [] : [index]));
        expect(ran).toEqual(expected);
        expect(settled.map(({ status }) => status === 'fulfilled')).toEqual(
          leaves.map((_, index) => expected.includes(index)),
        );
      }),
    );
  });

  it('goes on after a piece that failed', async () => {
    const queue = new RunQueue(silent, () => 0);
    const failed = queue.submit(() => Promise.reject(new Error('no')), forever);
    const next = queue.submit(async () => 'yes', forever);
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });

  it('tells how many wait, and how long each waited and ran', async () => {
    let clock = 0;
    const told: string[] = [];
    const observer = {
      depth: (waiting: number) => void told.push(`depth ${waiting}`),
      waited: (seconds: number) => void told.push(`waited ${seconds}`),
      ran: (seconds: number) => void told.push(`ran ${seconds}`),
    };
    const queue = new RunQueue(observer, () => clock);
    const work = async () => {
      await Promise.resolve();
      clock += 2;
    };
    await Promise.all([queue.submit(work, forever), queue.submit(work, forever)]);
    expect(told).toEqual(['waited 0', 'depth 0', 'depth 1', 'ran 2', 'waited 2', 'depth 0', 'ran 2', 'depth 0']);
  });
});

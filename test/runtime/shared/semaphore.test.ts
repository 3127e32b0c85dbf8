import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Semaphore } from '../../../runtime/shared/semaphore';

describe('a semaphore', () => {
  it('lets so much go on at once, in order, and goes on after a failure', async () => {
    const semaphore = new Semaphore(2);
    let going = 0;
    let most = 0;
    const order: number[] = [];
    const work = (index: number) => async (): Promise<void> => {
      most = Math.max(most, ++going);
      order.push(index);
      await delay(1);
      going -= 1;
      if (index === 1) throw new Error('no');
    };
    await Promise.allSettled([0, 1, 2, 3, 4, 5].map((index) => semaphore.run(work(index))));
    expect([most, order]).toEqual([2, [0, 1, 2, 3, 4, 5]]);
  });
});

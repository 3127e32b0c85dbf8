import { expect, it, vi } from 'vitest';
import { Canceller } from '../../../../runtime/shared/cancellation';
import { TurnQueue } from '../../../../runtime/inference/threads/turn-queue';

const never = (): void => expect.fail('nobody left');

it('lets callers take turns by the cost of what they ask for', () => {
  const queue = new TurnQueue<string>();
  for (const item of ['a1', 'a2', 'a3']) queue.push(item, { caller: 'a', cost: 10, left: never });
  queue.push('b1', { caller: 'b', cost: 1, left: never });
  queue.push('b2', { caller: 'b', cost: 1, left: never });
  const served: (string | undefined)[] = [];
  while (queue.size > 0) served.push(queue.shift());
  expect(served).toEqual(['a1', 'b1', 'b2', 'a2', 'a3']);
  expect(queue.shift()).toBeUndefined();
});

it('drops what nobody waits for, and tells of it once', () => {
  const queue = new TurnQueue<string>();
  const [stays, leaves, gone] = [new Canceller(), new Canceller(), new Canceller()];
  const left = vi.fn();
  queue.push('stays', { signal: stays, left });
  queue.push('leaves', { signal: leaves, left });
  gone.abort();
  queue.push('gone', { signal: gone, left });
  expect(left).toHaveBeenCalledTimes(1);
  leaves.abort();
  expect([left.mock.calls.length, queue.size]).toEqual([2, 1]);
  expect(queue.shift()).toBe('stays');
  stays.abort();
  expect(left).toHaveBeenCalledTimes(2);
});

it('gives everything back at its end', () => {
  const queue = new TurnQueue<number>();
  const signal = new Canceller();
  for (const item of [1, 2]) queue.push(item, { signal, left: never });
  expect(queue.clear()).toEqual([1, 2]);
  signal.abort();
  expect(queue.size).toBe(0);
});

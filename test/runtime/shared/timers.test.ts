import { describe, expect, it } from 'vitest';
import { timerMs } from '../../../runtime/shared/timers';

describe('the time that a timer is asked for', () => {
  it.each([
    [5.5, 5.5],
    [-1, 0],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, 2 ** 31 - 1],
    [Number.POSITIVE_INFINITY, 2 ** 31 - 1],
  ])('is, for %d ms, %d ms', (asked, given) => {
    expect(timerMs(asked)).toBe(given);
  });
});

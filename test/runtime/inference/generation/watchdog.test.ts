import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CacheLedger } from '../../../../runtime/inference/generation/ledger';
import { Watchdog } from '../../../../runtime/inference/generation/watchdog';

describe('a watchdog', () => {
  const bark = vi.fn();

  beforeEach(() => void vi.useFakeTimers());

  afterEach(() => {
    vi.useRealTimers();
    bark.mockReset();
  });

  it('barks when nothing is heard in time, and only while something is awaited', () => {
    const dog = new Watchdog(1000, bark);
    vi.advanceTimersByTime(5000);
    const [first, second] = [dog.watch(), dog.watch()];
    vi.advanceTimersByTime(900);
    dog.heard();
    vi.advanceTimersByTime(900);
    first();
    first();
    expect(bark).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    expect(bark).toHaveBeenCalledOnce();
    second();
    vi.advanceTimersByTime(5000);
    expect(bark).toHaveBeenCalledOnce();
  });
});

describe('a ledger', () => {
  it('reserves whole classes of lengths, refuses what does not fit, and takes back once', () => {
    const seen: number[] = [];
    const ledger = new CacheLedger(3 * 64 * 10, 10, (bytes) => seen.push(bytes));
    const free = ledger.reserve(5);
    ledger.reserve(65);
    expect(() => ledger.reserve(1)).toThrow(expect.objectContaining({ code: 'LNMT8246', retryAfter: 1 }) as Error);
    expect(() => ledger.reserve(129)).toThrow(expect.objectContaining({ code: 'LNMT8249' }) as Error);
    free();
    free();
    expect([ledger.bytes, seen]).toEqual([1280, [640, 1920, 1280]]);
    ledger.reserve(64);
  });
});

import { LRUCache } from 'lru-cache';
import { copyOf, sizeOf } from './entry';
import type { Outputs } from './entry';

/** What one entry may take of the whole, so that no answer drives all others out. */
const MOST_OF_ALL = 1 / 8;

/** Answers in the memory of this process, within a budget of bytes; the least recently used leave first. */
export class MemoryLevel {
  private readonly entries: LRUCache<string, Outputs>;
  private readonly mostBytes: number;

  /**
   * @param evicted told of each answer that leaves to make room
   * @param now milliseconds of a monotonic clock
   */
  constructor(maxBytes: number, evicted: () => void, now: () => number) {
    this.mostBytes = Math.floor(maxBytes * MOST_OF_ALL);
    this.entries = new LRUCache<string, Outputs>({
      maxSize: maxBytes,
      disposeAfter: (_outputs, _key, reason) => {
        if (reason === 'evict') evicted();
      },
      perf: { now },
      ttlResolution: 0,
    });
  }

  /** Bytes that are held, about. */
  get bytes(): number {
    this.entries.purgeStale();
    return this.entries.calculatedSize;
  }

  /** Answers that are held. */
  get count(): number {
    return this.entries.size;
  }

  get(key: string): Outputs | undefined {
    return this.entries.get(key);
  }

  /** Keeps a copy, for so many seconds; nothing of what is too long. */
  set(key: string, outputs: Outputs, seconds: number): void {
    const size = sizeOf(outputs) + 2 * key.length;
    if (size > this.mostBytes) return void this.entries.delete(key);
    this.entries.set(key, copyOf(outputs), { size, ttl: Math.max(1, Math.ceil(1000 * seconds)) });
  }
}

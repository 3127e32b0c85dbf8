import { cacheFull, largerThanCache } from '../text/errors';
import { lengthClass } from './sequence';

/** Told of what is reserved. */
export type LedgerObserver = (reservedBytes: number) => void;

/** What answers in the making may take of memory: each reserves what its longest form takes, before it begins. */
export class CacheLedger {
  private reserved = 0;

  constructor(
    private readonly limit: number,
    private readonly bytesPerToken: number,
    private readonly observe: LedgerObserver = () => undefined,
  ) {}

  /** Bytes that are reserved. */
  get bytes(): number {
    return this.reserved;
  }

  /**
   * Reserves for an answer of so many tokens, its prompt included. Call what it returns when the cache is free.
   *
   * @throws RequestError 429 while others hold the memory, 400 when there would never be enough
   */
  reserve(tokens: number): () => void {
    const bytes = lengthClass(tokens) * this.bytesPerToken;
    if (bytes > this.limit) throw largerThanCache(bytes, this.limit);
    if (this.reserved + bytes > this.limit) throw cacheFull();
    this.add(bytes);
    let freed = false;
    return () => {
      if (freed) return;
      freed = true;
      this.add(-bytes);
    };
  }

  private add(bytes: number): void {
    this.reserved += bytes;
    this.observe(this.reserved);
  }
}

import type { Tensor } from '../tensors/tensor';
import type { CacheSlot } from './decoder';

/** Keys and values of several sequences: each row holds its tokens at the end, with padding before them. */
export interface KvCache {
  readonly rows: number;
  /** Tokens that there is room for in each row. */
  readonly length: number;
  /** One block of bytes for each slot, row-major. */
  readonly blocks: readonly Uint8Array[];
}

/** One row to take into a new cache: its last `tokens` tokens. */
export interface CacheRow {
  readonly cache: KvCache;
  readonly row: number;
  readonly tokens: number;
}

interface Place {
  readonly slot: CacheSlot;
  readonly index: number;
}

/** A cache of one sequence that has no tokens yet. */
export function emptyCache(slots: readonly CacheSlot[]): KvCache {
  return { rows: 1, length: 0, blocks: slots.map(() => new Uint8Array()) };
}

/** Bytes that a cache holds. */
export const cacheBytes = ({ blocks }: KvCache): number => blocks.reduce((sum, block) => sum + block.byteLength, 0);

/** Copies the tokens of one row to the end of a row of a block that has `length` tokens for each. */
function copyRow(target: Uint8Array, length: number, to: number, { cache, row, tokens }: CacheRow, place: Place): void {
  const { slot, index } = place;
  const block = cache.blocks[index];
  if (block === undefined) throw new Error('a cache without a slot; this is a bug');
  const unit = slot.size * slot.elementBytes;
  for (let head = 0; head < slot.heads; head++) {
    const from = ((row * slot.heads + head) * cache.length + cache.length - tokens) * unit;
    const start = ((to * slot.heads + head) * length + length - tokens) * unit;
    target.set(block.subarray(from, from + tokens * unit), start);
  }
}

/** Puts rows of other caches together, no longer than the longest of them: for who joins, who leaves, and both. */
export function gather(rows: readonly CacheRow[], slots: readonly CacheSlot[]): KvCache {
  const length = Math.max(0, ...rows.map(({ tokens }) => tokens));
  const blocks = slots.map((slot, index) => {
    const block = new Uint8Array(rows.length * slot.heads * length * slot.size * slot.elementBytes);
    rows.forEach((row, to) => copyRow(block, length, to, row, { slot, index }));
    return block;
  });
  return { rows: rows.length, length, blocks };
}

/** The cache as inputs of the graph. */
export function pastTensors({ rows, length, blocks }: KvCache, slots: readonly CacheSlot[]): Tensor[] {
  return slots.map(({ past, datatype, heads, size }, index) => {
    const data = blocks[index];
    if (data === undefined) throw new Error('a cache without a slot; this is a bug');
    return { name: past, datatype, shape: [rows, heads, length, size], data };
  });
}

/** The cache that a run gave, taken over without a copy. */
export function presentCache(outputs: readonly Tensor[], rows: number, length: number): KvCache {
  return { rows, length, blocks: outputs.map(({ data }) => data) };
}

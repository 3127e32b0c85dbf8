import { cacheBytes, gather } from './cache';
import type { KvCache } from './cache';
import type { DecoderGraph } from './decoder';
import { feed } from './graph-run';
import type { GraphRunner } from './graph-run';
import type { GenerationStep } from './protocol';
import type { Sequence } from './sequence';

/** Who is told of each step. */
export type Tell = (sequence: Sequence, step: GenerationStep) => void;

/** Sequences that take their next token in one run. Their cache is one block that no one copies while they stay. */
export class Group {
  private sequences: Sequence[] = [];
  private cache: KvCache | undefined;

  constructor(
    private readonly graph: DecoderGraph,
    /** Class of the lengths of its sequences. */
    readonly lengthClass: number,
  ) {}

  /** Sequences in it. */
  get size(): number {
    return this.sequences.length;
  }

  /** Bytes of its cache. */
  get bytes(): number {
    return this.cache === undefined ? 0 : cacheBytes(this.cache);
  }

  /** True when the sequence is in it. */
  has(sequence: Sequence): boolean {
    return this.sequences.includes(sequence);
  }

  /** Takes sequences in and lets others go, with one copy of what stays. */
  change(joining: readonly Sequence[], leaving: (sequence: Sequence) => boolean): void {
    const { cache } = this;
    const left = this.sequences
      .map((sequence, row) => ({ sequence, row }))
      .filter(({ sequence }) => !leaving(sequence));
    if (joining.length === 0 && left.length === this.sequences.length) return;
    const staying = left.flatMap(({ sequence, row }) =>
      cache === undefined ? [] : [{ sequence, cache, row, tokens: sequence.held }],
    );
    const added = joining.map((sequence) => ({ sequence, cache: sequence.cache, row: 0, tokens: sequence.held }));
    const rows = [...staying, ...added];
    this.sequences = rows.map(({ sequence }) => sequence);
    const [only] = rows;
    if (only === undefined) this.cache = undefined;
    else if (rows.length === 1 && only.cache.rows === 1) this.cache = only.cache;
    else this.cache = gather(rows, this.graph.slots);
    for (const sequence of joining) sequence.cache = { rows: 0, length: 0, blocks: [] };
  }

  /** One token for each sequence; those whose answer ended leave. */
  async step(runner: GraphRunner, tell: Tell): Promise<void> {
    const { cache, sequences } = this;
    if (cache === undefined) return;
    const tokens = sequences.map(({ next }) => Int32Array.of(next));
    const held = sequences.map((sequence) => sequence.held);
    const fed = await feed(runner, this.graph, { cache, tokens, held });
    this.cache = fed.cache;
    const ended = new Set<Sequence>();
    sequences.forEach((sequence, row) => {
      sequence.held += 1;
      const step = sequence.advance(fed.scores[row] ?? new Float32Array());
      if (step.finish !== undefined) ended.add(sequence);
      tell(sequence, step);
    });
    if (ended.size > 0) this.change([], (sequence) => ended.has(sequence));
  }
}

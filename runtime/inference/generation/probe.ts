import { emptyCache, gather } from './cache';
import type { DecoderGraph } from './decoder';
import { feed } from './graph-run';
import type { Fed, GraphRunner } from './graph-run';

/** Two made-up prompts of different lengths; the ids are in every vocabulary. */
const PROMPTS = [Int32Array.of(1, 0, 2), Int32Array.of(2, 1, 0, 3, 1, 2)] as const;
const NEXT = [Int32Array.of(3), Int32Array.of(1)] as const;

/** Largest difference of scores that counts as the same, in terms of their spread: half precision shows a little. */
const TOLERANCE = 0.02;

function alike(alone: Float32Array | undefined, shared: Float32Array | undefined): boolean {
  if (alone === undefined || shared?.length !== alone.length) return false;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const score of alone) [low, high] = [Math.min(low, score), Math.max(high, score)];
  const allowed = TOLERANCE * (high - low);
  return alone.every((score, index) => Math.abs(score - (shared[index] ?? Number.NaN)) <= allowed);
}

/** What was found out about a decoder. */
export interface Probed {
  /** True when rows of different lengths, padded, give in one run what each gives alone. */
  readonly sharesRuns: boolean;
  /** Scores in the answer for one token: the size of the vocabulary. */
  readonly vocabulary: number;
}

/**
 * Runs a decoder on made-up prompts. Whether it may be batched is seen rather than believed: exports exist that take
 * a mask and ignore it, or that count positions from the length of the cache.
 */
export async function probe(runner: GraphRunner, graph: DecoderGraph): Promise<Probed> {
  const start = (tokens: Int32Array): Promise<Fed> =>
    feed(runner, graph, { cache: emptyCache(graph.slots), tokens: [tokens], held: [0] });
  const [first, second] = [await start(PROMPTS[0]), await start(PROMPTS[1])];
  const vocabulary = first.scores[0]?.length ?? 0;
  if (graph.maskType === undefined || graph.positionsType === undefined) return { sharesRuns: false, vocabulary };
  const held = PROMPTS.map(({ length }) => length);
  try {
    const alone = [
      await feed(runner, graph, { cache: first.cache, tokens: [NEXT[0]], held: held.slice(0, 1) }),
      await feed(runner, graph, { cache: second.cache, tokens: [NEXT[1]], held: held.slice(1) }),
    ];
    const rows = [first, second].map(({ cache }, index) => ({ cache, row: 0, tokens: held[index] ?? 0 }));
    const cache = gather(rows, graph.slots);
    const shared = await feed(runner, graph, { cache, tokens: NEXT, held });
    return { sharesRuns: alone.every(({ scores }, row) => alike(scores[0], shared.scores[row])), vocabulary };
  } catch {
    return { sharesRuns: false, vocabulary };
  }
}

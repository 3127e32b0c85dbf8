import { unpackHalves } from '../tensors/half';
import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Datatype, Tensor } from '../tensors/tensor';
import { cacheBytes, pastTensors, presentCache } from './cache';
import type { KvCache } from './cache';
import { DECODER_TENSORS } from './decoder';
import type { DecoderGraph } from './decoder';

/** What runs the graph in this thread. */
export interface GraphRunner {
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]>;
}

/** New tokens for each row of a cache. */
export interface Feed {
  readonly cache: KvCache;
  /** The same number of tokens for each row. */
  readonly tokens: readonly Int32Array[];
  /** Tokens of each row that are in the cache: what is before them there is padding. */
  readonly held: readonly number[];
}

/** What a run gave. */
export interface Fed {
  /** Scores of the token that follows, for each row. */
  readonly scores: readonly Float32Array[];
  /** The cache with the new tokens. */
  readonly cache: KvCache;
}

/** An integer tensor from a function of row and column. */
function integers(
  name: string,
  datatype: Datatype,
  shape: readonly [number, number],
  at: (row: number, column: number) => number,
): Tensor {
  const [rows, columns] = shape;
  const values = Array.from({ length: rows * columns }, (_, index) => at(Math.floor(index / columns), index % columns));
  const buffer = datatype === 'INT64' ? BigInt64Array.from(values, BigInt).buffer : Int32Array.from(values).buffer;
  return { name, datatype, shape, data: new Uint8Array(buffer) };
}

function inputsOf(graph: DecoderGraph, { cache, tokens, held }: Feed): Tensor[] {
  const { rows, length } = cache;
  const count = tokens[0]?.length ?? 0;
  const token = (row: number, column: number): number => tokens[row]?.[column] ?? 0;
  const inputs = [integers(DECODER_TENSORS.ids, graph.idsType, [rows, count], token)];
  if (graph.maskType !== undefined) {
    const padding = (row: number): number => length - (held[row] ?? 0);
    const isReal = (row: number, column: number): number => (column < padding(row) ? 0 : 1);
    inputs.push(integers(DECODER_TENSORS.mask, graph.maskType, [rows, length + count], isReal));
  }
  if (graph.positionsType !== undefined) {
    const position = (row: number, column: number): number => (held[row] ?? 0) + column;
    inputs.push(integers(DECODER_TENSORS.positions, graph.positionsType, [rows, count], position));
  }
  if (graph.hasCacheBranch) {
    const data = Uint8Array.of(length > 0 ? 1 : 0);
    inputs.push({ name: DECODER_TENSORS.cacheBranch, datatype: 'BOOL', shape: [1], data });
  }
  return [...inputs, ...pastTensors(cache, graph.slots)];
}

function lastScores({ datatype, shape, data }: Tensor, rows: number): Float32Array[] {
  const [, columns = 0, vocabulary = 0] = shape;
  const size = DATATYPE_BYTES[datatype === 'FP16' ? 'FP16' : 'FP32'];
  return Array.from({ length: rows }, (_, row) => {
    const end = (row + 1) * columns * vocabulary;
    const last = new Uint8Array(data.subarray((end - vocabulary) * size, end * size));
    return datatype === 'FP16' ? unpackHalves(last) : new Float32Array(last.buffer);
  });
}

/** Runs the graph once: every row takes its new tokens, and the cache grows by them. */
export async function feed(runner: GraphRunner, graph: DecoderGraph, what: Feed): Promise<Fed> {
  const { rows, length } = what.cache;
  const names = [DECODER_TENSORS.logits, ...graph.slots.map(({ present }) => present)];
  const [logits, ...present] = await runner.run(inputsOf(graph, what), names);
  const grown = length + (what.tokens[0]?.length ?? 0);
  const cache = presentCache(present, rows, grown);
  if (logits === undefined || logits.shape.length !== 3 || logits.shape[0] !== rows) {
    throw new Error(`the graph gave logits [${logits?.shape.join(',') ?? ''}] for ${rows} rows`);
  }
  if (cacheBytes(cache) !== rows * grown * graph.bytesPerToken) {
    throw new Error('the graph gave a cache that did not grow by the new tokens');
  }
  return { scores: lastScores(logits, rows), cache };
}

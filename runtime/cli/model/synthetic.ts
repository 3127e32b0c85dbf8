import type { Graph } from '../../inference/rewriter/graph';
import { elementCount } from '../../inference/tensors/tensor';
import type { Tensor, TensorSpec } from '../../inference/tensors/tensor';
import type { Sample } from './samples';
import type { Toolkit } from './toolkit';

/** Sizes of open dimensions that are tried, rows first; models differ in what they take. */
const SIZES: readonly (readonly [rows: number, other: number])[] = [
  [2, 8],
  [1, 8],
  [1, 1],
  [1, 32],
  [1, 224],
];
const SEED = 1;
/** Elements of all inputs together: many open dimensions multiply. */
const MOST_ELEMENTS = 2 ** 22;
/** Elements that the sizes of the model itself may make of them. */
const MOST_STATED = 2 ** 24;

/** Numbers that look random and are the same each time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function valueOf({ datatype }: TensorSpec, random: () => number): unknown {
  if (datatype === 'BYTES') return 'a';
  if (datatype === 'BOOL') return random() < 0.5;
  if (datatype.startsWith('FP')) return 2 * random() - 1;
  // Small, so that they are rows of any table and lengths of any list.
  return random() < 0.5 ? 0 : 1;
}

/** Shapes of the inputs; dimensions of one name have one size. */
function shapesOf(wanted: readonly TensorSpec[], graph: Graph, rows: number, other: number): readonly number[][] {
  const symbols = new Map<string, number>();
  return wanted.map((spec) => {
    const stated = graph.inputs.find(({ name }) => name === spec.name)?.shape ?? [];
    return (spec.shape ?? []).map((size, at) => {
      if (size >= 0) return size;
      const symbol = stated[at];
      const chosen = (typeof symbol === 'string' ? symbols.get(symbol) : undefined) ?? (at === 0 ? rows : other);
      if (typeof symbol === 'string') symbols.set(symbol, chosen);
      return chosen;
    });
  });
}

/** The same with less where the inputs would become too large; undefined where they are, whatever is chosen. */
function boundedShapes(
  wanted: readonly TensorSpec[],
  graph: Graph,
  rows: number,
  most: number,
): readonly number[][] | undefined {
  for (let other = most; ; other = Math.floor(other / 2)) {
    const shapes = shapesOf(wanted, graph, rows, other);
    const elements = shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
    if (elements <= MOST_ELEMENTS) return shapes;
    if (other <= 1) return elements <= MOST_STATED ? shapes : undefined;
  }
}

/**
 * Inputs that nobody chose, of several sizes: enough to see that two models compute the same, not how well. None where
 * the model takes only large ones.
 */
export function syntheticSamples(toolkit: Toolkit, wanted: readonly TensorSpec[], graph: Graph): Sample[] {
  return SIZES.flatMap(([rows, other], index) => {
    const random = generator(SEED + index);
    const shapes = boundedShapes(wanted, graph, rows, other);
    if (shapes === undefined) return [];
    const inputs = wanted.map((spec, at): Tensor => {
      const shape = shapes[at] ?? [];
      const values = Array.from({ length: elementCount(shape) }, () => valueOf(spec, random));
      return { name: spec.name, datatype: spec.datatype, shape, data: toolkit.packElements(spec.datatype, values) };
    });
    return [{ inputs }];
  });
}

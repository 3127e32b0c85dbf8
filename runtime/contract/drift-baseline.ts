/** Bounds and names of drift baselines. */
export const DRIFT_BASELINE = {
  /** File beside the graph. */
  file: 'baseline.json',
  /** First member of the file; another number is another form. */
  format: 'lnmt-drift-baseline/1',
  /** Features of one model. */
  maxFeatures: 64,
  /** Bins of a feature between its lowest and highest edge. */
  bins: 64,
  /** Fewer rows say nothing that a window could be held against. */
  minRows: 100,
} as const;

/** A number that each row of a tensor gives: one of its elements, or the mean of all. */
export interface DriftFeatureName {
  readonly side: 'inputs' | 'outputs';
  readonly tensor: string;
  /** Place in the row, from 0, all sizes but the first laid out in a line; or the mean of the row. */
  readonly element: number | 'mean';
}

/** How the values of a feature were spread when the model was made. */
export interface DriftFeature extends DriftFeatureName {
  /** Bounds of bins, strictly ascending: bin k holds what is above edge k-1 and not above edge k. */
  readonly edges: readonly number[];
  /** Values in each bin: one more than edges, and last those that are no number. */
  readonly counts: readonly number[];
}

/** Content of {@link DRIFT_BASELINE.file}. */
export interface DriftBaseline {
  readonly format: typeof DRIFT_BASELINE.format;
  readonly features: readonly DriftFeature[];
}

/** The bin of a value; the one after all others for what is no number. */
export function driftBin(edges: readonly number[], value: number): number {
  if (Number.isNaN(value)) return edges.length + 1;
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? Infinity) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Bounds of bins that hold as equal a share of the values as their repetitions allow. */
function edgesOf(sorted: readonly number[]): readonly number[] {
  const [least = 0] = sorted;
  const most = sorted.at(-1) ?? 0;
  // A feature that never changed: what is below and what is above are drift.
  if (least === most) return [least - Math.max(1, Math.abs(least)) * 1e-9, least];
  const edges: number[] = [];
  for (let quantile = 1; quantile < DRIFT_BASELINE.bins; quantile++) {
    const edge = sorted[Math.ceil((quantile * sorted.length) / DRIFT_BASELINE.bins) - 1] ?? most;
    if (edge < most && edge > (edges.at(-1) ?? -Infinity)) edges.push(edge);
  }
  return edges;
}

/** The baseline of one feature, from its values. Infinities count as the outermost values. */
export function driftFeature(name: DriftFeatureName, values: readonly number[]): DriftFeature {
  const finite = values.filter(Number.isFinite).sort((a, b) => a - b);
  const edges = edgesOf(finite);
  const counts = Array.from({ length: edges.length + 2 }, () => 0);
  for (const value of values) {
    const bin = driftBin(edges, value);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const { side, tensor, element } = name;
  return { side, tensor, element, edges, counts };
}

/** Rows of a shape, and elements of each. */
export function rowsOfShape(shape: readonly number[]): { readonly rows: number; readonly width: number } {
  const [rows = 1, ...rest] = shape;
  return { rows, width: rest.reduce((product, size) => product * size, 1) };
}

/** What one row gives; undefined where it has no such element. @param at reads an element of the tensor */
export function rowValue(
  element: DriftFeatureName['element'],
  row: number,
  width: number,
  at: (index: number) => number,
): number | undefined {
  if (element !== 'mean') return element < width ? at(row * width + element) : undefined;
  let sum = 0;
  for (let place = 0; place < width; place++) sum += at(row * width + place);
  return sum / width;
}

/** Name of a feature for people and labels, e.g. `inputs.x[3]`. */
export function driftFeatureText({ side, tensor, element }: DriftFeatureName): string {
  return `${side}.${tensor}[${element}]`;
}

import { performance } from 'node:perf_hooks';
import { mayBatch, mergeInputs, splitOutputs } from '../batching/tensors';
import type { ModelSignature } from '../backends/backend';
import { packElements } from '../tensors/elements';
import { aligned, elementCount } from '../tensors/tensor';
import type { Tensor, TensorSpec } from '../tensors/tensor';
import type { Measured, MeasureOptions } from './protocol';

/** What is measured: a loaded model that runs in this thread. */
export interface Measurable {
  readonly signature: ModelSignature | undefined;
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]>;
}

/** Sizes tried for open dimensions other than the first, until the model takes one. */
const OPEN_SIZES = [64, 224, 16, 1] as const;
/** A larger batch is kept when it costs at most this share of the time per row of the smaller one. */
const WORTH = 0.95;
/** A size is timed this often, and short runs more often, for so many milliseconds: the best of them is least disturbed. */
const REPEATS = { least: 3, most: 100, forMs: 5 } as const;
/** Sizes without a gain after which no larger one is tried. */
const MOST_MISSES = 2;
/** Runs of one row that it takes to see whether rows are independent. */
const PROOF_RUNS = 4;
/** Differences that quantized graphs show between a row alone and the same row in a batch. */
const TOLERANCE = { relative: 0.05, absolute: 1e-3 } as const;

/** A small generator with a fixed start: the same model is always measured on the same values. */
function values(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

/** One row that differs from other seeds in every input. Whole numbers stay 0 and 1: most are places in a table. */
function row({ name, datatype, shape }: TensorSpec, open: number, seed: number): Tensor {
  const sizes = (shape ?? []).map((size, axis) => (size !== -1 ? size : axis === 0 ? 1 : open));
  const drawn = values(elementCount(sizes), seed);
  const element = (value: number): unknown => {
    if (datatype === 'BOOL') return value < 0.5;
    if (datatype === 'BYTES') return value < 0.5 ? 'a' : 'b';
    return datatype.startsWith('FP') ? value : Math.round(value);
  };
  return { name, datatype, shape: sizes, data: packElements(datatype, drawn.map(element)) };
}

function floats({ datatype, data }: Tensor): Float32Array | Float64Array | undefined {
  const { buffer, byteOffset, byteLength } = aligned(data);
  if (datatype === 'FP32') return new Float32Array(buffer, byteOffset, byteLength / 4);
  return datatype === 'FP64' ? new Float64Array(buffer, byteOffset, byteLength / 8) : undefined;
}

function alike(alone: Tensor | undefined, shared: Tensor | undefined): boolean {
  if (alone === undefined || shared === undefined || alone.data.byteLength !== shared.data.byteLength) return false;
  const [a, b] = [floats(alone), floats(shared)];
  if (a === undefined || b === undefined) return Buffer.compare(alone.data, shared.data) === 0;
  let scale = 0;
  for (const value of a) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  const allowed = TOLERANCE.absolute + TOLERANCE.relative * scale;
  return a.every((value, index) => {
    const other = b[index] ?? Number.NaN;
    return Object.is(value, other) || Math.abs(value - other) <= allowed;
  });
}

/** Measures one model; the two rows are inputs that it was seen to take. */
class Measurement {
  constructor(
    private readonly model: Measurable,
    private readonly signature: ModelSignature,
    private readonly rows: readonly [readonly Tensor[], readonly Tensor[]],
    private readonly until: number,
    private readonly now: () => number,
  ) {}

  /** Makes up inputs that the model takes. */
  static async begin(model: Measurable, budgetMs: number, now: () => number): Promise<Measurement | undefined> {
    const { signature } = model;
    if (signature === undefined) return undefined;
    for (const open of OPEN_SIZES) {
      const make = (seed: number): Tensor[] => signature.inputs.map((spec, place) => row(spec, open, seed + place));
      const candidate = new Measurement(model, signature, [make(1), make(1001)], now() + budgetMs, now);
      if (await candidate.run(candidate.rows[0]).then(Boolean, () => false)) return candidate;
    }
    return undefined;
  }

  /**
   * Milliseconds of a run of this many rows: the best of a few.
   *
   * @param kept runs for which the budget has to be enough afterwards
   */
  async time(count: number, kept = 0): Promise<number> {
    const inputs = mergeInputs(Array.from({ length: count }, (_, index) => this.rows[index % 2 === 0 ? 0 : 1]));
    let best = Number.POSITIVE_INFINITY;
    let spent = 0;
    for (let turn = 0; turn < REPEATS.most && (turn < REPEATS.least || spent < REPEATS.forMs); turn++) {
      if (turn > 0 && !this.has((1 + kept) * best)) break;
      const started = this.now();
      await this.run(inputs);
      const took = this.now() - started;
      best = Math.min(best, took);
      spent += took;
    }
    return best;
  }

  /** True while so many milliseconds are left of the budget. */
  has(ms: number): boolean {
    return this.now() + ms < this.until;
  }

  /** True when two rows give in one batch what each gives alone: an open first dimension does not promise that. */
  async isIndependent(): Promise<boolean> {
    const [first, second] = this.rows;
    const alone = [await this.run(first), await this.run(second)];
    const shared = splitOutputs(await this.run(mergeInputs([first, second])), [1, 1]);
    return (
      shared !== undefined &&
      alone.every((outputs, index) => outputs.every((output, place) => alike(output, shared[index]?.[place])))
    );
  }

  /** The largest size that still lowers the time per row. */
  async bestRows(single: number, maxRows: number): Promise<number> {
    let [best, perRow, misses] = [1, single, 0];
    for (let count = 2; count <= maxRows && this.has(single * count); count *= 2) {
      const cost = (await this.time(count)) / count;
      if (cost <= perRow * WORTH) [best, perRow, misses] = [count, cost, 0];
      else if (++misses === MOST_MISSES) break;
    }
    return best;
  }

  private run(inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    return this.model.run(
      inputs,
      this.signature.outputs.map(({ name }) => name),
    );
  }
}

/**
 * Finds out how a model is best run, on made-up inputs and within a time budget. It warms the model up, too.
 *
 * @param now clock, in milliseconds
 */
export async function measure(
  model: Measurable,
  { maxRows, budgetMs }: MeasureOptions,
  now = (): number => performance.now(),
): Promise<Measured> {
  const measurement = await Measurement.begin(model, budgetMs, now);
  if (measurement === undefined || model.signature === undefined) return { runMs: undefined, maxRows: 1 };
  const runMs = await measurement.time(1, PROOF_RUNS);
  if (maxRows < 2 || !mayBatch(model.signature)) return { runMs, maxRows: 1 };
  // What is not known to be independent is not batched, and batches of runs that long would be worth little.
  if (!measurement.has(PROOF_RUNS * runMs)) return { runMs, maxRows: 1 };
  try {
    if (!(await measurement.isIndependent())) return { runMs, maxRows: 1 };
    return { runMs, maxRows: await measurement.bestRows(runMs, maxRows) };
  } catch {
    return { runMs, maxRows: 1 };
  }
}

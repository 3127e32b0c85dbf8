import { performance } from 'node:perf_hooks';
import { mayBatch, mergeInputs, splitOutputs } from '../batching/tensors';
import type { ModelSignature } from '../backends/backend';
import { packElements } from '../tensors/elements';
import { elementCount } from '../tensors/tensor';
import type { Tensor, TensorSpec } from '../tensors/tensor';
import { alike } from './alike';
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
/** Rows that are run alone, and again in one batch, to see whether they are independent. */
const PROVEN = 2;
/** Rows of that batch: those that come on top tell how large outputs are. A slow model has only those of the proof. */
const COMPANY = 8;
/** Runs of one row that the proof takes. */
const PROOF_RUNS = 2 * PROVEN;

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

const outputsOf = ({ outputs }: ModelSignature): readonly string[] => outputs.map(({ name }) => name);

/** Measures one model; the first of the rows is one that it was seen to take. */
class Measurement {
  constructor(
    private readonly model: Measurable,
    private readonly signature: ModelSignature,
    private readonly rows: readonly (readonly Tensor[])[],
    private readonly until: number,
    private readonly now: () => number,
  ) {}

  /** Makes up inputs that the model takes. */
  static async begin(model: Measurable, budgetMs: number, now: () => number): Promise<Measurement | undefined> {
    const { signature } = model;
    if (signature === undefined) return undefined;
    for (const open of OPEN_SIZES) {
      const make = (seed: number): Tensor[] => signature.inputs.map((spec, place) => row(spec, open, seed + place));
      const rows = Array.from({ length: COMPANY }, (_, index) => make(1 + 1000 * index));
      const isTaken = await model.run(rows[0] ?? [], outputsOf(signature)).then(Boolean, () => false);
      // What is made at first use, such as the kernels of a graphics processor, may take longer than all of the rest.
      if (isTaken) return new Measurement(model, signature, rows, now() + budgetMs, now);
    }
    return undefined;
  }

  /**
   * Milliseconds of a run of this many rows: the best of a few.
   *
   * @param kept runs for which the budget has to be enough afterwards
   */
  async time(count: number, kept = 0): Promise<number> {
    const inputs = mergeInputs(Array.from({ length: count }, (_, index) => this.rows[index % PROVEN] ?? []));
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

  /**
   * True when rows give in one batch what each gives alone: an open first dimension does not promise that.
   *
   * @param single milliseconds of a run of one row
   */
  async isIndependent(single: number): Promise<boolean> {
    const rows = this.rows.slice(0, this.has((PROVEN + COMPANY) * single) ? COMPANY : PROVEN);
    const alone: (readonly Tensor[])[] = [];
    for (const row of rows.slice(0, PROVEN)) alone.push(await this.run(row));
    const batch = await this.run(mergeInputs(rows));
    const shared = splitOutputs(
      batch,
      rows.map(() => 1),
    );
    if (shared === undefined) return false;
    const of = (all: readonly (readonly Tensor[])[], place: number): Tensor[] =>
      all.slice(0, PROVEN).flatMap((outputs) => outputs[place] ?? []);
    return batch.every((output, place) => alike({ alone: of(alone, place), shared: of(shared, place), batch: output }));
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
    return this.model.run(inputs, outputsOf(this.signature));
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
    if (!(await measurement.isIndependent(runMs))) return { runMs, maxRows: 1 };
    return { runMs, maxRows: await measurement.bestRows(runMs, maxRows) };
  } catch {
    return { runMs, maxRows: 1 };
  }
}

import type { Backend, ModelSignature } from '../../inference/backends/backend';
import type { Tensor } from '../../inference/tensors/tensor';
import { notRunnable } from './errors';
import { fitted, rowsOf } from './samples';
import type { Sample } from './samples';
import { classesOf, Comparison } from './statistics';
import type { OutputStatistics } from './statistics';
import type { Toolkit } from './toolkit';

/** How fast two models answered the same requests, one after the other in turn. Milliseconds. */
export interface Speed {
  readonly original: number;
  readonly changed: number;
  /** How many times as fast the new model is. */
  readonly ratio: number;
  readonly rounds: number;
}

/** What two models answered to the same samples. */
export interface TrialReport {
  readonly samples: number;
  readonly outputs: readonly OutputStatistics[];
  /** Share of the labels that each model finds. @default - samples without labels, or no output that names classes */
  readonly accuracy?: {
    readonly output: string;
    readonly rows: number;
    readonly original: number;
    readonly changed: number;
  };
  readonly speed: Speed;
}

/** A model in this process. */
export class LoadedModel {
  private constructor(
    readonly signature: ModelSignature,
    private readonly backend: Backend,
    private readonly what: string,
  ) {}

  /** Loads a model. @param what names it in messages @throws LNMT6036 */
  static async load(toolkit: Toolkit, file: string, threads: number, what: string): Promise<LoadedModel> {
    const backend = new toolkit.OnnxBackend({ executionProvider: 'cpu', threads });
    try {
      return new LoadedModel(await backend.load(file), backend, what);
    } catch (error) {
      throw notRunnable(what, error instanceof Error ? error.message : String(error));
    }
  }

  /** Answers a sample. @throws LNMT6036 */
  async run(sample: Sample, outputs = this.signature.outputs.map(({ name }) => name)): Promise<readonly Tensor[]> {
    try {
      return await this.backend.run(fitted(sample, this.signature.inputs), outputs);
    } catch (error) {
      throw notRunnable(this.what, error instanceof Error ? error.message : String(error));
    }
  }

  close(): Promise<void> {
    return this.backend.close();
  }
}

const LEAST_ROUNDS = 5;
const MOST_ROUNDS = 51;
const SPEED_MS = 5_000;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Measures by turns, so that what else the machine does concerns both models. */
async function measure(original: LoadedModel, changed: LoadedModel, samples: readonly Sample[]): Promise<Speed> {
  const times: [number[], number[]] = [[], []];
  const end = performance.now() + SPEED_MS;
  let round = 0;
  for (; round < MOST_ROUNDS && (round < LEAST_ROUNDS || performance.now() < end); round += 1) {
    const sample = samples[round % samples.length];
    if (sample === undefined) break;
    times[0].push(await timed(() => original.run(sample)));
    times[1].push(await timed(() => changed.run(sample)));
  }
  const [before, after] = [median(times[0]), median(times[1])];
  return { original: before, changed: after, ratio: after === 0 ? 1 : before / after, rounds: round };
}

/** Counts the labels that a model finds. */
class Accuracy {
  private rows = 0;
  private readonly found = [0, 0];
  private output: string | undefined;

  constructor(
    private readonly toolkit: Toolkit,
    private readonly wanted: string | undefined,
  ) {}

  add(sample: Sample, answers: readonly (readonly Tensor[])[]): void {
    const { labels } = sample;
    if (labels === undefined || labels.length !== rowsOf(sample)) return;
    const named = (answers[0] ?? []).filter(({ name }) => name === (this.output ?? this.wanted ?? name));
    // A label that the model itself states comes before one that is read from numbers.
    const ordered = [...named].sort(
      (a, b) => Number(a.datatype.startsWith('FP')) - Number(b.datatype.startsWith('FP')),
    );
    const output = ordered.find((answer) => classesOf(answer, labels.length, this.toolkit) !== undefined)?.name;
    if (output === undefined) return;
    this.output = output;
    this.rows += labels.length;
    answers.forEach((tensors, model) => {
      const answer = tensors.find(({ name }) => name === output);
      const classes = answer && classesOf(answer, labels.length, this.toolkit);
      const right = labels.filter((label, row) => label === classes?.[row]).length;
      this.found[model] = (this.found[model] ?? 0) + right;
    });
  }

  get report(): Pick<TrialReport, 'accuracy'> {
    if (this.output === undefined || this.rows === 0) return {};
    const [original = 0, changed = 0] = this.found.map((count) => count / this.rows);
    return { accuracy: { output: this.output, rows: this.rows, original, changed } };
  }
}

/** Runs two models on the same samples. @param output that names the class, where there are several */
export async function tryModels(
  toolkit: Toolkit,
  models: readonly [original: LoadedModel, changed: LoadedModel],
  samples: readonly Sample[],
  output?: string,
): Promise<TrialReport> {
  const [original, changed] = models;
  const comparisons = original.signature.outputs.map(({ name }) => new Comparison(name, toolkit));
  const accuracy = new Accuracy(toolkit, output);
  for (const sample of samples) {
    const answers = [await original.run(sample), await changed.run(sample)];
    comparisons.forEach((comparison, index) => {
      const [before, after] = answers.map((tensors) => tensors[index]);
      if (before && after) comparison.add(before, after);
    });
    accuracy.add(sample, answers);
  }
  const speed = await measure(original, changed, samples);
  const outputs = comparisons.map(({ statistics }) => statistics);
  return { samples: samples.length, outputs, ...accuracy.report, speed };
}

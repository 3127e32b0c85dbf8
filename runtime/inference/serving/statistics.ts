import { asRequestError } from '../../shared/errors';
import type { ModelIdentity } from '../data-plane';
import type { Tallies, Tally } from '../metric-aliases/tallies';
import type { KnownModels } from '../observe';
import type { Infer, Layer } from './layer';

/** How often, and how long in all. */
export interface Duration {
  readonly count: number;
  /** Nanoseconds. */
  readonly ns: number;
}

/** What one version of a model has done, in the words of the statistics extension. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  /** Milliseconds since the epoch at which the last request was over; 0 before the first. */
  readonly last_inference: number;
  /** Rows that the model ran and answered; a batch of n counts n. */
  readonly inference_count: number;
  /** Runs that were answered; one may hold several requests. */
  readonly execution_count: number;
  readonly inference_stats: {
    readonly success: Duration;
    readonly fail: Duration;
    /** This and the parts of the run: of answered requests. Each has all of the time of its batch. */
    readonly queue: Duration;
    readonly compute_input: Duration;
    /** Moving tensors into and out of the model’s process is part of it. */
    readonly compute_infer: Duration;
    readonly compute_output: Duration;
    /** Answers that were kept or on their way, and the time until they were there. */
    readonly cache_hit: Duration;
    /** Those that were not, and the time until that was known. */
    readonly cache_miss: Duration;
  };
}

const NANOSECONDS = 1e9;

const duration = (count: number, seconds: number): Duration => ({ count, ns: Math.round(seconds * NANOSECONDS) });

function statisticsOf(tally: Tally): Omit<ModelStatistics, 'name' | 'version'> {
  const { requests } = tally;
  const failures = Object.values(tally.failures).reduce((sum, count) => sum + count, 0);
  return {
    ...{ last_inference: tally.lastRequest, inference_count: tally.inferences, execution_count: tally.executions },
    inference_stats: {
      success: duration(tally.success, tally.requestTime),
      fail: duration(failures, tally.failureTime),
      queue: duration(requests, tally.queueTime),
      compute_input: duration(requests, tally.inputTime),
      compute_infer: duration(requests, tally.inferTime),
      compute_output: duration(requests, tally.outputTime),
      cache_hit: duration(tally.cacheHits, tally.cacheHitTime),
      cache_miss: duration(tally.cacheMisses, tally.cacheMissTime),
    },
  };
}

/** Tells what versions have done, from the sums that the metrics under the names of Triton are written from. */
export class Statistics {
  constructor(
    private readonly models: Pick<KnownModels, 'known'>,
    private readonly tallies: Tallies,
  ) {}

  /** Counts calls that come from no transport: those of the steps of pipelines. */
  readonly layer: Layer =
    (next: Infer): Infer =>
    async (call) => {
      const started = performance.now();
      let model: ModelIdentity | undefined;
      const answering = (chosen: ModelIdentity): void => {
        model = chosen;
        call.answering?.(chosen);
      };
      const ended = (of: ModelIdentity, status: number, code?: string): void =>
        this.tallyOf(of).ended(status, code, (performance.now() - started) / 1000);
      try {
        const answer = await next({ ...call, answering });
        ended(answer.model, 200);
        return answer;
      } catch (error) {
        model ??= this.models.known(call.name, call.version);
        const { status, code } = asRequestError(error);
        if (model !== undefined) ended(model, status, code);
        throw error;
      }
    };

  /** What these versions have done since the server started. */
  of(versions: readonly ModelIdentity[]): readonly ModelStatistics[] {
    return versions.map((model) => ({
      ...{ name: model.name, version: model.version },
      ...statisticsOf(this.tallyOf(model)),
    }));
  }

  private tallyOf({ name, version }: ModelIdentity): Tally {
    return this.tallies.of({ model: name, version });
  }
}

import type { FastifyBaseLogger } from 'fastify';
import { internalError } from '../../shared/errors';
import type { Backend } from '../backends/backend';
import type { ModelIdentity } from '../data-plane';
import { isOutOfMemory, runReasonOf } from '../errors';
import { errorOf } from '../generation/protocol';
import type { ServerMetrics } from '../observe';

/** Milliseconds between two lines of one model and code: clients decide how often a run fails, and must not fill the log. */
const QUIET_MS = 10_000;

/** Told of each run that failed. */
export type RunFailed = (error: unknown) => void;

/** Code of a failure; what has none is a fault of ours. */
export function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && code.startsWith('LNMT') ? code : internalError(error).code;
}

/**
 * Counts the failed runs of a model, and logs what it says of them: never a value of a request, and at most one line in
 * ten seconds for each code, with the number of failures since the last one.
 *
 * @param now milliseconds of a monotonic clock
 */
export function observeFailures(
  metrics: Pick<ServerMetrics, 'runFailures'>,
  model: ModelIdentity,
  log: Pick<FastifyBaseLogger, 'warn'>,
  now: () => number,
): RunFailed {
  const said = new Map<string, { at: number; failures: number }>();
  return (error) => {
    const code = codeOf(error);
    metrics.runFailures.inc({ model: model.name, version: model.version, code });
    const reason = runReasonOf(error);
    if (reason === undefined) return;
    const last = said.get(code) ?? { at: Number.NEGATIVE_INFINITY, failures: 0 };
    said.set(code, last);
    last.failures += 1;
    if (now() - last.at < QUIET_MS) return;
    const what = isOutOfMemory(error) ? 'the model had no memory for a run' : 'the model refused an input';
    log.warn({ ...model, code, reason, failures: last.failures }, what);
    [last.at, last.failures] = [now(), 0];
  };
}

/** The answers of a decoder, whose failures are told. */
export function watchedAnswers(backend: Backend, failed: RunFailed): Pick<Backend, 'generate'> {
  const generate = backend.generate?.bind(backend);
  if (generate === undefined) return {};
  return {
    generate: (work, listener) =>
      generate(work, {
        step: (step) => {
          if (step.finish === 'failed') failed(errorOf(step));
          listener.step(step);
        },
        fail: (error) => {
          failed(error);
          listener.fail(error);
        },
      }),
  };
}

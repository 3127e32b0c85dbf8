import { INFERENCE_ENV, memoryForModels, modelCacheBytes } from '../../runtime/contract';
import type { EnvSettings, InferenceSetting } from '../../runtime/contract';
import type { InferenceWorkloadProps } from './inference-workload-props';
import { amount } from './quantity';
import { inferenceResources } from './resources';

/** GiB of the volume for model files when nothing is said. */
export const MODEL_CACHE_GIB = 10;

/** Seconds between two startup probes. */
export const STARTUP_PERIOD_SECONDS = 5;

/** Settings that keep models within memory, disk and time of their pod; each is left to `env` where that says another. */
export function modelBudgets(props: InferenceWorkloadProps): EnvSettings<typeof INFERENCE_ENV> {
  const { env = {}, secretEnv = {}, modelCacheGiB = MODEL_CACHE_GIB } = props;
  const unlessGiven = (setting: InferenceSetting, value: string | undefined): string | undefined =>
    INFERENCE_ENV[setting].name in { ...env, ...secretEnv } ? undefined : value;
  const memory = memoryOf(props);
  return {
    hostMemoryBytes: unlessGiven('hostMemoryBytes', memory),
    // One model has the whole of it without being counted, and counting begins with an estimate.
    modelMemoryBytes: unlessGiven('modelMemoryBytes', servesSeveral(props) ? memory : undefined),
    modelCacheBytes: unlessGiven('modelCacheBytes', String(modelCacheBytes(modelCacheGiB))),
    loadTimeout: unlessGiven('loadTimeout', loadTimeoutOf(props)),
  };
}

/** Seconds that a start is allowed to take: twice what is expected. */
export function startupBudget(props: InferenceWorkloadProps): number {
  const expected = props.startupSeconds ?? (props.accelerator ? 300 : 60);
  return Math.ceil((2 * expected) / STARTUP_PERIOD_SECONDS) * STARTUP_PERIOD_SECONDS;
}

/** A load may take as long as a start, and is never cut shorter than by default: it may come beside one that serves. */
function loadTimeoutOf(props: InferenceWorkloadProps): string | undefined {
  const budget = startupBudget(props);
  return budget > Number(INFERENCE_ENV.loadTimeout.default) ? String(budget) : undefined;
}

/** What models may take of the container. With an accelerator nobody knows: its libraries hold far more than they use. */
function memoryOf(props: InferenceWorkloadProps): string | undefined {
  const { accelerator, env = {} } = props;
  const limit = amount('memoryLimit', inferenceResources(props).memoryLimit);
  // Answers that are kept lie in the memory of the same container. What is known later counts as nothing.
  const kept = Number(env[INFERENCE_ENV.responseCacheBytes.name] ?? 0);
  const bytes = limit === undefined ? undefined : memoryForModels(limit - (Number.isSafeInteger(kept) ? kept : 0));
  return bytes === undefined || accelerator !== undefined ? undefined : String(bytes);
}

function servesSeveral({ files, env = {} }: InferenceWorkloadProps): boolean {
  const { modelsFile, modelRepository } = INFERENCE_ENV;
  return files?.models !== undefined || modelsFile.name in env || modelRepository.name in env;
}

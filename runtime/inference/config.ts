import { INFERENCE_ENV, memoryForModels } from '../contract';
import { EnvError, readEnv } from '../shared/env';
import type { EnvValues } from '../shared/env';
import { accessProblems } from './access-config';
import { edgeProblems } from './edge/config';
import type { BatchSettings } from './batching/batcher';
import { signatureProblems } from './signing/open';
import type { TextLimits } from './text/model';
import type { ModelLocation } from './models/location';
import { payloadProblems } from './payload-log/open';
import { chooseModels, missingModel } from './models-config';
import { choosePipelines } from './pipelines/config';
import type { PipelineSpec } from './pipelines';
import type { ConfiguredModel } from './models-config';
import { cacheProblems, cacheSettings } from './response-cache/config';
import type { ResponseCacheSettings } from './response-cache/build-cache';

export { isLoopback } from './access-config';
export { parseStoreUri } from './models/location';
export type { StoreLocation } from './models/location';

/** Settings of the server, checked and immutable. Durations in seconds, sizes in bytes. */
export type InferenceConfig = EnvValues<typeof INFERENCE_ENV> & {
  /** Models that are served from the start. */
  readonly models: readonly ConfiguredModel[];
  /** Where all other models come from; absent when no others are served. */
  readonly repository: ModelLocation | undefined;
  /** Pipelines over the models. */
  readonly pipelines: readonly PipelineSpec[];
  readonly batching: BatchSettings;
  readonly text: TextLimits;
  /** Absent where no answers are kept. */
  readonly responseCache: ResponseCacheSettings | undefined;
};

type Values = EnvValues<typeof INFERENCE_ENV>;

const SIZE = /^[1-9]\d{0,3}$/;

/** The sizes of a list such as `8,16`; undefined when it is none. */
function parseSizes(list: readonly string[]): readonly number[] | undefined {
  if (!list.every((text) => SIZE.test(text))) return undefined;
  return list.map(Number).sort((a, b) => a - b);
}

function problemsOf(values: Values): string[] {
  const problems: string[] = [];
  if (!parseSizes(values.preferredBatchSizes ?? [])) {
    problems.push(`${INFERENCE_ENV.preferredBatchSizes.name} is not a list of sizes from 1 to 9999, such as 8,16`);
  }
  if (values.executionProvider === 'webgpu' && values.gpuIndex !== 0) {
    const { executionProvider, gpuIndex } = INFERENCE_ENV;
    problems.push(`${gpuIndex.name} is ${values.gpuIndex}, and ${executionProvider.name} webgpu takes the first GPU`);
  }
  const features = [...signatureProblems(values), ...payloadProblems(values), ...cacheProblems(values)];
  problems.push(...accessProblems(values), ...features);
  problems.push(...edgeProblems(values));
  return problems;
}

function readValues(env: Readonly<Record<string, string | undefined>>, missing: readonly string[]): Values {
  try {
    const values = readEnv(INFERENCE_ENV, env);
    const isTold = Boolean(env[INFERENCE_ENV.hostMemoryBytes.name]);
    return { ...values, hostMemoryBytes: hostMemoryOf(values, isTold) };
  } catch (error) {
    throw error instanceof EnvError ? new EnvError([...missing, ...error.problems]) : error;
  }
}

/** What a process of a model may hold: as told, else what this process leaves of the container. GPU libraries reserve more. */
function hostMemoryOf({ hostMemoryBytes, memoryLimitBytes = 0, executionProvider }: Values, isTold: boolean): number {
  if (isTold || executionProvider !== 'cpu') return hostMemoryBytes;
  return memoryForModels(memoryLimitBytes) ?? 0;
}

/**
 * Reads the configuration from an environment.
 *
 * @throws EnvError that names every fault at once
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): InferenceConfig {
  const missing = missingModel(env);
  const values = readValues(env, missing);
  const { models, repository, problems: modelProblems } = chooseModels(values);
  const { pipelines, problems: pipelineProblems } = choosePipelines(values, models);
  const problems = [...missing, ...modelProblems, ...pipelineProblems, ...problemsOf(values)];
  if (problems.length > 0) throw new EnvError(problems);
  const batching: BatchSettings = {
    maxRows: values.maxBatchSize,
    maxDelay: values.maxQueueDelay,
    preferred: parseSizes(values.preferredBatchSizes ?? []) ?? [],
    maxQueue: values.maxQueueSize,
  };
  const text: TextLimits = { maxRows: values.maxSequences, cacheBytes: values.kvCacheBytes };
  const responseCache = cacheSettings(values);
  return Object.freeze({ ...values, models, repository, pipelines, batching, text, responseCache });
}

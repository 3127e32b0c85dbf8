import { MODEL_STORE } from '../../contract';
import { ModelError } from '../errors';
import type { ModelSettings } from '../registry';
import type { VersionPolicy } from '../registry';
import { parseTextProto } from './text-proto';
import { ENSEMBLE_FIELD, parseTritonEnsemble } from './triton-ensemble';
import type { TextMessage, TextValue } from './text-proto';

const invalid = (what: string): ModelError => new ModelError('LNMT8310', `config.pbtxt: ${what}`);

/** Ways of serving that need a state; they are refused rather than ignored. */
const UNSERVED = ['sequence_batching', 'model_transaction_policy'];
const PLATFORMS = ['', 'onnxruntime_onnx'];
const BACKENDS = ['', 'onnxruntime'];
const MOST = { batch: 4_096, instances: 64, versions: 1_000, delayMicroseconds: 10_000_000 } as const;

const last = (message: TextMessage, field: string): TextValue | undefined => message.get(field)?.at(-1);

function text(message: TextMessage, field: string): string {
  const value = last(message, field) ?? '';
  if (typeof value !== 'string') throw invalid(`${field} is not a text`);
  return value;
}

function integer(value: TextValue | undefined, field: string, most: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw invalid(`${field} is not an integer from 0 to ${most}`);
}

function inner(message: TextMessage, field: string): TextMessage | undefined {
  const value = last(message, field);
  if (value === undefined || value instanceof Map) return value;
  throw invalid(`${field} is not a message`);
}

function versionsOf(message: TextMessage): VersionPolicy | undefined {
  const policy = inner(message, 'version_policy');
  if (policy === undefined) return undefined;
  if (policy.has('all')) return { kind: 'all' };
  const specific = inner(policy, 'specific');
  if (specific) {
    const versions = (specific.get('versions') ?? []).map((each) => integer(each, 'versions', Number.MAX_SAFE_INTEGER));
    if (versions.length === 0) throw invalid('specific names no versions');
    return { kind: 'specific', versions: versions.map(String) };
  }
  const latest = inner(policy, 'latest');
  const count = integer(latest && last(latest, 'num_versions'), 'num_versions', MOST.versions) ?? 1;
  return { kind: 'latest', count: Math.max(1, count) };
}

function batchingOf(
  message: TextMessage,
): Pick<ModelSettings, 'maxBatchSize' | 'preferredBatchSizes' | 'maxQueueDelay'> {
  const size = integer(last(message, 'max_batch_size'), 'max_batch_size', MOST.batch);
  // 0 says that the model has no dimension for a batch.
  const maxBatchSize = size === undefined ? {} : { maxBatchSize: Math.max(1, size) };
  const batching = inner(message, 'dynamic_batching');
  if (batching === undefined) return maxBatchSize;
  const sizes = (batching.get('preferred_batch_size') ?? []).map(
    (each) => integer(each, 'preferred_batch_size', MOST.batch) ?? 0,
  );
  const delay = integer(
    last(batching, 'max_queue_delay_microseconds'),
    'max_queue_delay_microseconds',
    MOST.delayMicroseconds,
  );
  return {
    ...maxBatchSize,
    ...(sizes.length > 0 ? { preferredBatchSizes: sizes.filter((each) => each > 0).sort((a, b) => a - b) } : {}),
    ...(delay === undefined ? {} : { maxQueueDelay: delay / 1e6 }),
  };
}

function instancesOf(message: TextMessage): Pick<ModelSettings, 'instances' | 'device'> {
  const groups = (message.get('instance_group') ?? []).map((group) => {
    if (!(group instanceof Map)) throw invalid('instance_group is not a message');
    return group as TextMessage;
  });
  if (groups.length === 0) return {};
  const kinds = new Set(groups.map((group) => text(group, 'kind') || 'KIND_AUTO'));
  if (kinds.size > 1) throw invalid('instance_group has several kinds; one model runs on one device here');
  const instances = groups.reduce(
    (sum, group) => sum + Math.max(1, integer(last(group, 'count'), 'count', MOST.instances) ?? 1),
    0,
  );
  if (kinds.has('KIND_CPU')) return { instances, device: 'cpu' };
  if (kinds.has('KIND_GPU')) return { instances, device: 'gpu' };
  if (kinds.has('KIND_AUTO')) return { instances };
  throw invalid(`instance_group has the kind ${[...kinds].join()}`);
}

/**
 * Reads the part of Triton's model configuration that has a meaning here; what only describes the model is passed over.
 *
 * @see https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_configuration.md
 * @throws ModelError for a configuration that cannot be kept
 */
export function parseTritonConfig(content: string, name: string): ModelSettings {
  let message: TextMessage;
  try {
    message = parseTextProto(content);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
  if (message.has(ENSEMBLE_FIELD)) {
    // What is wrong with it, if something is; else it stands where only models are.
    parseTritonEnsemble(content, { name, version: '1', required: false });
    throw invalid('an ensemble is no model; it is served as a pipeline, from a repository that is served as a whole');
  }
  const stranger = UNSERVED.find((field) => message.has(field));
  if (stranger !== undefined) throw invalid(`${stranger} is not served`);
  const named = text(message, 'name');
  if (named !== '' && named !== name) throw invalid(`name is ${named}, the folder is ${name}`);
  if (!PLATFORMS.includes(text(message, 'platform')) || !BACKENDS.includes(text(message, 'backend'))) {
    throw invalid('the platform is not onnxruntime_onnx');
  }
  const file = text(message, 'default_model_filename');
  if (file !== '' && file !== MODEL_STORE.model) throw invalid(`default_model_filename is not ${MODEL_STORE.model}`);
  const versions = versionsOf(message);
  return { ...batchingOf(message), ...instancesOf(message), ...(versions ? { versions } : {}) };
}

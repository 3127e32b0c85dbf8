import { Problems, problemText } from '../pipelines/problems';
import { readPipeline } from '../pipelines/read-file';
import type { PipelineSpec } from '../pipelines';
import { invalidConfig, lastOf, messagesOf, textOf } from './text-fields';
import { parseTextProto } from './text-proto';
import type { TextMessage } from './text-proto';

/** Field that makes a configuration one of an ensemble. */
export const ENSEMBLE_FIELD = 'ensemble_scheduling';

/** What the folder of an ensemble says beside its configuration. */
export interface EnsembleFolder {
  readonly name: string;
  readonly version: string;
  /** Whether the server waits for it. */
  readonly required: boolean;
}

const ROOT = 'ensemble';
const TYPE = /^TYPE_(?!BF16$)/;

function datatypeOf(message: TextMessage): string {
  const type = textOf(message, 'data_type');
  if (type === 'TYPE_STRING') return 'BYTES';
  if (!TYPE.test(type)) throw invalidConfig(`data_type ${type || '(none)'} is not served`);
  return type.replace(TYPE, '');
}

/** Inputs or outputs of the ensemble. Where it batches, its shapes leave out the batch. */
function tensorsOf(message: TextMessage, field: 'input' | 'output', batches: boolean): readonly object[] {
  return messagesOf(message, field).map((tensor) => {
    if (tensor.has('reshape')) throw invalidConfig(`${field}: reshape is not served`);
    const dims = tensor.get('dims') ?? [];
    return { name: textOf(tensor, 'name'), datatype: datatypeOf(tensor), shape: batches ? [-1, ...dims] : dims };
  });
}

function mapOf(step: TextMessage, field: 'input_map' | 'output_map'): Readonly<Record<string, string>> {
  const entries = messagesOf(step, field).map((entry) => [textOf(entry, 'key'), textOf(entry, 'value')] as const);
  const keys = entries.map(([key]) => key);
  const twice = keys.find((key, index) => keys.indexOf(key) < index);
  if (twice !== undefined) throw invalidConfig(`${field} names ${JSON.stringify(twice)} twice`);
  return Object.fromEntries(entries);
}

/** A step under the name of its model; more steps of one model are counted. */
function stepsOf(scheduling: TextMessage): readonly object[] {
  const seen = new Map<string, number>();
  return messagesOf(scheduling, 'step').map((step) => {
    const model = textOf(step, 'model_name');
    const count = (seen.get(model) ?? 0) + 1;
    seen.set(model, count);
    const version = lastOf(step, 'model_version') ?? -1;
    return {
      ...{ model, name: count === 1 ? model.slice(0, 60) : `${model.slice(0, 60)}-${count}` },
      ...(version === -1 ? {} : { version }),
      ...{ inputs: mapOf(step, 'input_map'), outputs: mapOf(step, 'output_map') },
    };
  });
}

function parse(text: string): TextMessage {
  try {
    return parseTextProto(text);
  } catch (error) {
    throw invalidConfig(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Reads an ensemble in Triton's form as a pipeline: its steps run as soon as their tensors are there. Undefined for a
 * configuration of something else.
 *
 * @see https://github.com/triton-inference-server/server/blob/main/docs/user_guide/ensemble_models.md
 * @throws ModelError for an ensemble that cannot be served
 */
export function parseTritonEnsemble(text: string, folder: EnsembleFolder): PipelineSpec | undefined {
  if (!text.includes(ENSEMBLE_FIELD)) return undefined;
  const message = parse(text);
  const [scheduling] = messagesOf(message, ENSEMBLE_FIELD);
  if (scheduling === undefined) return undefined;
  const named = textOf(message, 'name');
  if (named !== '' && named !== folder.name) throw invalidConfig(`name is ${named}, the folder is ${folder.name}`);
  const batches = Number(lastOf(message, 'max_batch_size') ?? 0) > 0;
  const outputs = tensorsOf(message, 'output', batches);
  const names = outputs.map((output) => Reflect.get(output, 'name') as unknown);
  const problems = new Problems();
  const pipeline = readPipeline(
    {
      ...folder,
      ...{ root: ROOT, inputs: tensorsOf(message, 'input', batches), outputs },
      nodes: { [ROOT]: { kind: 'sequence', steps: stepsOf(scheduling), outputs: names } },
    },
    folder.name,
    problems,
  );
  if (problems.list.length > 0) throw invalidConfig(problems.list.map(problemText).join('; '));
  return pipeline;
}

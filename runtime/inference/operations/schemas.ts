import { GRAPHQL_LIMITS } from '../graphql/limits';
import { OPENAI_SCHEMAS } from './openai-schemas';
import { INLINE_MOST } from '../tensors/json';
import { TENSOR_LIMITS } from '../tensors/tensor';

/** A JSON Schema, as OpenAPI 3.1 has them. */
export type Schema = Readonly<Record<string, unknown>>;

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const list = (items: Schema, more: Schema = {}): Schema => ({ type: 'array', items, ...more });
const record = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 ? { required } : {}),
});

/** What may be left out; clients write null for that, too. */
const orNull = ({ type, ...rest }: Schema): Schema => ({ ...rest, type: [type, 'null'].flat() });

const count: Schema = { type: 'integer', minimum: 0 };
const tensorName: Schema = { type: 'string', minLength: 1, maxLength: 256 };
const datatype: Schema = {
  type: 'string',
  enum: [
    ...['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64'],
    ...['FP16', 'BF16', 'FP32', 'FP64', 'BYTES'],
  ],
};
const shape: Schema = list({ type: 'integer', minimum: 1 }, { maxItems: TENSOR_LIMITS.rank });
const parameterValue: Schema = { type: ['boolean', 'integer', 'number', 'string'] };
const parameters: Schema = { type: 'object', additionalProperties: parameterValue };
const requestParameters = orNull({ ...parameters, additionalProperties: orNull(parameterValue) });
const data: Schema = {
  type: 'array',
  description: 'Elements, flat or nested as the shape says. Absent where the tensor follows the JSON in binary form.',
};

const VARIABLES =
  `At most ${GRAPHQL_LIMITS.values} values: objects, lists and what stands in them. A tensor counts as one, and so do the ` +
  `tokens of a text. All of the body: at most ${INLINE_MOST.values} values and keys, and ${INLINE_MOST.numbers} numbers of up to 15 ` +
  `digits beside them; flat lists of numbers in \`data\` hold ${INLINE_MOST.spanBytes} bytes. Longer tensors travel as \`raw\`.`;

const STATISTICS = [
  ...['success', 'fail', 'queue', 'compute_input', 'compute_infer', 'compute_output', 'cache_hit', 'cache_miss'],
] as const;

/** Schemas by name. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: record({ error: text }, ['error']),
  Live: record({ live: flag }, ['live']),
  Ready: record({ ready: flag }, ['ready']),
  Started: record({ started: flag }, ['started']),
  ServerMetadata: record({ name: text, version: text, extensions: list(text) }, ['name', 'version', 'extensions']),
  TensorMetadata: record({ name: text, datatype, shape: list({ type: 'integer', minimum: -1 }) }, [
    ...['name', 'datatype', 'shape'],
  ]),
  ModelMetadata: record(
    {
      ...{ name: text, versions: list(text), platform: text },
      ...{ inputs: list(ref('TensorMetadata')), outputs: list(ref('TensorMetadata')) },
    },
    ['name', 'versions', 'platform', 'inputs', 'outputs'],
  ),
  TensorConfig: record({ name: text, data_type: text, dims: list({ type: 'integer', minimum: -1 }) }, [
    ...['name', 'data_type', 'dims'],
  ]),
  ModelConfig: record(
    {
      ...{ name: text, platform: text, backend: text, max_batch_size: { type: 'integer', minimum: 0 } },
      ...{ input: list(ref('TensorConfig')), output: list(ref('TensorConfig')) },
      instance_group: list(record({ name: text, kind: text, count: { type: 'integer' } })),
      dynamic_batching: record({
        preferred_batch_size: list({ type: 'integer' }),
        max_queue_delay_microseconds: { type: 'integer' },
      }),
    },
    ['name', 'platform', 'backend', 'max_batch_size', 'input', 'output'],
  ),
  Duration: record({ count, ns: count }, ['count', 'ns']),
  ModelStatistics: record({ model_stats: list(ref('VersionStatistics')) }, ['model_stats']),
  VersionStatistics: record(
    {
      ...{ name: text, version: text, last_inference: count, inference_count: count, execution_count: count },
      inference_stats: record(Object.fromEntries(STATISTICS.map((name) => [name, ref('Duration')])), STATISTICS),
    },
    ['name', 'version', 'last_inference', 'inference_count', 'execution_count', 'inference_stats'],
  ),
  ModelReady: record({ name: text, ready: flag }, ['name', 'ready']),
  RequestInput: record({ name: tensorName, datatype, shape, parameters: requestParameters, data: orNull(data) }, [
    ...['name', 'datatype', 'shape'],
  ]),
  RequestOutput: record({ name: tensorName, parameters: requestParameters }, ['name']),
  InferenceRequest: record(
    {
      ...{ id: orNull(text), parameters: requestParameters },
      inputs: list(ref('RequestInput'), { maxItems: TENSOR_LIMITS.tensors }),
      outputs: orNull(list(ref('RequestOutput'), { maxItems: TENSOR_LIMITS.tensors })),
    },
    ['inputs'],
  ),
  ResponseOutput: record({ name: text, datatype, shape: list({ type: 'integer' }), parameters, data }, [
    ...['name', 'datatype', 'shape'],
  ]),
  InferenceResponse: record(
    { model_name: text, model_version: text, id: text, parameters, outputs: list(ref('ResponseOutput')) },
    ['model_name', 'outputs'],
  ),
  RepositoryQuery: record({ ready: orNull(flag) }),
  RepositoryEntry: record({ name: text, version: text, state: text, reason: text }, ['name']),
  RepositoryIndex: list(ref('RepositoryEntry')),
  RepositoryParameters: record({
    parameters: orNull({ type: 'object', properties: { unload_dependents: {} }, additionalProperties: false }),
  }),
  Page: text,
  GraphQlRequest: record(
    {
      query: { type: 'string', minLength: 1, maxLength: GRAPHQL_LIMITS.bytes },
      operationName: { type: ['string', 'null'] },
      variables: { type: ['object', 'null'], description: VARIABLES },
      extensions: { type: ['object', 'null'] },
    },
    ['query'],
  ),
  GraphQlResponse: record({ data: {}, errors: list(ref('GraphQlError'), { minItems: 1 }) }),
  GraphQlError: record(
    {
      message: text,
      path: list({ type: ['string', 'integer'] }),
      extensions: record({ code: text, status: { type: 'integer' }, retryAfter: { type: 'integer' } }, [
        ...['code', 'status'],
      ]),
    },
    ['message', 'extensions'],
  ),
  TrafficDecision: record({ canary: { type: 'string', enum: ['promote', 'rollback', 'restart'] } }, ['canary']),
  ModelTraffic: record({ model: text, rule: { type: ['object', 'null'] }, canary: { type: ['object', 'null'] } }, [
    ...['model', 'rule', 'canary'],
  ]),
  ...OPENAI_SCHEMAS,
  Description: { type: 'object' },
};

/** What an operation takes and gives, by names of {@link SCHEMAS}. */
export interface Exchange {
  /** @default - no body */
  readonly request?: string;
  /** Whether a request without a body is refused. @default false */
  readonly needsBody?: boolean;
  /** @default - an empty body */
  readonly response?: string;
  /** What 503 says in the form of the answer. @default - it is an error as others are */
  readonly denial?: string;
  /** Form of errors. @default Error */
  readonly failure?: string;
  /** Whether the answer is a page for people. @default false */
  readonly page?: boolean;
  /** Whether the answer may be a stream of server-sent events. @default false */
  readonly streamed?: boolean;
  /** Whether bodies may carry binary tensors after the JSON. @default false */
  readonly binary?: boolean;
  /** Statuses other than 200 with their meaning, besides those that access and bodies bring. */
  readonly others?: Readonly<Record<number, string>>;
}

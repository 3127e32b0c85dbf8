import { checkBinary, splitBody } from '../tensors/binary';
import type { BinarySection } from '../tensors/binary';
import { parseJson } from '../tensors/json';
import { readRequest } from '../tensors/request';
import type { InferenceRequest } from '../tensors/request';
import { elementCount, isDatatype, TENSOR_LIMITS } from '../tensors/tensor';
import type { Tensor, TensorSpec } from '../tensors/tensor';
import type { ModelMetadata } from '../registry';

type Fields = Readonly<Record<string, unknown>>;

const VERSION = /^[\w.-]{1,64}$/;
const MAX_NAME = 256;
const MAX_VERSIONS = 1_000;

/** A request on its way to another server. */
export interface WireRequest {
  readonly body: Buffer;
  /** Bytes of its JSON part. */
  readonly headerBytes: number;
}

/** An answer of another server. */
export interface WireAnswer {
  /** What it says of the version; undefined when it says nothing that can be repeated. */
  readonly version: string | undefined;
  readonly outputs: readonly Tensor[];
}

function fields(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Error(`${where} is not an object`);
}

function list(value: unknown, where: string, most: number = TENSOR_LIMITS.tensors): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw new Error(`${where} is not a list of at most ${most}`);
}

function shapeOf(value: unknown, least: number): readonly number[] {
  const shape = list(value, 'shape', TENSOR_LIMITS.rank);
  const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && Number(size) >= least;
  if (!shape.every(isSize)) throw new Error('shape holds what is no size');
  return shape;
}

function headOf(object: Fields, least: number): Omit<TensorSpec, 'shape'> & { readonly shape: readonly number[] } {
  const { name, datatype } = object;
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME) throw new Error('a tensor has no name');
  if (!isDatatype(datatype)) throw new Error(`the datatype of ${JSON.stringify(name)} is not known`);
  return { name, datatype, shape: shapeOf(object['shape'], least) };
}

/** Parameters that say how a request travels: each server writes its own. What is left of `timeout` is in a header. */
const TRAVEL: ReadonlySet<string> = new Set(['binary_data_output', 'timeout', 'priority']);

/** What the request says beside its tensors, in JSON, which has neither infinities nor bounds of integers. */
function parametersOf({ parameters = {}, priority, cache }: InferenceRequest): string {
  const own = {
    binary_data_output: true,
    ...(priority ? { priority } : {}),
    ...(cache === undefined ? {} : { cache }),
  };
  const passed = Object.entries(parameters).filter(
    ([name, value]) =>
      !TRAVEL.has(name) && !Object.hasOwn(own, name) && (typeof value !== 'number' || Number.isFinite(value)),
  );
  const rows = [...Object.entries(own), ...passed].map(
    ([name, value]) => `${JSON.stringify(name)}:${typeof value === 'bigint' ? String(value) : JSON.stringify(value)}`,
  );
  return `{${rows.join(',')}}`;
}

/** Writes a request with all tensors in binary form, in both directions. */
export function writeWireRequest(request: InferenceRequest): WireRequest {
  const { id, inputs, outputs } = request;
  const head = JSON.stringify({
    id,
    inputs: inputs.map(({ name, datatype, shape, data }) => ({
      ...{ name, datatype, shape, parameters: { binary_data_size: data.byteLength } },
    })),
    outputs: outputs?.map((name) => ({ name, parameters: { binary_data: true } })),
  });
  const json = Buffer.from(`${head.slice(0, -1)},"parameters":${parametersOf(request)}}`);
  return { body: Buffer.concat([json, ...inputs.map(({ data }) => data)]), headerBytes: json.byteLength };
}

function outputOf(value: unknown, binary: BinarySection | undefined): Tensor {
  const object = fields(value, 'an output');
  const { name, datatype, shape } = headOf(object, 0);
  const where = `output ${JSON.stringify(name)}`;
  const size = fields(object['parameters'] ?? {}, 'parameters')['binary_data_size'];
  if (size === undefined) {
    // Servers without the binary extension write outputs as inputs are written.
    const [tensor] = readRequest({ inputs: [{ name, datatype, shape, data: object['data'] }] }).inputs;
    if (tensor !== undefined) return tensor;
  }
  if (binary === undefined) throw new Error(`${where} has no bytes`);
  const data = binary.take(size, where);
  if (elementCount(shape) > TENSOR_LIMITS.elements) throw new Error(`${where} is too large`);
  checkBinary(datatype, elementCount(shape), data, where);
  return { name, datatype, shape, data };
}

/** Reads an answer. @throws Error for whatever the protocol does not say */
export function readWireAnswer(body: Buffer, headerLength: string | undefined): WireAnswer {
  const { json, binary } = splitBody(body, headerLength);
  const object = fields(parseJson(json), 'the answer');
  const outputs = list(object['outputs'], 'outputs').map((output) => outputOf(output, binary));
  binary?.finish();
  const names = new Set(outputs.map(({ name }) => name));
  if (names.size < outputs.length) throw new Error('two outputs have the same name');
  const version = object['model_version'];
  return { version: typeof version === 'string' && VERSION.test(version) ? version : undefined, outputs };
}

/** Holds an answer to what was asked for. @throws Error */
export function checkOutputs(outputs: readonly Tensor[], wanted: readonly string[] | undefined): void {
  const names = new Set(outputs.map(({ name }) => name));
  const missing = wanted?.find((name) => !names.has(name));
  if (missing !== undefined) throw new Error(`the output ${JSON.stringify(missing)} is missing`);
}

/** Reads what another server says of a model. @throws Error */
export function readWireMetadata(body: Buffer, name: string): ModelMetadata {
  const object = fields(parseJson(body), 'the answer');
  const versions = list(object['versions'] ?? [], 'versions', MAX_VERSIONS);
  const isVersion = (version: unknown): version is string => typeof version === 'string' && VERSION.test(version);
  if (!versions.every(isVersion)) throw new Error('versions holds what is none');
  const specs = (key: string): TensorSpec[] => list(object[key], key).map((spec) => headOf(fields(spec, key), -1));
  return { name, versions, inputs: specs('inputs'), outputs: specs('outputs') };
}

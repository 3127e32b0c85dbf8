import type { Context } from '@opentelemetry/api';
import { invalidRequest } from '../errors';
import { checkBinary, splitBody, WIDENED, widenBfloat16 } from './binary';
import type { BinarySection, WireDatatype } from './binary';
import { ElementError, isText, packElements } from './elements';
import { NumberSpan, parseJson } from './json';
import type { JsonOptions } from './json';
import { KnownBodies, KnownHeads } from './known';
import { scanNumbers } from './numbers';
import { elementCount, isDatatype, TENSOR_LIMITS } from './tensor';
import type { Tensor } from './tensor';
import { refuseUnsupported, refuseUnsupportedOfInput, refuseUnsupportedOfOutput } from './unsupported';

/** Value of a parameter of a request. */
export type Parameter = string | number | bigint | boolean;

/** An inference request as the data plane takes it. */
export interface InferenceRequest {
  /** Returned with the answer. */
  readonly id: string | undefined;
  readonly inputs: readonly Tensor[];
  /** Names of the wanted outputs; all when absent. */
  readonly outputs: readonly string[] | undefined;
  /** Milliseconds on the clock of `performance.now()` at which the answer is of no use any more. @default - never */
  readonly deadline?: number | undefined;
  /** 1 is served first among those of its caller; requests that say nothing lie between the urgent and the others. */
  readonly priority?: number | undefined;
  /** False where the answer must neither come from a cache nor go into one. @default true */
  readonly cache?: boolean | undefined;
  /** Trace that it belongs to. */
  readonly trace?: Context | undefined;
  /** What the request says beside its tensors, where it says something. */
  readonly parameters?: Readonly<Record<string, Parameter>> | undefined;
}

/** What a request wants its outputs written as. */
export interface OutputForm {
  /** Form of outputs of which the request says nothing. */
  readonly binary: boolean;
  readonly byName: ReadonlyMap<string, boolean>;
}

/** A request as it was read: with the time that it grants from then on, and the form that its answer takes over HTTP. */
export interface HttpInferenceRequest extends Omit<InferenceRequest, 'deadline'> {
  /** Milliseconds. @default - it says nothing of time */
  readonly timeoutMs?: number | undefined;
  readonly form: OutputForm;
}

type Fields = Readonly<Record<string, unknown>>;
/** Values that are read one by one, at most. */
type Most = JsonOptions['most'];

const MAX_NAME = 256;
const MICROSECONDS = 1000;
const NO_FIELDS: Fields = {};

function fields(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberSpan)) {
    return value as Fields;
  }
  throw invalidRequest(`${where} is not an object`);
}

/** A member, null being none: clients write it for what they leave out. */
function own(object: Fields, key: string): unknown {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined;
}

function parametersOf(object: Fields, where: string): Fields {
  const value = own(object, 'parameters');
  return value === undefined ? NO_FIELDS : fields(value, `${where}.parameters`);
}

function flag(parameters: Fields, key: string, where: string): boolean | undefined {
  const value = own(parameters, key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidRequest(`${where}.parameters.${key} is not true or false`);
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidRequest(`${where} is not a list`);
  if (value.length > TENSOR_LIMITS.tensors)
    throw invalidRequest(`${where} has more than ${TENSOR_LIMITS.tensors} entries`);
  return value;
}

function nameOf(object: Fields, where: string): string {
  const name = own(object, 'name');
  if (typeof name === 'string' && name.length > 0 && name.length <= MAX_NAME) return name;
  throw invalidRequest(`${where}.name is not a string of 1 to ${MAX_NAME} characters`);
}

function shapeOf(object: Fields, where: string): readonly number[] {
  const shape = own(object, 'shape');
  if (!Array.isArray(shape) || shape.length > TENSOR_LIMITS.rank) {
    throw invalidRequest(`${where}: shape is not a list of at most ${TENSOR_LIMITS.rank} sizes`);
  }
  const isSize = (size: unknown): size is number => Number.isSafeInteger(size) && Number(size) > 0;
  if (!shape.every(isSize)) throw invalidRequest(`${where}: each size of shape is an integer from 1`);
  if (elementCount(shape) > TENSOR_LIMITS.elements) {
    throw invalidRequest(`${where}: shape has more than ${TENSOR_LIMITS.elements} elements`);
  }
  return shape;
}

function datatypeOf(object: Fields, where: string): WireDatatype {
  const datatype = own(object, 'datatype');
  if (isDatatype(datatype) || datatype === 'BF16') return datatype;
  throw invalidRequest(`${where}: datatype is missing or not supported`);
}

/** The elements of flat or nested data, in order; nesting must repeat the shape. */
function flatten(data: readonly unknown[], shape: readonly number[], where: string): readonly unknown[] {
  if (!Array.isArray(data[0])) return data;
  let level = data;
  for (const [axis, size] of shape.slice(1).entries()) {
    const fits = (item: unknown): item is unknown[] => Array.isArray(item) && item.length === size;
    if (!level.every(fits)) throw invalidRequest(`${where}: nested data does not follow shape at axis ${axis + 1}`);
    level = level.flat();
  }
  return level;
}

interface TensorHead {
  readonly name: string;
  readonly datatype: WireDatatype;
  readonly shape: readonly number[];
}

function fromJson({ head, data, where }: InputPlan, most: Most): Tensor {
  const { name, datatype, shape } = head;
  if (datatype === 'BF16') throw invalidRequest(`${where}: BF16 has no JSON form; send it as a binary tensor`);
  const count = elementCount(shape);
  const scanned = data instanceof NumberSpan ? scanNumbers(data, datatype, count) : undefined;
  if (scanned !== undefined) return { name, datatype, shape, data: scanned };
  if (data instanceof NumberSpan && data.count !== count) {
    throw invalidRequest(`${where}: shape [${shape.join(',')}] has ${count} elements, data has ${data.count}`);
  }
  const values = data instanceof NumberSpan ? data.values(most) : data;
  if (!Array.isArray(values)) throw invalidRequest(`${where}: neither data nor binary_data_size gives its elements`);
  const elements = flatten(values, shape, where);
  if (elements.length !== count) {
    throw invalidRequest(`${where}: shape [${shape.join(',')}] has ${count} elements, data has ${elements.length}`);
  }
  try {
    return { name, datatype, shape, data: packElements(datatype, elements) };
  } catch (error) {
    if (error instanceof ElementError) throw invalidRequest(`${where}: ${error.message}`);
    throw error;
  }
}

function fromBinary({ name, datatype, shape }: TensorHead, data: Uint8Array, where: string): Tensor {
  checkBinary(datatype, elementCount(shape), data, where);
  if (datatype !== 'BF16') return { name, datatype, shape, data };
  return { name, datatype: WIDENED.BF16, shape, data: widenBfloat16(data) };
}

/** What a request says of an input, before its elements are looked at. */
interface InputPlan {
  readonly head: TensorHead;
  readonly where: string;
  readonly data: unknown;
  /** Bytes of its binary tensor; undefined where its elements are JSON. */
  readonly size: unknown;
}

function inputOf(value: unknown, index: number): InputPlan {
  const object = fields(value, `inputs[${index}]`);
  const name = nameOf(object, `inputs[${index}]`);
  const where = `input ${JSON.stringify(name)}`;
  const head = { name, datatype: datatypeOf(object, where), shape: shapeOf(object, where) };
  const parameters = parametersOf(object, `inputs[${index}]`);
  refuseUnsupportedOfInput((key) => own(parameters, key), where);
  const [data, size] = [own(object, 'data'), own(parameters, 'binary_data_size')];
  if (data !== undefined && size !== undefined) {
    throw invalidRequest(`${where} has both data and binary_data_size`);
  }
  return { head, where, data, size };
}

function tensorOf(plan: InputPlan, binary: BinarySection | undefined, most: Most): Tensor {
  const { head, where, size } = plan;
  if (size === undefined) return fromJson(plan, most);
  if (binary === undefined) {
    throw invalidRequest(`${where}: binary_data_size needs the header Inference-Header-Content-Length`);
  }
  return fromBinary(head, binary.take(size, where), where);
}

function refuseRepeats(names: readonly string[], where: string): void {
  if (new Set(names).size === names.length) return;
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  throw invalidRequest(`${where} names ${JSON.stringify(repeated)} twice`);
}

function outputOf(value: unknown, index: number): readonly [string, boolean | undefined] {
  const where = `outputs[${index}]`;
  const object = fields(value, where);
  const parameters = parametersOf(object, where);
  refuseUnsupportedOfOutput((key) => own(parameters, key), where);
  return [nameOf(object, where), flag(parameters, 'binary_data', where)];
}

function wholeNumber(parameters: Fields, key: string): number | undefined {
  const value = own(parameters, key);
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw invalidRequest(`parameters.${key} is not an integer from 0`);
}

/** `timeout` in microseconds and `priority`, as the schedule-policy extension has them; 0 says nothing in both. */
function turnOf(parameters: Fields): Pick<HttpInferenceRequest, 'timeoutMs' | 'priority'> {
  const timeout = wholeNumber(parameters, 'timeout');
  const priority = wholeNumber(parameters, 'priority');
  return {
    timeoutMs: timeout ? timeout / MICROSECONDS : undefined,
    priority: priority || undefined,
  };
}

const isParameter = (value: unknown): value is Parameter =>
  ['string', 'number', 'bigint', 'boolean'].includes(typeof value);

/** The parameters that hold one value; undefined where there are none. */
function valuesOf(parameters: Fields): InferenceRequest['parameters'] {
  if (parameters === NO_FIELDS) return undefined;
  return Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, Parameter] => isParameter(entry[1])),
  );
}

/** Everything that the JSON of a request says, checked, but for the elements of its inputs. */
interface RequestPlan {
  readonly inputs: readonly InputPlan[];
  readonly said: Omit<HttpInferenceRequest, 'inputs'>;
}

function planOf(document: unknown): RequestPlan {
  const object = fields(document, 'the body');
  const id = own(object, 'id');
  if (id !== undefined && (typeof id !== 'string' || !isText(id)))
    throw invalidRequest('id is not a string of Unicode text');
  const parameters = parametersOf(object, 'the body');
  refuseUnsupported((key) => own(parameters, key));
  const inputs = list(own(object, 'inputs'), 'inputs').map(inputOf);
  refuseRepeats(
    inputs.map(({ head }) => head.name),
    'inputs',
  );
  const outputs = list(own(object, 'outputs') ?? [], 'outputs').map(outputOf);
  const names = outputs.map(([name]) => name);
  refuseRepeats(names, 'outputs');
  const forms = outputs.flatMap(([name, form]) => (form === undefined ? [] : [[name, form] as const]));
  const form = { binary: flag(parameters, 'binary_data_output', 'the body') ?? false, byName: new Map(forms) };
  const cache = flag(parameters, 'cache', 'the body');
  const turn = { ...turnOf(parameters), parameters: valuesOf(parameters), cache };
  return { inputs, said: { id, outputs: names.length > 0 ? names : undefined, ...turn, form } };
}

function fill({ inputs, said }: RequestPlan, binary: BinarySection | undefined, most?: Most): HttpInferenceRequest {
  const tensors = inputs.map((input) => tensorOf(input, binary, most));
  binary?.finish();
  return { ...said, inputs: tensors };
}

/**
 * Reads an Open Inference Protocol request whose JSON is parsed already.
 *
 * @param binary bytes that follow the JSON part, where there are any
 * @param most as {@link decodeRequest} has it
 * @throws RequestError that names the member at fault
 */
export function readRequest(document: unknown, binary?: BinarySection, most?: Most): HttpInferenceRequest {
  return fill(planOf(document), binary, most);
}

/** An entry of `inputs`. */
const isInput: JsonOptions['spans'] = (depth, rootKey) => depth === 3 && rootKey === 'inputs';

const knownHeads = new KnownHeads<RequestPlan>();
const knownBodies = new KnownBodies<RequestPlan>();

function withHead(json: Buffer, binary: BinarySection, most: Most): HttpInferenceRequest {
  const known = knownHeads.find(json);
  if (known !== undefined) return fill(known, binary);
  const plan = planOf(parseJson(json, { spans: isInput, most }));
  // What has elements in its JSON is another request each time.
  if (plan.inputs.every(({ size }) => size !== undefined)) knownHeads.keep(json, plan);
  return fill(plan, binary, most);
}

function withElements(json: Buffer, most: Most): HttpInferenceRequest {
  const known = knownBodies.find(json);
  if (known !== undefined) {
    const { plan, spans } = known;
    const inputs = plan.inputs.map((input, index) => ({ ...input, data: spans[index] }));
    return fill({ ...plan, inputs }, undefined, most);
  }
  const plan = planOf(parseJson(json, { spans: isInput, most }));
  const request = fill(plan, undefined, most);
  const spans = plan.inputs.flatMap(({ data }) => (data instanceof NumberSpan ? [data] : []));
  // Only where each input has one: they stand in the order of the inputs.
  if (spans.length !== plan.inputs.length) return request;
  knownBodies.keep(json, spans, {
    ...plan,
    inputs: plan.inputs.map((input) => ({ ...input, data: undefined })),
  });
  return request;
}

/**
 * Decodes an Open Inference Protocol request, with JSON tensors, binary tensors, or both.
 *
 * @param headerLength text of the header with the length of the JSON part, where there is one
 * @param most values that are read one by one, beside flat lists of numbers. @default - as many as there are
 * @throws TooMuchJson for more values than that
 * @throws RequestError that names the member at fault
 */
export function decodeRequest(body: Buffer, headerLength?: string, most?: Most): HttpInferenceRequest {
  const { json, binary } = splitBody(body, headerLength);
  return binary === undefined ? withElements(json, most) : withHead(json, binary, most);
}

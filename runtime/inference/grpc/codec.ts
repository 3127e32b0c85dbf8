import { invalidRequest, messageTooLong } from '../errors';
import type { ModelIdentity } from '../data-plane';
import { deadlineOf } from '../deadline';
import { checkBinary, WIDENED, widenBfloat16 } from '../tensors/binary';
import type { InferenceRequest, Parameter } from '../tensors/request';
import { elementCount, isDatatype, TENSOR_LIMITS, tensorBytes } from '../tensors/tensor';
import type { Tensor } from '../tensors/tensor';
import { refuseUnsupported, refuseUnsupportedOfInput, refuseUnsupportedOfOutput } from '../tensors/unsupported';
import type { ParameterOf } from '../tensors/unsupported';
import { packContents } from './contents';
import { unpackContents } from './elements';
import type {
  InferInputTensor,
  InferParameter,
  InferParameters,
  Int64,
  ModelInferRequest,
  ModelInferResponse,
} from './messages';

const MAX_NAME = 256;
const MICROSECONDS = 1000;
/** Elements of an answer in typed contents, at most: each is a value of its own until the message is written. */
const MOST_TYPED = 100_000;
/** Bytes that an answer has beside its elements: names, id and shapes take less. */
const HEAD_BYTES = { answer: 4_096, output: 1_024 } as const;

function shapeOf(shape: readonly Int64[], where: string): readonly number[] {
  if (shape.length > TENSOR_LIMITS.rank)
    throw invalidRequest(`${where}: shape has more than ${TENSOR_LIMITS.rank} axes`);
  const sizes = shape.map((size) => Number(size.toString()));
  if (!sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw invalidRequest(`${where}: each size of shape is an integer from 1`);
  }
  if (elementCount(sizes) > TENSOR_LIMITS.elements) {
    throw invalidRequest(`${where}: shape has more than ${TENSOR_LIMITS.elements} elements`);
  }
  return sizes;
}

/** The value of a parameter, whichever member holds it. */
function valueOf(parameter: InferParameter): Parameter | undefined {
  const { bool_param, string_param, double_param, int64_param, uint64_param } = parameter;
  const plain = bool_param ?? string_param ?? double_param;
  if (plain !== undefined) return plain;
  const integer = int64_param ?? uint64_param;
  if (integer === undefined) return undefined;
  const number = Number(integer.toString());
  return Number.isSafeInteger(number) ? number : BigInt(integer.toString());
}

const lookupIn =
  (parameters: InferParameters): ParameterOf =>
  (name) => {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    return parameter === undefined ? undefined : valueOf(parameter);
  };

function tensorOf(input: InferInputTensor, raw: Uint8Array | undefined): Tensor {
  const { name, datatype, contents } = input;
  if (name === '' || name.length > MAX_NAME) {
    throw invalidRequest(`the name of an input is not a string of 1 to ${MAX_NAME} characters`);
  }
  const where = `input ${JSON.stringify(name)}`;
  refuseUnsupportedOfInput(lookupIn(input.parameters), where);
  if (!isDatatype(datatype) && datatype !== 'BF16') {
    throw invalidRequest(`${where}: datatype is missing or not supported`);
  }
  const shape = shapeOf(input.shape, where);
  const count = elementCount(shape);
  if (raw !== undefined) {
    if (contents.length > 0) throw invalidRequest(`${where}: contents and raw_input_contents exclude one another`);
    checkBinary(datatype, count, raw, where);
    if (datatype !== 'BF16') return { name, datatype, shape, data: raw };
    return { name, datatype: WIDENED.BF16, shape, data: widenBfloat16(raw) };
  }
  if (datatype === 'BF16') throw invalidRequest(`${where}: BF16 travels in raw_input_contents only`);
  if (contents.length === 0) throw invalidRequest(`${where}: contents is missing`);
  return { name, datatype, shape, data: packContents(datatype, contents, count, where) };
}

function refuseRepeats(names: readonly string[], where: string): void {
  if (names.length > TENSOR_LIMITS.tensors)
    throw invalidRequest(`${where} has more than ${TENSOR_LIMITS.tensors} entries`);
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated !== undefined) throw invalidRequest(`${where} names ${JSON.stringify(repeated)} twice`);
}

/** A parameter as a whole number; undefined when it is none. */
function integerOf(parameter: InferParameter | undefined): number | undefined {
  const value = parameter?.int64_param ?? parameter?.uint64_param;
  if (value === undefined || value === null) return undefined;
  const number = Number(value.toString());
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** What a request says beside its tensors; undefined where it says nothing. */
function parametersOf({ parameters }: ModelInferRequest): InferenceRequest['parameters'] {
  const entries = Object.entries(parameters).map(([name, parameter]) => [name, valueOf(parameter)] as const);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(entries.filter((entry): entry is [string, Parameter] => entry[1] !== undefined));
}

/** The sooner of what the request grants by its parameter `timeout`, in microseconds, and the deadline of its call. */
function soonerOf({ parameters }: ModelInferRequest, due: number): number | undefined {
  const timeout = integerOf(parameters['timeout']);
  // 0 says nothing.
  const deadline = Math.min(deadlineOf(timeout ? timeout / MICROSECONDS : undefined) ?? Infinity, due);
  return Number.isFinite(deadline) ? deadline : undefined;
}

/**
 * Reads a request of `ModelInfer`.
 *
 * @param due deadline of the call that it came with, on the clock of `performance.now()`; Infinity without one
 * @throws RequestError that names the member at fault
 */
export function readInferRequest(message: ModelInferRequest, due: number): InferenceRequest {
  const { inputs, outputs, raw_input_contents: raw } = message;
  refuseUnsupported(lookupIn(message.parameters));
  refuseRepeats(
    inputs.map(({ name }) => name),
    'inputs',
  );
  const wanted = outputs.map(({ name, parameters }, index) => {
    refuseUnsupportedOfOutput(lookupIn(parameters), `outputs[${index}]`);
    return name;
  });
  refuseRepeats(wanted, 'outputs');
  if (raw.length > 0 && raw.length !== inputs.length) {
    throw invalidRequest(`raw_input_contents has ${raw.length} entries, inputs has ${inputs.length}`);
  }
  return {
    id: message.id === '' ? undefined : message.id,
    inputs: inputs.map((input, index) => tensorOf(input, raw[index])),
    outputs: wanted.length > 0 ? wanted : undefined,
    deadline: soonerOf(message, due),
    priority: integerOf(message.parameters['priority']),
    parameters: parametersOf(message),
    cache: message.parameters['cache']?.bool_param ?? undefined,
  };
}

/** How an answer is written. */
interface AnswerForm {
  readonly raw: boolean;
  /** Bytes of the largest message. */
  readonly messageBytes: number;
}

/**
 * Writes an answer: typed where that is asked for, every datatype can be and there are few elements, else raw.
 *
 * @throws RequestError (413) where it is longer than a message may be, before anything of it is written
 */
export function writeInferResponse(
  model: ModelIdentity,
  id: string | undefined,
  tensors: readonly Tensor[],
  { raw, messageBytes }: AnswerForm,
): ModelInferResponse {
  const bytes = tensorBytes(tensors) + HEAD_BYTES.answer + HEAD_BYTES.output * tensors.length;
  if (bytes > messageBytes) throw messageTooLong(bytes, messageBytes);
  const elements = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const isRaw = raw || elements > MOST_TYPED;
  const contents = isRaw ? [] : tensors.map(unpackContents);
  const typed = !isRaw && contents.every((each) => each !== undefined);
  return {
    model_name: model.name,
    model_version: model.version,
    id,
    outputs: tensors.map(({ name, datatype, shape }, index) => {
      const own = typed ? contents[index] : undefined;
      return { name, datatype, shape, ...(own ? { contents: own } : {}) };
    }),
    raw_output_contents: typed ? [] : tensors.map(({ data }) => data),
  };
}

import { invalidRequest } from '../errors';
import { ElementError, packElements } from './elements';
import { elementCount, isDatatype, TENSOR_LIMITS } from './tensor';
import type { Tensor } from './tensor';

/** An inference request as the data plane takes it. */
export interface InferenceRequest {
  /** Returned with the answer. */
  readonly id: string | undefined;
  readonly inputs: readonly Tensor[];
  /** Names of the wanted outputs; all when absent. */
  readonly outputs: readonly string[] | undefined;
  /** Milliseconds after which the answer is of no use any more. */
  readonly timeoutMs?: number | undefined;
  /** 0 is served first. */
  readonly priority?: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const MAX_NAME = 256;

function fields(value: unknown, where: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalidRequest(`${where} is not an object`);
}

function own(object: Fields, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
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

function tensorOf(value: unknown, index: number): Tensor {
  const object = fields(value, `inputs[${index}]`);
  const name = nameOf(object, `inputs[${index}]`);
  const where = `input ${JSON.stringify(name)}`;
  const datatype = own(object, 'datatype');
  if (!isDatatype(datatype)) throw invalidRequest(`${where}: datatype is missing or not supported`);
  const shape = shapeOf(object, where);
  const data = own(object, 'data');
  if (!Array.isArray(data)) throw invalidRequest(`${where}: data is not a list; binary tensors are not supported`);
  const elements = flatten(data, shape, where);
  if (elements.length !== elementCount(shape)) {
    throw invalidRequest(
      `${where}: shape [${shape.join(',')}] has ${elementCount(shape)} elements, data has ${elements.length}`,
    );
  }
  try {
    return { name, datatype, shape, data: packElements(datatype, elements) };
  } catch (error) {
    if (error instanceof ElementError) throw invalidRequest(`${where}: ${error.message}`);
    throw error;
  }
}

function refuseRepeats(names: readonly string[], where: string): void {
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated !== undefined) throw invalidRequest(`${where} names ${JSON.stringify(repeated)} twice`);
}

/**
 * Reads an Open Inference Protocol request with JSON tensors.
 *
 * @throws RequestError that names the member at fault
 */
export function readRequest(body: unknown): InferenceRequest {
  const object = fields(body, 'the body');
  const id = own(object, 'id');
  if (id !== undefined && typeof id !== 'string') throw invalidRequest('id is not a string');
  const inputs = list(own(object, 'inputs'), 'inputs').map(tensorOf);
  refuseRepeats(
    inputs.map(({ name }) => name),
    'inputs',
  );
  const wanted = own(object, 'outputs');
  if (wanted === undefined) return { id, inputs, outputs: undefined };
  const outputs = list(wanted, 'outputs').map((item, index) =>
    nameOf(fields(item, `outputs[${index}]`), `outputs[${index}]`),
  );
  refuseRepeats(outputs, 'outputs');
  return { id, inputs, outputs: outputs.length > 0 ? outputs : undefined };
}

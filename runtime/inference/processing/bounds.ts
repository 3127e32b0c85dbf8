import type { ModelSignature } from '../backends/backend';
import { roundHalf } from '../tensors/half';
import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Tensor, TensorSpec } from '../tensors/tensor';
import { invalidProcessing, nonFinite, notListed, outOfRange, textTooLong } from './errors';
import type { InputBounds, NonFinitePolicy } from './settings';
import { firstElement } from '../tensors/bytes';
import { elementsOf, firstNonFinite, isFloat } from '../tensors/values';
import type { Elements } from '../tensors/values';

/** Holds the elements of one input to what is declared. @throws RequestError that names the input and the element */
export type Check = (tensor: Tensor) => void;

/** Refuses NaN and infinities. @throws RequestError */
export function refuseNonFinite(tensor: Tensor): void {
  const index = firstNonFinite(tensor);
  if (index >= 0) throw nonFinite(tensor.name, index);
}

function firstOutside(values: Elements, min: number | bigint, max: number | bigint): number {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number | bigint;
    // Written so that NaN is outside.
    if (!(value >= min && value <= max)) return index;
  }
  return -1;
}

/** How numbers are held in a datatype whose floats are shorter than those of this language. */
function rounding(datatype: TensorSpec['datatype']): (value: number) => number {
  if (datatype === 'FP32') return Math.fround;
  return datatype === 'FP16' ? roundHalf : (value) => value;
}

const finite = (value: number, otherwise: number): number => (Number.isFinite(value) ? value : otherwise);

function rangeCheck(
  { min, max }: { readonly min: number; readonly max: number },
  datatype: TensorSpec['datatype'],
  nanAllowed: boolean,
): Check {
  // A bound is within itself: what a client sends for 0.1 is the nearest float. One beyond all floats stays what it is.
  const round = rounding(datatype);
  const [least, most] = [Math.min(min, finite(round(min), min)), Math.max(max, finite(round(max), max))];
  return (tensor) => {
    const values = elementsOf(tensor);
    let index = firstOutside(values, least, most);
    // Where NaN stands for what is missing it is outside of no range.
    while (nanAllowed && index >= 0 && Number.isNaN(Number(values[index]))) {
      const next = firstOutside(values.subarray(index + 1), least, most);
      index = next < 0 ? -1 : index + 1 + next;
    }
    if (index >= 0) throw outOfRange(tensor.name, index, String(min), String(max));
  };
}

function valuesCheck(
  values: NonNullable<InputBounds['values']>,
  { name, datatype }: TensorSpec,
  nanAllowed: boolean,
): Check {
  if (datatype === 'BYTES') {
    const known = new Set(values.map(String));
    return ({ data }) => {
      const texts = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const index = firstElement(data, (start, end) => !known.has(texts.toString('utf8', start, end)));
      if (index >= 0) throw notListed(name, index);
    };
  }
  const isWide = datatype === 'INT64' || datatype === 'UINT64';
  const known = new Set<number | bigint>();
  for (const value of values) {
    try {
      known.add(isWide ? BigInt(value) : Number(value));
    } catch {
      throw invalidProcessing(`inputs.${name}.values has what is no ${datatype}`);
    }
  }
  const round = rounding(datatype);
  if (isFloat(datatype)) for (const value of [...known]) known.add(round(Number(value)));
  // A set finds NaN.
  if (nanAllowed) known.add(Number.NaN);
  return (tensor) => {
    const elements = elementsOf(tensor);
    for (let index = 0; index < elements.length; index++) {
      if (!known.has(elements[index] as number | bigint)) throw notListed(name, index);
    }
  };
}

function lengthCheck(most: number): Check {
  return ({ name, data }) => {
    const index = firstElement(data, (start, end) => end - start > most);
    if (index >= 0) throw textTooLong(name, index, most);
  };
}

function checksOf(bounds: InputBounds, spec: TensorSpec, policy: NonFinitePolicy): Check[] {
  const { range, values, maxBytes } = bounds;
  const isText = DATATYPE_BYTES[spec.datatype] === undefined;
  const refuse = (member: string): never => {
    throw invalidProcessing(`inputs.${spec.name}.${member} does not go with ${spec.datatype}`);
  };
  if (range !== undefined && (isText || spec.datatype === 'BOOL')) refuse('range');
  if (maxBytes !== undefined && !isText) refuse('maxBytes');
  if (bounds.nonFinite !== undefined && !isFloat(spec.datatype)) refuse('nonFinite');
  const nanAllowed = bounds.nonFinite === 'allow';
  const isFinite = (bounds.nonFinite ?? (range || values ? 'refuse' : policy)) === 'refuse';
  return [
    ...(isFloat(spec.datatype) && isFinite ? [refuseNonFinite] : []),
    ...(range === undefined ? [] : [rangeCheck(range, spec.datatype, nanAllowed)]),
    ...(maxBytes === undefined ? [] : [lengthCheck(maxBytes)]),
    ...(values === undefined ? [] : [valuesCheck(values, spec, nanAllowed)]),
  ];
}

/**
 * What the inputs of a model are held to beyond their datatype and shape, by name.
 *
 * @param policy what becomes of NaN and infinities where the model does not say
 * @throws ModelError for bounds of an input that is not there, or that do not go with its datatype
 */
export function boundsChecks(
  declared: Readonly<Record<string, InputBounds>>,
  { inputs }: ModelSignature,
  policy: NonFinitePolicy,
): ReadonlyMap<string, readonly Check[]> {
  const stranger = Object.keys(declared).find((name) => !inputs.some((spec) => spec.name === name));
  if (stranger !== undefined) throw invalidProcessing(`inputs.${stranger}: clients send no such input`);
  const rows = inputs.map((spec) => [spec.name, checksOf(declared[spec.name] ?? {}, spec, policy)] as const);
  return new Map(rows.filter(([, checks]) => checks.length > 0));
}

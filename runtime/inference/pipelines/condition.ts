import type { InferenceCall } from '../serving/layer';
import type { Tensor } from '../tensors/tensor';
import { elementAt } from './elements';
import type { Comparison, Condition, Scalar, Subject } from './spec';
import { NUMBERS, ofDatatypes } from './tensor-type';
import type { TensorType } from './tensor-type';

type Value = number | bigint | boolean | string;

/** What conditions look at. */
export interface Seen {
  readonly call: Pick<InferenceCall, 'attribute' | 'request'>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const NUMERIC = /^-?\d{1,15}(\.\d{1,15})?$/;

/** Headers are texts; compared with a number, one that is written as a number is that number. */
function number(value: Value): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return typeof value === 'string' && NUMERIC.test(value) ? Number(value) : undefined;
}

function equal(value: Value, to: Scalar): boolean {
  if (typeof to === 'number') {
    const amount = number(value);
    // A number and a bigint are compared by value, exactly.
    return amount !== undefined && !(amount < to) && !(amount > to) && !Number.isNaN(amount);
  }
  if (typeof to === 'boolean') return value === to || value === String(to);
  return value === to;
}

function holds(value: Value, { equals, in: list, above, atLeast, below, atMost }: Comparison): boolean {
  if (equals !== undefined && !equal(value, equals)) return false;
  if (list?.some((each) => equal(value, each)) === false) return false;
  if (above === undefined && atLeast === undefined && below === undefined && atMost === undefined) return true;
  const amount = number(value);
  if (amount === undefined) return false;
  return (
    (above === undefined || amount > above) &&
    (atLeast === undefined || amount >= atLeast) &&
    (below === undefined || amount < below) &&
    (atMost === undefined || amount <= atMost)
  );
}

function valueOf(subject: Subject, { call, tensors }: Seen): Value | undefined {
  if (subject.kind === 'header') return call.attribute(subject.name);
  if (subject.kind === 'parameter') {
    const { parameters = {} } = call.request;
    return Object.hasOwn(parameters, subject.name) ? parameters[subject.name] : undefined;
  }
  const tensor = tensors.get(subject.tensor);
  if (tensor === undefined) return undefined;
  return subject.kind === 'size' ? tensor.shape[subject.axis] : elementAt(tensor, subject.at);
}

function test({ subject, comparison }: Condition & { readonly kind: 'test' }, seen: Seen): boolean {
  const value = valueOf(subject, seen);
  if ('exists' in subject && subject.exists !== undefined && (value !== undefined) !== subject.exists) return false;
  if (Object.keys(comparison).length === 0) return true;
  return value !== undefined && holds(value, comparison);
}

/** Whether a request is like that. What is not there is like nothing. */
export function matches(condition: Condition, seen: Seen): boolean {
  if (condition.kind === 'test') return test(condition, seen);
  if (condition.kind === 'not') return !matches(condition.of, seen);
  const among = (each: Condition): boolean => matches(each, seen);
  return condition.kind === 'all' ? condition.of.every(among) : condition.of.some(among);
}

/** What a comparison says of the datatype of an element. */
function typeFor({ equals, in: list = [], ...bounds }: Comparison): TensorType {
  const scalars = [...(equals === undefined ? [] : [equals]), ...list, ...Object.values(bounds)];
  const kinds = new Set(scalars.map((each) => typeof each));
  if (kinds.size > 1) return ofDatatypes([]);
  if (kinds.has('string')) return ofDatatypes(['BYTES']);
  return ofDatatypes(kinds.has('boolean') ? ['BOOL'] : NUMBERS);
}

/** Tensors that a condition looks at, and what they have to be. */
export function conditionTensors(condition: Condition): readonly (readonly [name: string, type: TensorType])[] {
  if (condition.kind === 'all' || condition.kind === 'any') return condition.of.flatMap(conditionTensors);
  if (condition.kind === 'not') return conditionTensors(condition.of);
  const { subject, comparison } = condition;
  if (subject.kind === 'element') return [[subject.tensor, typeFor(comparison)]];
  return subject.kind === 'size' ? [[subject.tensor, ofDatatypes(undefined)]] : [];
}

import { MemoryBytes } from './bytes';
import type { Bytes } from './bytes';
import { Encoder } from './encoder';
import { Parsed } from './parsed';
import type { ParseSource } from './parsed';
import type { Range } from '../inspector/proto-reader';

/** A size; undefined where the model says nothing. */
export type Dimension = number | string | undefined;

/** A name with its type: an input, an output, or what is known of a value between. */
export interface Value {
  readonly name: string;
  /** Element type; undefined for what is no tensor. */
  readonly type: number | undefined;
  /** Sizes; undefined where the model states no shape. */
  readonly shape: readonly Dimension[] | undefined;
  /** Its message. */
  readonly original: Bytes;
}

function dimension(source: ParseSource, range: Range): Dimension {
  const message = new Parsed(source, range, [1, 2]);
  if (message.all(1).length > 0) {
    const size = Number(message.integer(1));
    return size < 0 ? undefined : size;
  }
  return message.text(2) || undefined;
}

/** Reads an input, an output, or what is known of a value. */
export function readValue(source: ParseSource, range: Range): Value {
  const message = new Parsed(source, range, [1, 2]);
  const original = source.bytes(range);
  const name = message.text(1);
  const type = message.range(2);
  const tensor = type && new Parsed(source, type, [1]).range(1);
  if (tensor === undefined) return { name, type: undefined, shape: undefined, original };
  const inner = new Parsed(source, tensor, [1, 2]);
  const shape = inner.range(2);
  const dims = shape && new Parsed(source, shape, [1]).ranges(1).map((each) => dimension(source, each));
  return { name, type: Number(inner.integer(1)), shape: dims, original };
}

/** A tensor with a name; a shape that is undefined is not stated. */
export function tensorValue(name: string, type: number, shape: readonly Dimension[] | undefined): Value {
  const tensor = new Encoder().number(1, type);
  if (shape) {
    const dims = new Encoder();
    for (const size of shape) {
      const dim = new Encoder();
      if (typeof size === 'number') dim.number(1, size);
      else if (size !== undefined) dim.text(2, size);
      dims.message(1, dim);
    }
    tensor.message(2, dims);
  }
  const message = new Encoder().text(1, name).message(2, new Encoder().message(1, tensor));
  return { name, type, shape, original: new MemoryBytes(message.toBytes()) };
}

/** A name of which nothing is said: onnxruntime finds its type. */
export function untypedValue(name: string): Value {
  const original = new MemoryBytes(new Encoder().text(1, name).toBytes());
  return { name, type: undefined, shape: undefined, original };
}

/** Another type or shape of the same name. */
export const changedValue = (of: Value, change: Partial<Pick<Value, 'type' | 'shape'>>): Value =>
  tensorValue(of.name, change.type ?? of.type ?? 0, 'shape' in change ? change.shape : of.shape);

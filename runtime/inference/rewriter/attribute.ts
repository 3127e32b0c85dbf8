import { MemoryBytes } from './bytes';
import type { Bytes } from './bytes';
import { Encoder } from './encoder';
import type { Graph } from './graph';
import { Parsed, ParseSource } from './parsed';
import { encodeWeight } from './tensor';
import type { Placement, Weight } from './tensor';

/** Numbers of the fields of an attribute. */
export const ATTRIBUTE_FIELD = {
  name: 1,
  float: 2,
  integer: 3,
  text: 4,
  tensor: 5,
  graph: 6,
  floats: 7,
  integers: 8,
  texts: 9,
  graphs: 11,
  type: 20,
} as const;

/** Numbers of the kinds of attributes. */
const KIND = { float: 1, integer: 2, tensor: 4, graph: 5, integers: 7, graphs: 10 } as const;

/** A setting of an operation. */
export interface Attribute {
  readonly name: string;
  /** Its message. */
  readonly original: Bytes | undefined;
  /** The constant in it. */
  readonly tensor?: Weight | undefined;
  /** The graphs in it; `one` tells a graph from a list of them. */
  readonly graphs?: readonly Graph[] | undefined;
  readonly one?: boolean;
}

/** A whole number as an attribute. */
export function integerAttribute(name: string, value: number): Attribute {
  const { name: id, integer, type } = ATTRIBUTE_FIELD;
  const message = new Encoder().text(id, name).number(integer, value).number(type, KIND.integer);
  return { name, original: new MemoryBytes(message.toBytes()) };
}

function parsed(of: Attribute): Parsed | undefined {
  if (of.original === undefined) return undefined;
  const source = ParseSource.inMemory(of.original.read());
  return new Parsed(source, source.all, Object.values(ATTRIBUTE_FIELD));
}

/** The whole number of an attribute. */
export function integerOf(of: Attribute | undefined, otherwise: number): number {
  const message = of && parsed(of);
  return message ? Number(message.integer(ATTRIBUTE_FIELD.integer)) : otherwise;
}

/** The float of an attribute. */
export function floatOf(of: Attribute | undefined, otherwise: number): number {
  const message = of && parsed(of);
  const range = message?.range(ATTRIBUTE_FIELD.float);
  if (message === undefined || range === undefined) return otherwise;
  const bytes = message.source.bytes(range).read();
  return new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
}

/** A list of texts or of whole numbers, as texts; empty when there is none. */
export function namesOf(of: Attribute | undefined): string[] {
  const message = of && parsed(of);
  if (message === undefined) return [];
  return [...message.texts(ATTRIBUTE_FIELD.texts), ...message.integers(ATTRIBUTE_FIELD.integers).map(String)];
}

/** The message of an attribute. */
export function encodeAttribute(of: Attribute, place: Placement): Encoder {
  const { name, graph, graphs, tensor, type } = ATTRIBUTE_FIELD;
  const changed = of.graphs?.some((each) => each.changed) ?? false;
  if (of.original !== undefined && !changed) return new Encoder().raw(of.original);
  const message = new Encoder().text(name, of.name);
  if (of.tensor) return message.message(tensor, encodeWeight(of.tensor, place)).number(type, KIND.tensor);
  for (const each of of.graphs ?? []) message.message(of.one ? graph : graphs, each.encode(place));
  return message.number(type, of.one ? KIND.graph : KIND.graphs);
}

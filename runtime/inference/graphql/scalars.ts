import type { GraphQLSchema, ValueNode } from 'graphql';
import { schemaMismatch } from './errors';
import { isKind } from './nodes';

type Variables = Readonly<Record<string, unknown>>;

/** A value as its own JSON text, which goes into the answer as it is. */
export class JsonText {
  constructor(readonly text: string) {}
}

function integerOf(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/** The elements that stand in a document. 64-bit integers stay exact. */
function elementsOf(node: ValueNode, variables: Variables): unknown {
  if (isKind(node, 'IntValue')) return integerOf(node.value);
  if (isKind(node, 'FloatValue')) return Number(node.value);
  if (isKind(node, 'StringValue') || isKind(node, 'BooleanValue')) return node.value;
  if (isKind(node, 'ListValue')) return node.values.map((each) => elementsOf(each, variables));
  if (isKind(node, 'Variable')) return variables[node.name.value] ?? null;
  throw schemaMismatch('the elements of a tensor are numbers, texts, booleans and lists of these');
}

/** Teaches the schema how tensors stand in documents; in variables they are what the JSON reader made of them. */
export function bindScalars(schema: GraphQLSchema): void {
  const data = schema.getType('TensorData');
  if (data === undefined || !('parseLiteral' in data)) throw new Error('the schema lacks TensorData; this is a bug');
  data.parseLiteral = (node: ValueNode, variables?: Variables | null) => elementsOf(node, variables ?? {});
}

/** The bytes of a Base64 text; undefined when it is none. */
export function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  // The decoder skips what it does not know: what it read must be all that was there.
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Writes an answer. By hand, because `JSON.stringify` cannot write a text as it is. */
export function writeJson(value: unknown): string {
  if (value instanceof JsonText) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${writeJson(member)}`).join(',')}}`;
}

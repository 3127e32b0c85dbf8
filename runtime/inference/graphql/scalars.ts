import type { GraphQLSchema, ValueNode } from 'graphql';
import type { Cancellation } from '../../shared/cancellation';
import { writeParts } from '../tensors/parts';
import { schemaMismatch } from './errors';
import { isKind } from './nodes';

type Variables = Readonly<Record<string, unknown>>;

/** A value as its own JSON text, which goes into the answer as it is, and is not made before. */
export class JsonText {
  private written: readonly Buffer[] | undefined;

  constructor(private readonly parts: () => Iterable<string>) {}

  /** Its bytes, each part when it is asked for. It is written once, in however many places it stands. */
  *bytes(): Generator<Buffer> {
    if (this.written !== undefined) return yield* this.written;
    const written: Buffer[] = [];
    for (const part of this.parts()) {
      const bytes = Buffer.from(part);
      written.push(bytes);
      yield bytes;
    }
    this.written = written;
  }
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

/** Tokens as they are; which of them a model knows is for the reader of REST to say. */
function tokensOf(value: unknown): unknown {
  if (Array.isArray(value)) return value;
  // A text would be taken for one.
  throw schemaMismatch('tokens are a list of integers');
}

type Literal = (node: ValueNode, variables?: Variables | null) => unknown;

/** A scalar of the schema; without a library that is loaded yet, its parts are how it is known. */
function scalarOf(
  schema: GraphQLSchema,
  name: string,
): { parseLiteral: Literal; parseValue: (value: unknown) => unknown } {
  const type = schema.getType(name);
  if (type === undefined || !('parseLiteral' in type)) throw new Error(`the schema lacks ${name}; this is a bug`);
  return type;
}

/**
 * Teaches the schema how tensors and tokens stand in documents; in variables they are what the JSON reader made of them.
 * Each is one value to the schema, which takes much longer to look at a list element by element.
 */
export function bindScalars(schema: GraphQLSchema): void {
  const literal: Literal = (node, variables) => elementsOf(node, variables ?? {});
  scalarOf(schema, 'TensorData').parseLiteral = literal;
  const tokens = scalarOf(schema, 'Tokens');
  tokens.parseLiteral = (node, variables) => tokensOf(literal(node, variables));
  tokens.parseValue = tokensOf;
}

/** The bytes of a Base64 text; undefined when it is none. */
export function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  // The decoder skips what it does not know: what it read must be all that was there.
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Bytes that are written as Base64 at once. A multiple of three, so that parts follow one another. */
const BASE64_BYTES = 3 * 2 ** 14;

function* base64Parts(bytes: Buffer): Generator<string> {
  yield '"';
  for (let from = 0; from < bytes.length; from += BASE64_BYTES) {
    yield bytes.toString('base64', from, from + BASE64_BYTES);
  }
  yield '"';
}

/** Bytes as a Base64 text. */
export function base64Text({ buffer, byteOffset, byteLength }: Uint8Array): JsonText {
  return new JsonText(() => base64Parts(Buffer.from(buffer, byteOffset, byteLength)));
}

/** The parts of a document, each made when it is asked for. */
export function* jsonParts(value: unknown): Generator<string | Buffer, void> {
  if (value instanceof JsonText) return void (yield* value.bytes());
  if (typeof value !== 'object' || value === null) return void (yield JSON.stringify(value) ?? 'null');
  const isList = Array.isArray(value);
  let separator = isList ? '[' : '{';
  for (const [key, member] of Object.entries(value)) {
    if (!isList && member === undefined) continue;
    yield isList ? separator : `${separator}${JSON.stringify(key)}:`;
    yield* jsonParts(member);
    separator = ',';
  }
  if (separator !== ',') yield separator;
  yield isList ? ']' : '}';
}

/**
 * Writes an answer in parts, between which the event loop turns. By hand, because `JSON.stringify` cannot write a text
 * as it is, and writes all at once.
 *
 * @throws RequestError (413) where it is too long, and 499 when the client left meanwhile
 */
export async function writeJson(value: unknown, signal: Pick<Cancellation, 'aborted'>): Promise<Buffer> {
  return Buffer.concat(await writeParts(jsonParts(value), { signal }));
}

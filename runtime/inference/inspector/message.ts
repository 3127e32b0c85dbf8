import { malformed } from './errors';
import type { ProtoField, ProtoReader, Range } from './proto-reader';
import { ONNX } from './schema';
import type { FieldSchema, MessageName } from './schema';

type FieldName<M extends MessageName> = keyof (typeof ONNX)[M] & string;

function fits({ kind }: FieldSchema, { value, fixed }: ProtoField): boolean {
  switch (kind) {
    case 'number':
      return value !== undefined;
    case 'bytes':
      return value === undefined && fixed !== true;
    case 'numbers':
      return true;
  }
}

const TABLES = new Map(
  Object.entries(ONNX).map(([name, schema]) => {
    const rows = Object.entries<FieldSchema>(schema).map(([key, field]) => [field.id, [key, field]] as const);
    return [name, new Map(rows)] as const;
  }),
);

/**
 * One message of a model: where its fields lie. A field that exists once must come once, because readers disagree
 * on what a repetition means.
 */
export class Message<M extends MessageName> {
  private readonly found = new Map<string, ProtoField[]>();

  private constructor(
    private readonly reader: ProtoReader,
    private readonly kind: M,
  ) {}

  /** Reads where the fields of a message lie. */
  static read<M extends MessageName>(reader: ProtoReader, kind: M, range: Range, closed = false): Message<M> {
    const message = new Message(reader, kind);
    const table = TABLES.get(kind);
    for (const field of reader.fields(range)) {
      const row = table?.get(field.id);
      if (row !== undefined) message.add(row[0], row[1], field);
      else if (closed) throw malformed(`the ${kind} has an unknown field ${field.id}`);
    }
    return message;
  }

  /** Ranges of a field, in order. */
  ranges(name: FieldName<M>): Range[] {
    return (this.found.get(name) ?? []).flatMap(({ range }) => range ?? []);
  }

  /** Range of a field that exists once. */
  range(name: FieldName<M>): Range | undefined {
    return this.found.get(name)?.[0]?.range;
  }

  /** All occurrences of a field. */
  all(name: FieldName<M>): readonly ProtoField[] {
    return this.found.get(name) ?? [];
  }

  /** True when the field is there. */
  has(name: FieldName<M>): boolean {
    return this.found.has(name);
  }

  /** An integer, with its sign. */
  integer(name: FieldName<M>): bigint | undefined {
    const value = this.found.get(name)?.[0]?.value;
    return value === undefined ? undefined : BigInt.asIntN(64, value);
  }

  /** A list of integers, packed or not. */
  *integers(name: FieldName<M>): Generator<bigint> {
    for (const { value, range } of this.all(name)) {
      if (value !== undefined) yield BigInt.asIntN(64, value);
      else if (range) for (const each of this.reader.packed(range)) yield BigInt.asIntN(64, each);
    }
  }

  /** A text of at most so many bytes; empty when it is absent. */
  text(name: FieldName<M>, most: number): string {
    const range = this.range(name);
    return range === undefined ? '' : this.reader.text(range, most, `${name} of a ${this.kind}`);
  }

  /** Texts of at most so many bytes each. */
  texts(name: FieldName<M>, most: number): string[] {
    return this.ranges(name).map((range) => this.reader.text(range, most, `${name} of a ${this.kind}`));
  }

  private add(name: string, schema: FieldSchema, field: ProtoField): void {
    if (!fits(schema, field)) throw malformed(`${name} of a ${this.kind} is written as another type`);
    const list = this.found.get(name);
    if (list === undefined) this.found.set(name, [field]);
    else if (schema.repeated) list.push(field);
    else throw malformed(`a ${this.kind} has two fields ${name}`);
  }
}

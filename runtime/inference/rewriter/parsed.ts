import { MemorySource } from '../inspector/byte-source';
import { INSPECTOR_LIMITS } from '../inspector/limits';
import { ProtoReader } from '../inspector/proto-reader';
import type { ProtoField, Range } from '../inspector/proto-reader';
import { FileBytes, MemoryBytes } from './bytes';
import type { Bytes } from './bytes';

/** Ranges below this are kept in memory: they are many, and each would be a read of its own. */
const SMALL_BYTES = 4_096;
const TEXT_BYTES = 16 * 2 ** 20;

/** A file, or bytes of it in memory, with the reader of its messages. */
export class ParseSource {
  /** @param handle of the file that the reader reads; absent for memory */
  constructor(
    readonly reader: ProtoReader,
    private readonly handle: number | undefined,
  ) {}

  /** Reads messages that are in memory. */
  static inMemory(bytes: Uint8Array): ParseSource {
    return new ParseSource(new ProtoReader(new MemorySource(bytes), INSPECTOR_LIMITS), undefined);
  }

  /** All of the source. */
  get all(): Range {
    return { start: 0, end: this.reader.source.size };
  }

  /** Bytes of a range; the large ones stay where they are. */
  bytes({ start, end }: Range): Bytes {
    const size = end - start;
    if (this.handle !== undefined && size >= SMALL_BYTES) return new FileBytes(this.handle, start, size);
    return new MemoryBytes(Uint8Array.from(this.reader.source.view(start, end)));
  }

  /** The text of a range. */
  text(range: Range): string {
    return this.reader.text(range, TEXT_BYTES, 'a text');
  }
}

/** A message: the fields that are understood, and all others as they are written. */
export class Parsed {
  /** What is not understood, tags included. */
  readonly rest: Bytes[] = [];
  private readonly found = new Map<number, ProtoField[]>();

  /** @param known numbers of the fields that are understood */
  constructor(
    readonly source: ParseSource,
    range: Range,
    known: readonly number[],
  ) {
    for (const { field, whole } of source.reader.wholeFields(range)) {
      if (!known.includes(field.id)) {
        this.rest.push(source.bytes(whole));
        continue;
      }
      const list = this.found.get(field.id);
      if (list) list.push(field);
      else this.found.set(field.id, [field]);
    }
  }

  /** Occurrences of a field. */
  all(id: number): readonly ProtoField[] {
    return this.found.get(id) ?? [];
  }

  /** Ranges of a field. */
  ranges(id: number): Range[] {
    return this.all(id).flatMap(({ range }) => range ?? []);
  }

  /** The last range of a field, which is the one that counts. */
  range(id: number): Range | undefined {
    return this.ranges(id).at(-1);
  }

  /** An integer with its sign, or 0. */
  integer(id: number): bigint {
    return BigInt.asIntN(64, this.all(id).at(-1)?.value ?? 0n);
  }

  /** Integers, packed or not. */
  integers(id: number): bigint[] {
    return this.all(id).flatMap(({ value, range }) => {
      const values = value === undefined ? [...this.source.reader.packed(range ?? { start: 0, end: 0 })] : [value];
      return values.map((each) => BigInt.asIntN(64, each));
    });
  }

  /** A text; empty when absent. */
  text(id: number): string {
    const range = this.range(id);
    return range === undefined ? '' : this.source.text(range);
  }

  /** Texts of a field. */
  texts(id: number): string[] {
    return this.ranges(id).map((range) => this.source.text(range));
  }
}

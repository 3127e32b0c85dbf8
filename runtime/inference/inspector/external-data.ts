import fs from 'node:fs/promises';
import path from 'node:path';
import { malformed, unsafeWeights } from './errors';
import { Message } from './message';
import type { ProtoReader } from './proto-reader';

/** A range of another file that holds the values of a constant. */
export interface ExternalRange {
  /** Path as the graph names it, relative to the graph. */
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A file of weights and how long it must be. */
export interface ExternalFile {
  readonly path: string;
  /** End of the last range that the graph reads, in bytes. */
  readonly bytes: number;
}

const ENTRY_BYTES = 4_096;
const KEYS = ['location', 'offset', 'length', 'checksum'];
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const SIZE = /^\d{1,15}$/;

/** True for a path that stays where it begins, on every system. */
const isPlainPath = (text: string): boolean => text.split('/').every((segment) => SEGMENT.test(segment));

function sizeOf(text: string | undefined, otherwise: number, what: string): number {
  if (text === undefined) return otherwise;
  if (!SIZE.test(text)) throw unsafeWeights(`${what} has ${JSON.stringify(text)} for a size`);
  return Number(text);
}

/** Reads where the values of a constant lie. */
export function readExternal(
  reader: ProtoReader,
  tensor: Message<'tensor'>,
  bytes: number,
  what: string,
): ExternalRange {
  const entries = new Map<string, string>();
  for (const range of tensor.ranges('external')) {
    const entry = Message.read(reader, 'entry', range);
    const key = entry.text('key', ENTRY_BYTES);
    if (entries.has(key)) throw malformed(`${what} has two entries ${JSON.stringify(key)}`);
    if (!KEYS.includes(key)) throw unsafeWeights(`${what} has the unknown entry ${JSON.stringify(key)}`);
    entries.set(key, entry.text('value', ENTRY_BYTES));
  }
  const location = entries.get('location') ?? '';
  const file = location.startsWith('./') ? location.slice(2) : location;
  if (!isPlainPath(file)) throw unsafeWeights(`${what} lies in ${JSON.stringify(location)}, no plain relative path`);
  const offset = sizeOf(entries.get('offset'), 0, what);
  const length = sizeOf(entries.get('length'), bytes, what);
  if (length !== bytes) throw unsafeWeights(`${what} has ${length} bytes in ${file}, its shape needs ${bytes}`);
  return { path: file, offset, bytes };
}

/** The files that ranges lie in, sorted by path. */
export function filesOf(ranges: readonly ExternalRange[]): ExternalFile[] {
  const files = new Map<string, number>();
  for (const range of ranges) {
    files.set(range.path, Math.max(files.get(range.path) ?? 0, range.offset + range.bytes));
  }
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, bytes]) => ({ path: file, bytes }));
}

/**
 * Holds the weights beside a graph to what the graph reads of them: listed, regular, of one name only, long enough.
 *
 * @param listed paths that the manifest of the model binds to a digest
 * @throws InspectionError
 */
export async function checkExternalFiles(
  folder: string,
  files: readonly ExternalFile[],
  listed: ReadonlySet<string>,
): Promise<void> {
  for (const file of files) {
    if (!listed.has(file.path)) throw unsafeWeights(`${file.path} is not in the manifest`);
    const stat = await fs.lstat(path.join(folder, file.path)).catch(() => undefined);
    if (stat === undefined) throw unsafeWeights(`${file.path} is missing`);
    // A second name of a file is a file of somebody else.
    if (!stat.isFile() || stat.nlink > 1) throw unsafeWeights(`${file.path} is a link, or no file`);
    if (stat.size < file.bytes) {
      throw unsafeWeights(`${file.path} has ${stat.size} bytes, the graph reads ${file.bytes}`);
    }
  }
}

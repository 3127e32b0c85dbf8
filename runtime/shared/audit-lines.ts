import fs from 'node:fs';

const PIECE_BYTES = 2 ** 20;
const LINE_END = '\n'.charCodeAt(0);

/** Bytes of a line that is read. Names in entries once had any length that a message had room for. */
const MOST_LINE_BYTES = 128 * 2 ** 20;

/** A line is longer than any that was written. */
class LineTooLong extends Error {
  constructor() {
    super(`a line is longer than ${MOST_LINE_BYTES} bytes`);
  }
}

function readAt(fd: number, piece: Buffer, position: number): Buffer {
  return piece.subarray(0, fs.readSync(fd, piece, 0, piece.length, position));
}

/**
 * The lines of a file that have an end, read piece by piece: never more than a piece and a line are in memory.
 *
 * @throws LineTooLong
 */
export function* wholeLines(fd: number): Generator<Buffer, void> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for (let position = 0; ;) {
    const read = readAt(fd, Buffer.allocUnsafe(PIECE_BYTES), position);
    if (read.length === 0) return;
    position += read.length;
    let start = 0;
    for (let end = read.indexOf(LINE_END); end >= 0; end = read.indexOf(LINE_END, start)) {
      yield Buffer.concat([...begun, read.subarray(start, end)]);
      [begun, begunBytes, start] = [[], 0, end + 1];
    }
    if (start < read.length) begun.push(read.subarray(start));
    begunBytes += read.length - start;
    if (begunBytes > MOST_LINE_BYTES) throw new LineTooLong();
  }
}

/** The last line of a file that ends with one; undefined for another. Only its end is read. @throws LineTooLong */
export function lastLine(file: string): string | undefined {
  const fd = fs.openSync(file, 'r');
  try {
    const { size } = fs.fstatSync(fd);
    const pieces: Buffer[] = [];
    for (let end = size; end > 0; end -= PIECE_BYTES) {
      const start = Math.max(0, end - PIECE_BYTES);
      const read = readAt(fd, Buffer.allocUnsafe(end - start), start);
      if (end === size && read.at(-1) !== LINE_END) return undefined;
      const text = end === size ? read.subarray(0, -1) : read;
      const before = text.lastIndexOf(LINE_END);
      pieces.unshift(text.subarray(before + 1));
      if (before >= 0) break;
      if (size - start > MOST_LINE_BYTES) throw new LineTooLong();
    }
    return pieces.length === 0 ? undefined : Buffer.concat(pieces).toString('utf8');
  } finally {
    fs.closeSync(fd);
  }
}

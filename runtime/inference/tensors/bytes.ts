const LENGTH_BYTES = 4;

/** Writes elements as a BYTES tensor. */
export function packBytes(values: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const value of values) {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(value.length);
    parts.push(length, value);
  }
  return Buffer.concat(parts);
}

/** Writes texts as a BYTES tensor. */
export const packStrings = (values: readonly string[]): Uint8Array =>
  packBytes(values.map((value) => Buffer.from(value, 'utf8')));

/** Reads a BYTES tensor that this server wrote. */
export function unpackStrings(data: Uint8Array): string[] {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const values: string[] = [];
  for (let offset = 0; offset < buffer.length;) {
    const start = offset + LENGTH_BYTES;
    offset = start + buffer.readUInt32LE(offset);
    values.push(buffer.toString('utf8', start, offset));
  }
  return values;
}

/** Where the element ends that is the last of so many, or the first beyond so many bytes, of those from an offset on. */
export function endOfElements(data: Uint8Array, from: number, most: { count: number; bytes: number }): number {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let offset = from;
  for (let left = most.count; left > 0 && offset < data.byteLength && offset - from < most.bytes; left -= 1) {
    offset += LENGTH_BYTES + view.getUint32(offset, true);
  }
  return offset;
}

/** The elements of a BYTES tensor as bytes, not copied. Its lengths were checked when it was read. */
export function bytesOf(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values: Uint8Array[] = [];
  for (let offset = 0; offset < data.byteLength;) {
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset, true);
    values.push(data.subarray(start, offset));
  }
  return values;
}

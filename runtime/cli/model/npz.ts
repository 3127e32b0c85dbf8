import { inflateRawSync } from 'node:zlib';
import type { Datatype, Tensor } from '../../inference/tensors/tensor';
import { DATATYPE_BYTES, elementCount } from '../../inference/tensors/tensor';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const STORED = 0;
const DEFLATED = 8;
const MOST_BYTES = 2 ** 30;
const MAGIC = '\x93NUMPY';

/** Datatypes by what NumPy writes. */
const TYPES: Readonly<Record<string, Datatype>> = {
  '|b1': 'BOOL',
  '|u1': 'UINT8',
  '<u2': 'UINT16',
  '<u4': 'UINT32',
  '<u8': 'UINT64',
  '|i1': 'INT8',
  '<i2': 'INT16',
  '<i4': 'INT32',
  '<i8': 'INT64',
  '<f2': 'FP16',
  '<f4': 'FP32',
  '<f8': 'FP64',
};

function readArray(name: string, bytes: Buffer): Tensor {
  if (bytes.subarray(0, 6).toString('latin1') !== MAGIC) throw new Error(`${name} is no NumPy array`);
  const isFirst = bytes[6] === 1;
  const start = isFirst ? 10 : 12;
  const end = start + (isFirst ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8));
  const header = bytes.toString('latin1', start, end);
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? '';
  const datatype = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (datatype === undefined) throw new Error(`${name} has the type ${type || 'of records'}`);
  if (/'fortran_order':\s*True/.test(header)) throw new Error(`${name} is in column order`);
  const sizes = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '';
  const shape = sizes.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  const data = Uint8Array.from(bytes.subarray(end));
  const width = DATATYPE_BYTES[datatype] ?? 0;
  if (data.byteLength !== width * elementCount(shape)) throw new Error(`${name} is cut short`);
  return { name, datatype, shape, data };
}

function inflate(name: string, method: number, packed: Buffer, bytes: number): Buffer {
  if (bytes > MOST_BYTES) throw new Error(`${name} has ${bytes} bytes, at most ${MOST_BYTES}`);
  if (method === STORED) return packed;
  if (method !== DEFLATED) throw new Error(`${name} is packed by method ${method}`);
  return inflateRawSync(packed, { maxOutputLength: Math.max(1, bytes) });
}

/**
 * Reads the arrays of an .npz file as `numpy.savez` and `savez_compressed` write it.
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function readNpz(file: Buffer): Tensor[] {
  const tail = file.lastIndexOf(Buffer.of(0x50, 0x4b, 5, 6));
  if (tail < 0 || file.readUInt32LE(tail) !== END) throw new Error('it is no archive');
  const count = file.readUInt16LE(tail + 10);
  let at = file.readUInt32LE(tail + 16);
  const arrays: Tensor[] = [];
  for (let index = 0; index < count; index += 1) {
    if (file.readUInt32LE(at) !== ENTRY) throw new Error('its directory is damaged');
    const [method, packed, bytes] = [
      file.readUInt16LE(at + 10),
      file.readUInt32LE(at + 20),
      file.readUInt32LE(at + 24),
    ];
    const [nameBytes, extraBytes, noteBytes] = [28, 30, 32].map((offset) => file.readUInt16LE(at + offset));
    const local = file.readUInt32LE(at + 42);
    const name = file.toString('utf8', at + 46, at + 46 + (nameBytes ?? 0)).replace(/\.npy$/, '');
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    if (start + packed > file.length) throw new Error(`${name} is cut short`);
    arrays.push(readArray(name, inflate(name, method, file.subarray(start, start + packed), bytes)));
    at += 46 + (nameBytes ?? 0) + (extraBytes ?? 0) + (noteBytes ?? 0);
  }
  return arrays;
}

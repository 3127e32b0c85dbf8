import { HEADERS } from '../../contract';
import { randomOf } from '../report/statistics';
import type { Signature, TensorMetadata } from '../serve/signature';
import type { BenchRequest } from './client';

/** How random requests are made. */
export interface RandomRequests {
  readonly seed: number;
  /** Size of the first dimension of each input, where it is open. */
  readonly batch: number;
  /** Size of other open dimensions. */
  readonly length: number;
  /** Tensors as bytes behind the JSON instead of numbers in it. */
  readonly binary: boolean;
}

const VARIANTS = 16;
/** Memory that all variants may hold. */
const MOST_BYTES = 64 * 2 ** 20;
const MOST_ELEMENTS = 2 ** 24;
const WORDS = ['the', 'cat', 'sat', 'on', 'a', 'mat', 'and', 'ran'];

interface Kind {
  readonly value: (random: () => number) => number | bigint | boolean | string;
  readonly bytes: (value: number | bigint | boolean | string) => Buffer;
}

const fraction = (random: () => number): number => Math.fround(random());
/** 0 and 1 are indices of any table with two rows, and lengths of nothing that explodes. */
const bit = (random: () => number): number => (random() < 0.5 ? 0 : 1);

function written(size: number, write: (buffer: Buffer, value: number) => void): Kind['bytes'] {
  return (value) => {
    const buffer = Buffer.alloc(size);
    write(buffer, Number(value));
    return buffer;
  };
}

const integer = (size: number): Kind => ({
  value: bit,
  bytes: written(size, (buffer, value) => void buffer.writeUInt8(value)),
});
/** Quarters, which every format of 16 bits holds exactly: 0, 0.25, 0.5, 0.75. */
const quarters = (codes: readonly number[]): Kind => ({
  value: (random) => Math.floor(random() * 4) / 4,
  bytes: written(2, (buffer, value) => void buffer.writeUInt16LE(codes[value * 4] ?? 0)),
});

const KINDS: Readonly<Record<string, Kind>> = {
  ...{ UINT8: integer(1), INT8: integer(1), UINT16: integer(2), INT16: integer(2) },
  ...{ UINT32: integer(4), INT32: integer(4), UINT64: integer(8), INT64: integer(8) },
  FP16: quarters([0, 0x3400, 0x3800, 0x3a00]),
  BF16: quarters([0, 0x3e80, 0x3f00, 0x3f40]),
  FP32: { value: fraction, bytes: written(4, (buffer, value) => void buffer.writeFloatLE(value)) },
  FP64: { value: (random) => random(), bytes: written(8, (buffer, value) => void buffer.writeDoubleLE(value)) },
  BOOL: { value: (random) => random() < 0.5, bytes: written(1, (buffer, value) => void buffer.writeUInt8(value)) },
  BYTES: {
    value: (random) => Array.from({ length: 4 }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' '),
    bytes: (value) => {
      const text = Buffer.from(String(value));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.byteLength);
      return Buffer.concat([length, text]);
    },
  },
};

function sizedShape({ shape }: TensorMetadata, { batch, length }: RandomRequests): readonly number[] {
  return shape.map((size, index) => (size >= 0 ? size : index === 0 ? batch : length));
}

function oneRequest(inputs: readonly TensorMetadata[], options: RandomRequests, random: () => number): BenchRequest {
  const parts: Buffer[] = [];
  const tensors = inputs.map((input) => {
    const { name, datatype } = input;
    const shape = sizedShape(input, options);
    const count = shape.reduce((product, size) => product * size, 1);
    const kind = KINDS[datatype];
    if (kind === undefined) throw new RangeError(`${name} is of the type ${datatype}, which has no random values`);
    if (count > MOST_ELEMENTS) throw new RangeError(`${name} would have ${count} elements`);
    const data = Array.from({ length: count }, () => kind.value(random));
    if (!options.binary) return { name, datatype, shape, data };
    const bytes = Buffer.concat(data.map(kind.bytes));
    parts.push(bytes);
    return { name, datatype, shape, parameters: { binary_data_size: bytes.byteLength } };
  });
  const parameters = options.binary ? { parameters: { binary_data_output: true } } : {};
  const json = Buffer.from(JSON.stringify({ inputs: tensors, ...parameters }));
  if (!options.binary) return { headers: { 'content-type': 'application/json' }, body: json };
  const headers = {
    'content-type': 'application/octet-stream',
    [HEADERS.inferenceHeaderLength]: String(json.byteLength),
  };
  return { headers, body: Buffer.concat([json, ...parts]) };
}

/**
 * Requests with random values from the signature of a model: the same for the same seed. Floats are from 0 to 1,
 * integers 0 or 1, texts short.
 *
 * @throws RangeError for a type without random values, or too many of them
 */
export function randomRequests({ inputs }: Signature, options: RandomRequests): readonly BenchRequest[] {
  const random = randomOf(options.seed);
  const requests: BenchRequest[] = [];
  let bytes = 0;
  while (requests.length < VARIANTS) {
    const request = oneRequest(inputs, options, random);
    bytes += request.body.byteLength;
    if (requests.length > 0 && bytes > MOST_BYTES) break;
    requests.push(request);
  }
  return requests;
}

/**
 * Requests from a file: one JSON document, a list of them, or one a line. They are sent as they stand.
 *
 * @throws SyntaxError for anything else
 */
export function requestsFromText(text: string): readonly BenchRequest[] {
  const documents = documentsIn(text);
  if (documents.length === 0) throw new SyntaxError('it holds no request');
  return documents.map((document) => ({
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(document),
  }));
}

/** The elements of a list, as they stand. @param text a list that JSON.parse takes */
function elementsOf(text: string): readonly string[] {
  const elements: string[] = [];
  let depth = 0;
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] ?? '';
    if (quoted && sign === '\\') at += 1;
    else if (sign === '"') quoted = !quoted;
    if (quoted || !'[]{},'.includes(sign)) continue;
    const isEnd = sign === ']' || sign === '}';
    if (depth === 1 && (isEnd || sign === ',')) elements.push(text.slice(start, at).trim());
    if (depth === 0 || (depth === 1 && sign === ',')) start = at + 1;
    if (sign !== ',') depth += isEnd ? -1 : 1;
  }
  // Only an empty list has an element of nothing.
  return elements.filter((element) => element !== '');
}

function documentsIn(text: string): readonly string[] {
  try {
    const parsed: unknown = JSON.parse(text);
    // Documents stay as they were written: JSON.parse would change large integers.
    return Array.isArray(parsed) ? elementsOf(text) : [text];
  } catch (error) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    if (lines.length < 2) throw error;
    for (const line of lines) JSON.parse(line);
    return lines;
  }
}

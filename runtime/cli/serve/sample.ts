import { CLI_ENV, HEADERS, inferPath, PATHS } from '../../contract';
import { quoted } from '../shell-word';
import type { Signature, TensorMetadata } from './signature';

/** A request that a shell can send: where to, and a body as text, or as text followed by zero bytes. */
export interface Sample {
  readonly path: string;
  readonly text: string;
  /** Zero bytes after the text: tensors that would not fit on a line. */
  readonly zeros: number;
}

/** More elements than that are not written out. */
const MAX_WRITTEN = 64;
/** Bytes of an element; that of a text is its length before it. */
const BYTES: Readonly<Record<string, number>> = {
  ...{ BOOL: 1, UINT8: 1, INT8: 1, UINT16: 2, INT16: 2, FP16: 2, BF16: 2 },
  ...{ UINT32: 4, INT32: 4, FP32: 4, BYTES: 4, UINT64: 8, INT64: 8, FP64: 8 },
};
const TEXT = 'Hello';

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

function valueOf(datatype: string, fill: number): unknown {
  if (datatype === 'BYTES') return TEXT;
  return datatype === 'BOOL' ? fill !== 0 : fill;
}

function written(path: string, inputs: readonly TensorMetadata[], fill: number): Sample {
  const tensors = inputs.map(({ name, datatype, shape }) => {
    const data = Array.from({ length: elements(shape) }, () => valueOf(datatype, fill));
    return { name, datatype, shape, data };
  });
  return { path, text: JSON.stringify({ inputs: tensors }), zeros: 0 };
}

function measured(path: string, inputs: readonly TensorMetadata[]): Sample {
  const sizes = inputs.map(({ datatype, shape }) => elements(shape) * (BYTES[datatype] ?? 1));
  const tensors = inputs.map(({ name, datatype, shape }, index) => {
    return { name, datatype, shape, parameters: { binary_data_size: sizes[index] } };
  });
  return { path, text: JSON.stringify({ inputs: tensors }), zeros: sizes.reduce((sum, size) => sum + size, 0) };
}

/**
 * Requests that may suit a model, the simplest first: open sizes are 1, values 0 or 1. Large tensors are all zero, in
 * the binary form of the protocol.
 */
export function tensorSamples({ name, inputs }: Signature): readonly Sample[] {
  const path = inferPath(name);
  const sized = inputs.map((tensor) => ({ ...tensor, shape: tensor.shape.map((size) => Math.max(size, 1)) }));
  // Metadata have no word for an unknown rank: it reads like a scalar.
  const ranked = sized.map((tensor) => ({ ...tensor, shape: tensor.shape.length === 0 ? [1] : tensor.shape }));
  const shapes = sized.some(({ shape }) => shape.length === 0) ? [sized, ranked] : [sized];
  return shapes.flatMap((tensors) => {
    const count = tensors.reduce((sum, { shape }) => sum + elements(shape), 0);
    if (count > MAX_WRITTEN) return [measured(path, tensors)];
    return [0, 1].map((fill) => written(path, tensors, fill));
  });
}

/** Requests that may suit a model of text. */
export function textSamples(model: string): readonly Sample[] {
  const few = { max_tokens: 8 };
  const chat = { model, messages: [{ role: 'user', content: TEXT }], ...few };
  const rows: readonly (readonly [path: string, body: object])[] = [
    ['embeddings', { model, input: TEXT }],
    ['chat/completions', chat],
    ['completions', { model, prompt: TEXT, ...few }],
  ];
  return rows.map(([path, body]) => ({ path: `${PATHS.openai}/${path}`, text: JSON.stringify(body), zeros: 0 }));
}

/** Headers that say what the body is. */
export function headersOf({ text, zeros }: Sample): Readonly<Record<string, string>> {
  if (zeros === 0) return { 'content-type': 'application/json' };
  return {
    'content-type': 'application/octet-stream',
    [HEADERS.inferenceHeaderLength]: String(Buffer.byteLength(text)),
  };
}

/** The body as bytes. */
export function bodyOf({ text, zeros }: Sample): Uint8Array {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(zeros)]);
}

/** The request as one line for a POSIX shell. */
export function curlLine(base: string, sample: Sample, withKey: boolean): string {
  const headers = Object.entries(headersOf(sample)).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const key = withKey ? [`-H "Authorization: Bearer $${CLI_ENV.apiKey.name}"`] : [];
  const data = sample.zeros === 0 ? `-d ${quoted(sample.text)}` : '--data-binary @-';
  const curl = ['curl -sS', ...key, ...headers, data, quoted(base + sample.path)].join(' ');
  if (sample.zeros === 0) return curl;
  return `{ printf %s ${quoted(sample.text)}; head -c ${sample.zeros} /dev/zero; } | ${curl}`;
}

import fs from 'node:fs';
import path from 'node:path';
import type { Body } from './load';

interface Part {
  readonly name: string;
  readonly datatype: 'FP32' | 'INT64';
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

/** Bodies of one request in every form. */
export type Bodies = { readonly [F in 'json' | 'binary' | 'bento']: Body };

/** A small generator with a fixed start: every run sends the same. */
function draws(count: number): number[] {
  let state = 7;
  return Array.from({ length: count }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32);
}

function partsOf(kind: 'mlp' | 'encoder'): Part[] {
  if (kind === 'mlp') {
    const values = Float32Array.from(draws(784), (value) => 2 * value - 1);
    return [{ name: 'x', datatype: 'FP32', shape: [1, 784], values }];
  }
  const ids = BigInt64Array.from(draws(128), (value) => BigInt(Math.floor(value * 30_000)));
  const shape = [1, 128];
  return [
    { name: 'input_ids', datatype: 'INT64', shape, values: ids },
    { name: 'attention_mask', datatype: 'INT64', shape, values: new BigInt64Array(128).fill(1n) },
  ];
}

/** Writes the bodies of a request for this kind of model. */
export function writeBodies(kind: 'mlp' | 'encoder', folder: string): Bodies {
  const parts = partsOf(kind);
  const numbers = ({ values }: Part): number[] => Array.from(values as Iterable<number | bigint>, Number);
  const write = (name: string, content: string | Buffer): string => {
    const file = path.join(folder, `${kind}.${name}`);
    fs.writeFileSync(file, content);
    return file;
  };
  const inputs = parts.map(({ name, datatype, shape, ...part }) => {
    return { name, datatype, shape, data: numbers({ name, datatype, shape, ...part }) };
  });
  const heads = parts.map(({ name, datatype, shape, values }) => {
    return { name, datatype, shape, parameters: { binary_data_size: values.byteLength } };
  });
  const head = Buffer.from(JSON.stringify({ inputs: heads, parameters: { binary_data_output: true } }));
  const bytes = parts.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return {
    json: { file: write('json', JSON.stringify({ inputs })) },
    binary: { file: write('bin', Buffer.concat([head, ...bytes])), headerBytes: head.length },
    bento: { file: write('bento.json', JSON.stringify({ x: [inputs[0]?.data] })) },
  };
}

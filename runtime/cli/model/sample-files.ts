import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Tensor, TensorSpec } from '../../inference/tensors/tensor';
import { CliError } from '../failure';
import { samplesUnusable } from './errors';
import { readNpz } from './npz';
import { cut, misfit, widthOf } from './samples';
import type { Sample } from './samples';
import type { Toolkit } from './toolkit';

const MOST_BYTES = 512 * 2 ** 20;
const MOST_SAMPLES = 10_000;
const LABEL_ARRAYS = ['label', 'labels', 'y'];

type Reader = (file: string, toolkit: Toolkit, wanted: readonly TensorSpec[]) => Promise<Sample[]> | Sample[];

async function golden(file: string, toolkit: Toolkit): Promise<Sample[]> {
  return (await toolkit.readGolden(file)).map(({ request }) => ({ inputs: request.inputs }));
}

function labelsOf(value: unknown): readonly number[] | undefined {
  if (value === undefined || value === null) return undefined;
  const list = (Array.isArray(value) ? value : [value]).map(Number);
  if (list.every(Number.isInteger)) return list;
  throw new Error('label is no whole number, and no list of them');
}

function lines(file: string, toolkit: Toolkit): Sample[] {
  return content(file)
    .toString('utf8')
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return [];
      try {
        const document = toolkit.parseJson(Buffer.from(line));
        const { label } = document as { readonly label?: unknown };
        const labels = labelsOf(label);
        return [{ inputs: toolkit.readRequest(document).inputs, ...(labels ? { labels } : {}) }];
      } catch (error) {
        throw new Error(`line ${index + 1}: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
}

function table(file: string, toolkit: Toolkit, wanted: readonly TensorSpec[]): Sample[] {
  const [input, ...others] = wanted;
  const width = input && widthOf(input);
  if (input === undefined || others.length > 0) throw new Error('a table serves models with one input');
  if (width === undefined) throw new Error(`the model leaves the width of ${JSON.stringify(input.name)} open`);
  const all = content(file)
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => line.split(',').map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell))));
  if (all.length === 0) return [];
  // A first line that holds no numbers names the columns.
  const rows = all[0]?.some(Number.isNaN) ? all.slice(1) : all;
  const first = rows[0]?.length ?? 0;
  if (first !== width && first !== width + 1)
    throw new Error(`its rows have ${first} columns, the model takes ${width}`);
  const odd = rows.findIndex((row) => row.length !== first || row.some(Number.isNaN));
  if (odd >= 0) throw new Error(`row ${odd + 1} does not hold ${first} numbers`);
  const shape = [rows.length, ...(input.shape?.slice(1) ?? [])];
  const values = rows.flatMap((row) => row.slice(0, width));
  const tensor: Tensor = { ...input, shape, data: toolkit.packElements(input.datatype, values) };
  const labels = first > width ? labelsOf(rows.map((row) => row[width] ?? 0)) : undefined;
  return cut([tensor], labels, wanted);
}

function arrays(file: string, toolkit: Toolkit, wanted: readonly TensorSpec[]): Sample[] {
  const all = readNpz(content(file));
  const inputs = all.filter(({ name }) => wanted.some((spec) => spec.name === name));
  const missing = wanted.find(({ name }) => !inputs.some((each) => each.name === name));
  if (missing) throw new Error(`it has no array ${JSON.stringify(missing.name)}`);
  if (new Set(inputs.map(({ shape }) => shape[0])).size !== 1)
    throw new Error('its arrays have different numbers of rows');
  const label = all.find(({ name }) => LABEL_ARRAYS.includes(name) && !wanted.some((spec) => spec.name === name));
  const labels = label && Array.from(integersOf(label, toolkit));
  if (labels && labels.length !== inputs[0]?.shape[0]) throw new Error('it has not one label for each row');
  return cut(inputs, labels, wanted);
}

function integersOf(tensor: Tensor, toolkit: Toolkit): ArrayLike<number> {
  const { datatype, data } = tensor;
  if (datatype === 'INT64' || datatype === 'UINT64') return Array.from(new BigInt64Array(data.buffer), Number);
  if (datatype === 'INT32') return new Int32Array(data.buffer);
  if (datatype === 'UINT8' || datatype === 'BOOL') return data;
  const floats = toolkit.floatsOf(tensor);
  if (floats === undefined) throw new Error(`labels of type ${datatype} are not read`);
  return floats;
}

const READERS: readonly (readonly [ending: RegExp, reader: Reader])[] = [
  [/\.json$/, golden],
  [/\.(jsonl|ndjson)(\.gz)?$/, lines],
  [/\.csv(\.gz)?$/, table],
  [/\.npz$/, arrays],
];

/** What is read, for messages and help. */
const SAMPLE_FORMS = 'golden.json, .jsonl, .csv (both also .gz), .npz, or a folder of those';

function content(file: string): Buffer {
  const { size } = fs.statSync(file);
  if (size > MOST_BYTES) throw new Error(`it has ${size} bytes, at most ${MOST_BYTES}`);
  const bytes = fs.readFileSync(file);
  return file.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: MOST_BYTES }) : bytes;
}

function filesOf(place: string): string[] {
  if (!fs.statSync(place).isDirectory()) return [place];
  const names = fs.readdirSync(place).sort();
  return names.filter((name) => READERS.some(([ending]) => ending.test(name))).map((name) => path.join(place, name));
}

/**
 * Reads samples from a file or from all files of a folder, and holds them to what the model takes.
 *
 * @throws LNMT6034
 */
export async function readSamples(
  place: string,
  toolkit: Toolkit,
  wanted: readonly TensorSpec[],
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const file of filesOf(place)) {
    try {
      const reader = READERS.find(([ending]) => ending.test(file))?.[1];
      if (reader === undefined) throw new Error(`its name has none of the endings: ${SAMPLE_FORMS}`);
      for (const sample of await reader(file, toolkit, wanted)) {
        const fault = misfit(sample, wanted);
        if (fault !== undefined) throw new Error(fault);
        samples.push(sample);
      }
    } catch (error) {
      if (error instanceof CliError) throw error;
      throw samplesUnusable(file, error instanceof Error ? error.message : String(error));
    }
    if (samples.length > MOST_SAMPLES) throw samplesUnusable(place, `there are more than ${MOST_SAMPLES}`);
  }
  if (samples.length === 0) throw samplesUnusable(place, 'there are none');
  return samples;
}

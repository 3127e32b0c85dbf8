import fs from 'node:fs/promises';
import path from 'node:path';
import { isPlainPath } from '../../models/manifest';
import { packStrings } from '../../tensors/bytes';
import type { Tensor, TensorSpec } from '../../tensors/tensor';
import { invalidProcessing, stepFailed } from '../errors';
import { elementsOf, isFloat, packFloats, roomFor } from '../../tensors/values';
import type { Elements, FloatType } from '../../tensors/values';
import type { Step } from '../step';
import type { LabelsSettings } from '../step-settings';

const MAX_FILE_BYTES = 16 * 2 ** 20;
const LABEL = 'labels';

async function labelsOf({ labels, file }: LabelsSettings, dir: string): Promise<readonly string[]> {
  if (labels !== undefined) return labels;
  if (file === undefined || !isPlainPath(file)) throw invalidProcessing('file is not a plain path beside the model');
  const target = path.join(dir, file);
  const found = await fs.lstat(target).catch(() => undefined);
  if (!found?.isFile() || found.size > MAX_FILE_BYTES) {
    throw invalidProcessing(`${file} is not a file of at most ${MAX_FILE_BYTES} bytes beside the model`);
  }
  const lines = (await fs.readFile(target, 'utf8')).split('\n').map((line) => line.trimEnd());
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function named(labels: readonly string[], index: number): string {
  const label = labels[index];
  if (label === undefined)
    throw stepFailed(LABEL, new Error(`class ${index} has no label; there are ${labels.length}`));
  return label;
}

/** Indices of the largest elements of a row, the largest first; of equal ones the first. NaN is never among them. */
export function largest(values: Elements, start: number, size: number, count: number): number[] {
  const best: number[] = [];
  for (let index = 0; index < size; index++) {
    const value = Number(values[start + index]);
    if (Number.isNaN(value)) continue;
    const last = best.at(-1);
    if (best.length === count && last !== undefined && value <= Number(values[start + last])) continue;
    let place = best.length;
    while (place > 0 && value > Number(values[start + (best[place - 1] ?? 0)])) place -= 1;
    best.splice(place, 0, index);
    if (best.length > count) best.pop();
  }
  return best;
}

interface Best {
  readonly labels: readonly string[];
  readonly datatype: FloatType;
  readonly count: number;
  readonly names: readonly [string, string];
}

function topOf(tensor: Tensor, { labels, datatype, count, names }: Best): Tensor[] {
  const size = tensor.shape.at(-1) ?? 1;
  const kept = Math.min(count, size);
  const values = elementsOf(tensor);
  const rows = values.length / size;
  const texts: string[] = [];
  const scores = roomFor(datatype, rows * kept);
  for (let row = 0; row < rows; row++) {
    const best = largest(values, row * size, size, kept);
    // A row of NaN has no best; what is missing is said so and not made up.
    for (let rank = 0; rank < kept; rank++) {
      const index = best[rank];
      texts.push(index === undefined ? '' : named(labels, index));
      scores[row * kept + rank] = index === undefined ? Number.NaN : Number(values[row * size + index]);
    }
  }
  const shape = [...tensor.shape.slice(0, -1), kept];
  return [
    { name: names[0], datatype: 'BYTES', shape, data: packStrings(texts) },
    { name: names[1], datatype, shape, data: packFloats(datatype, scores) },
  ];
}

function bestStep(settings: LabelsSettings, spec: TensorSpec, labels: readonly string[], datatype: FloatType): Step {
  const { topK, as, scores, keep } = settings;
  const size = spec.shape?.at(-1);
  if (size !== undefined && size > labels.length) {
    throw invalidProcessing(`there are ${labels.length} labels for ${size} classes`);
  }
  if (spec.shape?.length === 0) throw invalidProcessing(`${JSON.stringify(spec.name)} is a single number`);
  const kept = size === undefined || size === -1 ? topK : Math.min(topK, size);
  // Where the number of classes is open, fewer than asked for may come out.
  const shape = spec.shape && [...spec.shape.slice(0, -1), size === -1 && topK > 1 ? -1 : kept];
  return {
    ...{ label: LABEL, keeps: keep, inputs: [spec] },
    outputs: [
      { name: as, datatype: 'BYTES', shape },
      { name: scores, datatype, shape },
    ],
    run: (tensors) => tensors.flatMap((each) => topOf(each, { labels, datatype, count: topK, names: [as, scores] })),
  };
}

/**
 * Names classes: the best of scores with their scores, or those that indices stand for.
 *
 * @throws ModelError
 */
export async function labelsStep(
  settings: LabelsSettings,
  given: ReadonlyMap<string, TensorSpec>,
  dir: string,
): Promise<Step> {
  const { tensor: name, as, keep } = settings;
  const spec = given.get(name);
  if (spec === undefined) throw invalidProcessing(`nobody gives ${JSON.stringify(name)}`);
  const labels = await labelsOf(settings, dir);
  if (isFloat(spec.datatype)) return bestStep(settings, spec, labels, spec.datatype);
  if (spec.datatype === 'BYTES')
    throw invalidProcessing(`${JSON.stringify(name)} is BYTES, and labels are made of numbers`);
  return {
    ...{ label: LABEL, keeps: keep, inputs: [spec], outputs: [{ ...spec, name: as, datatype: 'BYTES' }] },
    run: (tensors) =>
      tensors.map((each) => {
        const texts = Array.from(elementsOf(each) as Iterable<number | bigint>, (index) =>
          named(labels, Number(index)),
        );
        return { ...each, name: as, datatype: 'BYTES', data: packStrings(texts) };
      }),
  };
}

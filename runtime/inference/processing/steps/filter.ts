import { packStrings, unpackStrings } from '../../tensors/bytes';
import type { Tensor, TensorSpec } from '../../tensors/tensor';
import { invalidProcessing } from '../errors';
import { elementsOf, isFloat, packFloats, roomFor } from '../../tensors/values';
import type { FloatType } from '../../tensors/values';
import type { Step } from '../step';
import type { FilterSettings } from '../step-settings';
import { largest } from './labels';
import { redact, Turn } from './personal-data';

/** Told of elements that a rule changed. */
export type Filtered = (rule: FilterRule, count: number) => void;

/** What changes elements of an answer. */
export type FilterRule = 'clamp' | 'round' | 'top-k' | 'floor' | 'allow' | 'personal-data';

const LABEL = 'filter';

/** Changes numbers one by one, and tells how many of them became others. */
function changed(values: Float32Array | Float64Array, change: (value: number) => number): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) {
    const before = values[index] ?? 0;
    values[index] = change(before);
    if (!Object.is(values[index], before)) count += 1;
  }
  return count;
}

function keepLargest(values: Float32Array | Float64Array, size: number, count: number): number {
  let dropped = 0;
  for (let start = 0; start < values.length; start += size) {
    const kept = new Set(largest(values, start, size, count));
    for (let index = 0; index < size; index++) {
      if (kept.has(index) || values[start + index] === 0) continue;
      values[start + index] = 0;
      dropped += 1;
    }
  }
  return dropped;
}

function filterNumbers(tensor: Tensor, datatype: FloatType, settings: FilterSettings, told: Filtered): Tensor {
  const { clamp, topK, floor, round } = settings;
  const elements = elementsOf(tensor);
  const values = roomFor(datatype, elements.length);
  for (let index = 0; index < elements.length; index++) values[index] = Number(elements[index]);
  if (clamp !== undefined) {
    const [least, most] = clamp;
    told(
      'clamp',
      changed(values, (value) => Math.min(Math.max(value, least), most)),
    );
  }
  if (topK !== undefined) told('top-k', keepLargest(values, tensor.shape.at(-1) ?? 1, topK));
  if (floor !== undefined)
    told(
      'floor',
      changed(values, (value) => (value < floor ? 0 : value)),
    );
  if (round !== undefined) {
    const unit = 10 ** round;
    told(
      'round',
      changed(values, (value) => Math.round(value * unit) / unit),
    );
  }
  return { ...tensor, data: packFloats(datatype, values) };
}

async function filterTexts(
  tensor: Tensor,
  scores: Tensor | undefined,
  settings: FilterSettings,
  told: Filtered,
): Promise<Tensor[]> {
  const { allow, floor, replacement, personalData } = settings;
  const listed = allow && new Set(allow);
  const given = scores && elementsOf(scores);
  const count = { allow: 0, floor: 0, data: 0 };
  const hidden = new Set<number>();
  const texts = unpackStrings(tensor.data);
  const turn = new Turn();
  for (const [index, text] of texts.entries()) {
    const isStranger = listed !== undefined && !listed.has(text);
    // Written so that NaN is below every floor.
    const isUnsure = floor !== undefined && given !== undefined && !(Number(given[index]) >= floor);
    if (isStranger || isUnsure) {
      hidden.add(index);
      count[isStranger ? 'allow' : 'floor'] += 1;
      texts[index] = replacement;
    } else if (personalData !== undefined) {
      const { text: clean, found } = await redact(text, personalData, turn);
      count.data += found.size > 0 ? 1 : 0;
      texts[index] = clean;
    }
  }
  told('allow', count.allow);
  told('floor', count.floor);
  told('personal-data', count.data);
  const result = { ...tensor, data: packStrings(texts) };
  return scores === undefined ? [result] : [result, without(scores, hidden)];
}

/** The score of a label that is not given would tell of it. */
function without(scores: Tensor, hidden: ReadonlySet<number>): Tensor {
  const { datatype } = scores;
  if (hidden.size === 0 || !isFloat(datatype)) return scores;
  const elements = elementsOf(scores);
  const values = roomFor(datatype, elements.length);
  for (let index = 0; index < elements.length; index++) values[index] = hidden.has(index) ? 0 : Number(elements[index]);
  return { ...scores, data: packFloats(datatype, values) };
}

function textFilter(settings: FilterSettings, spec: TensorSpec, scores: TensorSpec | undefined, told: Filtered): Step {
  const { allow, floor, personalData, clamp, topK, round } = settings;
  if ([clamp, topK, round].some((each) => each !== undefined)) {
    throw invalidProcessing('clamp, topK and round are for numbers');
  }
  if (floor !== undefined && scores === undefined) throw invalidProcessing('floor needs scores');
  if (allow === undefined && floor === undefined && personalData === undefined) {
    throw invalidProcessing('it has none of allow, floor and personalData');
  }
  const tensors = scores === undefined ? [spec] : [spec, scores];
  return {
    ...{ label: LABEL, keeps: false, inputs: tensors, outputs: tensors },
    run: async ([texts, given]) => (texts === undefined ? [] : filterTexts(texts, given, settings, told)),
  };
}

/** Holds back what outputs shall not tell. @throws ModelError */
export function filterStep(settings: FilterSettings, given: ReadonlyMap<string, TensorSpec>, told: Filtered): Step {
  const spec = given.get(settings.tensor);
  if (spec === undefined) throw invalidProcessing(`nobody gives ${JSON.stringify(settings.tensor)}`);
  const scores = settings.scores === undefined ? undefined : given.get(settings.scores);
  if (settings.scores !== undefined && (scores === undefined || !isFloat(scores.datatype))) {
    throw invalidProcessing(`nobody gives ${JSON.stringify(settings.scores)} as numbers with fractions`);
  }
  const { datatype } = spec;
  if (datatype === 'BYTES') return textFilter(settings, spec, scores, told);
  if (!isFloat(datatype)) throw invalidProcessing(`${JSON.stringify(spec.name)} is ${datatype}, which is not filtered`);
  if ([settings.allow, settings.personalData, scores].some((each) => each !== undefined)) {
    throw invalidProcessing('allow, personalData and scores are for texts');
  }
  const { clamp, topK, floor, round } = settings;
  if (clamp === undefined && topK === undefined && floor === undefined && round === undefined) {
    throw invalidProcessing('it has none of clamp, topK, floor and round');
  }
  return {
    ...{ label: LABEL, keeps: false, inputs: [spec], outputs: [spec] },
    run: (tensors) => tensors.map((each) => filterNumbers(each, datatype, settings, told)),
  };
}

import { DRIFT_BASELINE, driftFeature, driftFeatureText, rowsOfShape, rowValue } from '../../contract';
import type { DriftBaseline, DriftFeatureName } from '../../contract';
import { roundHalf } from '../../inference/tensors/half';
import { badInvocation } from '../errors';

/** Elements of a row up to which each is a feature; wider rows are taken by their mean. */
const MOST_ELEMENTS = 16;
/** Values of a feature; more make no better baseline. */
const MOST_VALUES = 1_000_000;
const FEATURE = /^(inputs|outputs)\.(.+)\[(\d{1,9}|mean)\]$/;
const SIDES = ['inputs', 'outputs'] as const;

/** A tensor as JSON has it. */
interface JsonTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** Reads the name of a feature, e.g. `inputs.x[3]`. @throws LNMT6001 */
export function parseFeature(text: string): DriftFeatureName {
  const [, side, tensor, element] = FEATURE.exec(text) ?? [];
  if (side === undefined || tensor === undefined || element === undefined) {
    throw badInvocation('a feature has no such form', text, 'write it as inputs.NAME[3] or outputs.NAME[mean]');
  }
  return {
    side: side === 'inputs' ? 'inputs' : 'outputs',
    tensor,
    element: element === 'mean' ? element : Number(element),
  };
}

/** JSON has no NaN and no infinity: they are texts there, as the server writes them. */
function numberOf(value: unknown): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' || value === 'Infinity' || value === '-Infinity' ? Number(value) : Number.NaN;
}

/** What a server makes of a decimal number: an edge between the two would set equal values apart. */
const ROUNDED: ReadonlyMap<unknown, (value: number) => number> = new Map([
  ['FP16', roundHalf],
  ['FP32', Math.fround],
]);

/** A tensor with its numbers; undefined for text and for one whose values were left out. */
function tensorOf(value: unknown): JsonTensor | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { name, datatype, shape, data } = value as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || datatype === 'BYTES' || !Array.isArray(shape) || !Array.isArray(data)) {
    return undefined;
  }
  const rounded = ROUNDED.get(datatype) ?? Number;
  const values = (data.flat(Infinity) as unknown[]).map((each) => rounded(numberOf(each)));
  const { rows, width } = rowsOfShape(shape.map(Number));
  return rows * width === values.length ? { name, shape: shape.map(Number), values } : undefined;
}

/** The features of a tensor where nobody names any. */
function featuresOf(side: DriftFeatureName['side'], { name, shape }: JsonTensor): readonly DriftFeatureName[] {
  const { width } = rowsOfShape(shape);
  if (width > MOST_ELEMENTS) return [{ side, tensor: name, element: 'mean' }];
  return Array.from({ length: width }, (_, element) => ({ side, tensor: name, element }));
}

const memberOf = (record: unknown, name: string): unknown =>
  typeof record === 'object' && record !== null ? Reflect.get(record, name) : undefined;

/** Gathers the values of features from records, one after another. */
export class BaselineBuilder {
  /** Records that had a tensor. */
  records = 0;
  /** Records of requests that carry text, which were passed over: what they name are no tensors of the model. */
  texts = 0;
  private readonly values = new Map<string, { readonly name: DriftFeatureName; readonly values: number[] }>();
  private readonly tensors = new Set<string>();

  /** @param features that are asked for; those of all tensors when there are none */
  constructor(private readonly features: readonly DriftFeatureName[]) {
    for (const feature of features) this.want(feature);
  }

  /** Takes a line. @throws LNMT6001 for one that is no record */
  add(line: string, number: number): void {
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      throw badInvocation('a line is not JSON', `line ${number}`, 'give records of the payload log, one a line');
    }
    // Only those say which operation it was.
    if (memberOf(record, 'operation') !== undefined) {
      this.texts += 1;
      return;
    }
    let found = 0;
    for (const side of SIDES) {
      const list = memberOf(record, side);
      for (const tensor of Array.isArray(list) ? list.map(tensorOf) : []) {
        if (tensor === undefined) continue;
        found += 1;
        this.take(side, tensor);
      }
    }
    if (found > 0) this.records += 1;
  }

  /** The baseline. @throws LNMT6001 where there is too little of a feature, or too many features */
  build(): DriftBaseline {
    const all = [...this.values.values()];
    const { minRows, maxFeatures, format } = DRIFT_BASELINE;
    const poor = all.find(({ values }) => values.length < minRows);
    if (all.length === 0 || poor !== undefined) {
      const texts = this.texts > 0 ? `, and ${this.texts} records of text` : '';
      const got = poor ? `${driftFeatureText(poor.name)} has ${poor.values.length} rows` : `no numbers${texts}`;
      throw badInvocation('the records hold too little', got, `give at least ${minRows} rows, better 10000`);
    }
    if (all.length > maxFeatures) {
      throw badInvocation('there are too many features', `${all.length}`, `name at most ${maxFeatures} with --feature`);
    }
    return { format, features: all.map(({ name, values }) => driftFeature(name, values)) };
  }

  private want(name: DriftFeatureName): void {
    const key = driftFeatureText(name);
    if (!this.values.has(key)) this.values.set(key, { name, values: [] });
  }

  private take(side: DriftFeatureName['side'], tensor: JsonTensor): void {
    const key = `${side}.${tensor.name}`;
    if (this.features.length === 0 && !this.tensors.has(key))
      featuresOf(side, tensor).forEach((each) => this.want(each));
    this.tensors.add(key);
    const { rows, width } = rowsOfShape(tensor.shape);
    for (const { name, values } of this.values.values()) {
      if (name.side !== side || name.tensor !== tensor.name) continue;
      for (let row = 0; row < rows && values.length < MOST_VALUES; row++) {
        const value = rowValue(name.element, row, width, (index) => tensor.values[index] ?? Number.NaN);
        if (value !== undefined) values.push(value);
      }
    }
  }
}

import { getFloat16 } from '@petamoriken/float16';
import { describe, expect, it, vi } from 'vitest';
import { boundsChecks } from '../../../../runtime/inference/processing/bounds';
import { Plan } from '../../../../runtime/inference/processing/plan';
import { parseProcessing } from '../../../../runtime/inference/processing/settings';
import type { InputBounds } from '../../../../runtime/inference/processing/settings';
import { filterStep } from '../../../../runtime/inference/processing/steps/filter';
import { labelsStep } from '../../../../runtime/inference/processing/steps/labels';
import { normaliseStep } from '../../../../runtime/inference/processing/steps/normalise';
import { softmaxStep } from '../../../../runtime/inference/processing/steps/softmax';
import { BEFORE, AFTER } from '../../../../runtime/inference/processing/step-settings';
import { Members } from '../../../../runtime/inference/processing/members';
import type { Step } from '../../../../runtime/inference/processing/step';
import { settingsOf } from '../../../../runtime/inference/models/model-config';
import { packElements } from '../../../../runtime/inference/tensors/elements';
import { elementsText } from '../../../../runtime/inference/tensors/text';
import type { Datatype, Tensor, TensorSpec } from '../../../../runtime/inference/tensors/tensor';
import { firstNonFinite } from '../../../../runtime/inference/tensors/values';

const spec = (name: string, datatype: Datatype, shape?: readonly number[]): TensorSpec => ({ name, datatype, shape });
const given = (...specs: TensorSpec[]): Map<string, TensorSpec> => new Map(specs.map((each) => [each.name, each]));
const tensor = (name: string, datatype: Datatype, shape: number[], values: unknown[]): Tensor => ({
  ...{ name, datatype, shape },
  data: packElements(datatype, values),
});
const floats = (values: number[], shape = [values.length]): Tensor => ({
  ...{ name: 'x', datatype: 'FP64', shape },
  data: new Uint8Array(Float64Array.from(values).buffer),
});
const members = (value: object): Members => new Members(value, 'step', undefined);
const context = { signal: new AbortController().signal };

async function run(step: Step, ...inputs: Tensor[]): Promise<unknown[]> {
  return (await step.run(inputs, context)).map((each) => JSON.parse(elementsText(each)) as unknown);
}

describe('normalise', () => {
  it('scales each channel by its own mean and deviation', async () => {
    const settings = BEFORE.normalise(members({ tensor: 'x', scale: 0.5, mean: [1, 2], std: [1, 4] }));
    const step = normaliseStep(settings, given(spec('x', 'FP32', [-1, 2, 2])));
    const input = tensor('x', 'FP32', [2, 2, 2], [2, 4, 4, 8, 0, 0, 0, 0]);
    expect(await run(step, input)).toEqual([[0, 1, 0, 0.5, -1, -1, -0.5, -0.5]]);
  });

  it('takes whole numbers and gives what the model takes, FP16 too', async () => {
    const settings = BEFORE.normalise(members({ tensor: 'x', from: 'UINT8', scale: 1 / 255 }));
    const step = normaliseStep(settings, given(spec('x', 'FP16', [2])));
    expect(step.inputs).toEqual([spec('x', 'UINT8', [2])]);
    const [output] = await step.run([tensor('x', 'UINT8', [2], [0, 255])], context);
    expect(output?.datatype).toBe('FP16');
    const view = new DataView(output?.data.buffer ?? new ArrayBuffer(4));
    expect([getFloat16(view, 0, true), getFloat16(view, 2, true)]).toEqual([0, 1]);
  });

  it.each([
    ['a model that takes whole numbers', { tensor: 'x' }, spec('x', 'INT64', [2]), 'holds no fractions'],
    ['more means than channels', { tensor: 'x', mean: [1, 2, 3] }, spec('x', 'FP32', [1, 2]), 'each of the 2 channels'],
    ['an axis that is not there', { tensor: 'x', mean: [1, 2], axis: 3 }, spec('x', 'FP32', [1, 2]), 'has no axis 3'],
  ])('refuses %s', (_title, settings, model, message) => {
    expect(() => normaliseStep(BEFORE.normalise(members(settings)), given(model))).toThrow(message);
  });
});

describe('softmax', () => {
  it('makes shares of 1 of the last axis, and of large scores no infinities', async () => {
    const step = softmaxStep(AFTER.softmax(members({ tensor: 'x' })), given(spec('x', 'FP64', [-1, 2])));
    expect(await run(step, floats([0, 0, 1000, 1000, -1000, 1000], [3, 2]))).toEqual([[0.5, 0.5, 0.5, 0.5, 0, 1]]);
  });

  it('refuses whole numbers', () => {
    const settings = AFTER.softmax(members({ tensor: 'x' }));
    expect(() => softmaxStep(settings, given(spec('x', 'INT32')))).toThrow('holds no fractions');
  });
});

describe('labels', () => {
  it('names the best of each row, the first of equal ones, and never NaN', async () => {
    const settings = AFTER.labels(members({ tensor: 'x', labels: ['a', 'b', 'c'], topK: 2 }));
    const step = await labelsStep(settings, given(spec('x', 'FP64', [-1, 3])), '');
    const rows = [1, 3, 2, 5, 5, 5, NaN, 1, NaN, NaN, NaN, NaN];
    expect(await run(step, floats(rows, [4, 3]))).toEqual([
      ['b', 'c', 'a', 'b', 'b', '', '', ''],
      [3, 2, 5, 5, 1, 'NaN', 'NaN', 'NaN'],
    ]);
  });

  it('names indices in their own shape', async () => {
    const settings = AFTER.labels(members({ tensor: 'x', labels: ['a', 'b'], as: 'y' }));
    const step = await labelsStep(settings, given(spec('x', 'INT64', [-1])), '');
    expect(step.outputs).toEqual([spec('y', 'BYTES', [-1])]);
    expect(await run(step, tensor('x', 'INT64', [3], [1, 0, 1]))).toEqual([['b', 'a', 'b']]);
    await expect(run(step, tensor('x', 'INT64', [1], [2]))).rejects.toThrow('the step "labels" failed');
    await expect(run(step, tensor('x', 'INT64', [1], [-1]))).rejects.toThrow('the step "labels" failed');
  });
});

describe('filter', () => {
  const told: string[] = [];
  const make = (settings: object, ...specs: TensorSpec[]): Step =>
    filterStep(AFTER.filter(members(settings)), given(...specs), (rule, count) => void told.push(`${rule} ${count}`));

  it('clamps, keeps the largest, drops what is small and rounds, in this order', async () => {
    const step = make({ tensor: 'x', clamp: [0, 1], topK: 2, floor: 0.3, round: 1 }, spec('x', 'FP64', [-1, 4]));
    told.length = 0;
    expect(await run(step, floats([-1, 0.25, 0.55, 7, 0.1, 0.2, 0.31, 0.32], [2, 4]))).toEqual([
      [0, 0, 0.6, 1, 0, 0, 0.3, 0.3],
    ]);
    expect(told).toEqual(['clamp 2', 'top-k 3', 'floor 0', 'round 3']);
  });

  it('gives only labels that are listed and sure, and no score of another', async () => {
    const scores = spec('s', 'FP64', [-1]);
    const step = make(
      { tensor: 'l', scores: 's', floor: 0.5, allow: ['a', 'b'], replacement: '-' },
      spec('l', 'BYTES', [-1]),
      scores,
    );
    const input = tensor('l', 'BYTES', [4], ['a', 'b', 'c', 'a']);
    expect(await run(step, input, { ...floats([0.9, 0.1, 0.9, NaN]), name: 's' })).toEqual([
      ['a', '-', '-', '-'],
      [0.9, 0, 0, 0],
    ]);
  });

  it('lets others have their turn while it looks through many texts, each of which is short', async () => {
    const step = make({ tensor: 'l', personalData: ['email'] }, spec('l', 'BYTES', [-1]));
    const texts = tensor('l', 'BYTES', [1_000], Array(1_000).fill('ask ann@example.org'));
    let [turns, time] = [0, 0];
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 0.1));
    const count = (): void => void ((turns += 1), (next = setImmediate(count)));
    let next = setImmediate(count);
    await step.run([texts], context);
    clearImmediate(next);
    clock.mockRestore();
    expect(turns).toBeGreaterThan(10);
  });

  it.each([
    ['texts with a rule for numbers', { tensor: 'l', round: 0 }, 'are for numbers'],
    ['texts without a rule', { tensor: 'l' }, 'it has none of allow, floor and personalData'],
    ['a floor without scores', { tensor: 'l', floor: 1 }, 'floor needs scores'],
    ['scores that nobody gives', { tensor: 'l', floor: 1, scores: 'z' }, 'nobody gives "z"'],
    ['numbers with a rule for texts', { tensor: 'x', allow: ['a'] }, 'are for texts'],
    ['numbers without a rule', { tensor: 'x' }, 'it has none of clamp, topK, floor and round'],
    ['whole numbers', { tensor: 'i', round: 1 }, 'is not filtered'],
  ])('refuses %s', (_title, settings, message) => {
    const specs = [spec('l', 'BYTES'), spec('x', 'FP32'), spec('i', 'INT32')];
    expect(() => make(settings, ...specs)).toThrow(message);
  });
});

describe('bounds', () => {
  const check = (
    datatype: Datatype,
    bounds: InputBounds,
    values: unknown[] | Uint8Array,
    policy: 'allow' | 'refuse' = 'allow',
  ) => {
    const input = spec('x', datatype, [-1]);
    const checks = boundsChecks({ x: bounds }, { inputs: [input], outputs: [] }, policy).get('x') ?? [];
    const data = values instanceof Uint8Array ? values : packElements(datatype, values);
    return () => checks.forEach((each) => each({ ...input, shape: [1], data }));
  };
  const raw = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

  it.each<[Datatype, InputBounds, unknown[] | Uint8Array]>([
    ['FP32', { range: { min: -1, max: 1 } }, [-1, 0, 1]],
    ['FP32', { range: { min: 0, max: 1 }, nonFinite: 'allow' }, raw(0, NaN, 1)],
    ['FP16', { range: { min: 0, max: 1 } }, [0, 0.5, 1]],
    ['FP32', { range: { min: 0.7, max: 1e39 } }, [0.7, 3e38]],
    ['FP32', { range: { min: 0, max: 0.1 } }, [0.1]],
    ['FP16', { range: { min: 0.7, max: 0.1 + 0.7 } }, [0.7, 0.8]],
    ['INT64', { range: { min: 0, max: 5 } }, [0n, 5n]],
    ['INT64', { values: ['9007199254740993', 1] }, [9007199254740993n, 1n]],
    ['FP32', { values: [0.1, 0.2] }, [0.1, 0.2]],
    ['FP16', { values: [0.1] }, [0.1]],
    ['FP32', { values: [1], nonFinite: 'allow' }, raw(NaN, 1)],
    ['BOOL', { values: [true] }, [true]],
    ['UINT8', { values: [1, 2] }, [2, 1]],
    ['BYTES', { values: ['ä'], maxBytes: 2 }, ['ä']],
  ])('of %s take what is inside: %j', (datatype, bounds, values) => {
    expect(check(datatype, bounds, values)).not.toThrow();
  });

  it.each<[Datatype, InputBounds, unknown[] | Uint8Array, string]>([
    ['FP32', { range: { min: -1, max: 1 } }, [0, 1.001], 'element 1 is not from -1 to 1'],
    ['FP32', { range: { min: 0, max: 1 } }, raw(0, NaN), 'element 1 is not a finite number'],
    ['FP32', { range: { min: 0, max: 1 }, nonFinite: 'allow' }, raw(NaN, NaN, 2, NaN), 'element 2 is not from 0 to 1'],
    ['FP32', { range: { min: 0, max: 1 }, nonFinite: 'allow' }, raw(Infinity), 'element 0 is not from 0 to 1'],
    ['FP32', { values: [1], nonFinite: 'allow' }, raw(NaN, Infinity), 'element 1 is none of the values'],
    ['FP32', { range: { min: 0, max: 0.1 } }, [0.1, 0.10000002], 'element 1 is not from 0 to 0.1'],
    [
      'FP16',
      { range: { min: 0, max: 1e6 }, nonFinite: 'allow' },
      new Uint8Array([0, 0x7c]),
      'element 0 is not from 0 to 1000000',
    ],
    ['INT64', { range: { min: 0, max: 5 } }, [0n, -1n], 'element 1 is not from 0 to 5'],
    ['INT64', { values: ['9007199254740993'] }, [9007199254740992n], 'element 0 is none of the values'],
    ['FP64', { values: [0.1] }, [0.1, 0.2], 'element 1 is none of the values'],
    ['BOOL', { values: [true] }, [true, false], 'element 1 is none of the values'],
    ['BYTES', { values: ['a'] }, ['a', 'A'], 'element 1 is none of the values'],
    ['BYTES', { maxBytes: 1 }, ['a', 'ä'], 'element 1 has more than 1 bytes'],
  ])('of %s refuse what is outside: %j', (datatype, bounds, values, message) => {
    expect(check(datatype, bounds, values)).toThrow(`input "x": ${message}`);
  });

  it('find every NaN and infinity of each kind of fractions, and no other value', () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      expect(firstNonFinite({ datatype: 'FP32', data: raw(0, 3e38, value) })).toBe(2);
      const data = new Uint8Array(Float64Array.of(1e308, value).buffer);
      expect(firstNonFinite({ datatype: 'FP64', data })).toBe(1);
    }
    for (let bits = 0; bits < 65_536; bits++) {
      const data = new Uint8Array(Uint16Array.of(bits).buffer);
      const isFinite = Number.isFinite(getFloat16(new DataView(data.buffer), 0, true));
      if ((firstNonFinite({ datatype: 'FP16', data }) === -1) !== isFinite) expect.fail(`wrong for ${bits}`);
    }
    expect(firstNonFinite({ datatype: 'INT32', data: raw(NaN) })).toBe(-1);
  });

  it.each<[string, Datatype, InputBounds]>([
    ['a range of texts', 'BYTES', { range: { min: 0, max: 1 } }],
    ['a length of numbers', 'FP32', { maxBytes: 1 }],
    ['a policy for whole numbers', 'INT32', { nonFinite: 'refuse' }],
    ['a value that is none', 'INT64', { values: ['x'] }],
  ])('refuse %s when the model is loaded', (_title, datatype, bounds) => {
    expect(() => check(datatype, bounds, [])).toThrow('LNMT8364');
  });
});

describe('the plan', () => {
  const step = (inputs: TensorSpec[], outputs: TensorSpec[], keeps = false): Step => ({
    ...{ label: 'step', inputs, outputs, keeps },
    run: (tensors) => tensors,
  });
  const settings = { before: [], after: [], inputs: {} };
  const model = { inputs: [spec('a', 'FP32', [-1])], outputs: [spec('b', 'FP32', [-1]), spec('c', 'FP32', [-1])] };
  const never = () => Promise.reject(new Error('no step'));
  const any = BEFORE.plugin(members({ plugin: 'p', step: 's' }));

  it('without steps shows the model as it is', async () => {
    expect((await Plan.make(settings, model, { before: never, after: never })).signature).toEqual(model);
  });

  it('refuses an output whose datatype or shape the next does not take', async () => {
    for (const output of [spec('a', 'INT32', [-1]), spec('a', 'FP32', [1, 1])]) {
      const before = async () => step([spec('z', 'FP32')], [output]);
      await expect(Plan.make({ ...settings, before: [any] }, model, { before, after: never })).rejects.toThrow(
        'is wanted',
      );
    }
  });

  it('refuses an output that hides another', async () => {
    const after = async () => step([spec('b', 'FP32', [-1])], [spec('c', 'FP32', [-1])]);
    const made = Plan.make({ ...settings, after: [any] }, model, { before: never, after });
    await expect(made).rejects.toThrow('two outputs have the name "c"');
  });

  it('runs of the model and the steps what is asked for only', async () => {
    const after = async () => step([spec('b', 'FP32', [-1])], [spec('d', 'FP32', [-1])]);
    const plan = await Plan.make({ ...settings, after: [any] }, model, { before: never, after });
    expect(plan.signature.outputs.map(({ name }) => name)).toEqual(['c', 'd']);
    expect(plan.route(['c'])).toEqual({ outputs: ['c'], steps: [] });
    expect(plan.route(['d'])).toMatchObject({ outputs: ['b'], steps: [{ label: 'step' }] });
  });
});

describe('the configuration of steps', () => {
  const parse = (value: unknown) => () => parseProcessing(value, 'processing');

  it.each([
    ['a list', [], 'processing is not an object'],
    ['a strange member', { steps: [] }, 'unknown member "steps"'],
    [
      'a step without a name',
      { before: [{}] },
      'processing.before[0].step is not one of tokenize, normalise, image, plugin',
    ],
    ['a step on the wrong side', { before: [{ step: 'softmax', tensor: 'x' }] }, 'before[0].step is not one of'],
    ['a name from the prototype', { before: [{ step: 'toString' }] }, 'before[0].step is not one of'],
    ['a strange member of a step', { before: [{ step: 'tokenize', path: '/' }] }, 'unknown member "path"'],
    ['a missing tensor', { after: [{ step: 'softmax' }] }, 'after[0].tensor is missing'],
    ['a deviation of 0', { before: [{ step: 'normalise', tensor: 'x', std: [0] }] }, 'std has a 0'],
    ['labels twice', { after: [{ step: 'labels', tensor: 'x', labels: [], file: 'f' }] }, 'not one of labels and file'],
    [
      'a strange format',
      { before: [{ step: 'image', tensor: 'x', formats: ['svg'] }] },
      'is not one of jpeg, png, webp',
    ],
    ['a pattern', { after: [{ step: 'filter', tensor: 'x', personalData: ['(a+)+$'] }] }, 'is not one of email, phone'],
    ['a range upside down', { inputs: { x: { range: [1, 0] } } }, 'the smaller one first'],
    ['a strange policy', { inputs: { x: { nonFinite: 'maybe' } } }, 'nonFinite is not one of allow, refuse'],
    ['too many steps', { before: Array.from({ length: 17 }, () => ({ step: 'tokenize' })) }, 'a list of at most 16'],
    [
      'a shortest side without a crop',
      { before: [{ step: 'image', tensor: 'x', shortest: 3 }] },
      'goes with resize crop',
    ],
    ['a name that is none', { before: [{ plugin: 'p', step: 's', inputs: { a: 1 } }] }, 'inputs.a is not a name'],
  ])('refuses %s', (_title, value, message) => {
    expect(parse(value)).toThrow(message);
  });

  it('stands beside what else is said of a model', () => {
    const { processing } = settingsOf({ processing: { after: [{ step: 'softmax', tensor: 'x' }] } }, 'config.json');
    expect(processing).toEqual({
      ...{ before: [], inputs: {} },
      after: [{ step: 'softmax', tensor: 'x', as: undefined }],
    });
    expect(() => settingsOf({ processing: { after: 1 } }, 'config.json')).toThrow('config.json.processing.after');
  });
});

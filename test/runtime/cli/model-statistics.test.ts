import { describe, expect, test } from 'vitest';
import { gateFailures } from '../../../runtime/cli/model/gate';
import { Comparison } from '../../../runtime/cli/model/statistics';
import type { OutputStatistics } from '../../../runtime/cli/model/statistics';
import { floatsOf } from '../../../runtime/inference/tensors/values';
import { packElements } from '../../../runtime/inference/tensors/elements';
import type { Datatype, Tensor } from '../../../runtime/inference/tensors/tensor';

const tensor = (datatype: Datatype, shape: readonly number[], values: readonly unknown[]): Tensor => ({
  ...{ name: 'y', datatype, shape },
  data: packElements(datatype, values),
});

function compared(before: Tensor, after: Tensor): OutputStatistics {
  const comparison = new Comparison('y', { floatsOf });
  comparison.add(before, after);
  return comparison.statistics;
}

const speed = { original: 1, changed: 1, ratio: 1, rounds: 1 };
const failures = (output: OutputStatistics, limits: Parameters<typeof gateFailures>[1]): readonly string[] =>
  gateFailures({ samples: 1, outputs: [output], speed }, limits);

describe('the comparison of two answers', () => {
  test.each([
    ['from nothing to something', [0, 4], [3, 4], 12],
    ['from something to nothing', [3, 4], [0, 4], 12],
    ['with the same numbers in another shape', [3, 4], [4, 3], 12],
    ['of nothing in another shape', [0, 4], [0, 5], 1],
    ['of nothing at all', [0, 4], [0, 4], 0],
  ])('finds floats %s', (_name, before, after, notFinite) => {
    const zeros = (shape: readonly number[]): Tensor =>
      tensor(
        'FP32',
        shape,
        Array.from({ length: (shape[0] ?? 0) * (shape[1] ?? 0) }, () => 0),
      );
    expect(compared(zeros(before), zeros(after))).toMatchObject({ notFinite, exact: false });
  });

  test('takes texts one by one, whatever their lengths are', () => {
    const before = tensor('BYTES', [4], ['a', 'bb', 'ccc', 'dddd']);
    expect(compared(before, tensor('BYTES', [4], ['a', 'bb', 'cc', 'dddd']))).toMatchObject({
      rows: 4,
      agreement: 0.75,
    });
    expect(compared(before, tensor('BYTES', [4], ['bb', 'a', 'ccc', 'dddd']))).toMatchObject({ agreement: 0.5 });
    expect(compared(before, tensor('BYTES', [2, 2], ['a', 'bb', 'ccc', 'dddd'])).agreement).toBe(0);
    const pairs = tensor('BYTES', [2, 2], ['a', 'bb', 'ccc', 'dddd']);
    expect(compared(pairs, tensor('BYTES', [2, 2], ['a', 'bb', '', 'dddd']))).toMatchObject({
      rows: 2,
      agreement: 0.5,
    });
  });

  test('holds what is no float to agreement of its own', () => {
    const labels = compared(tensor('INT64', [2], [3, 4]), tensor('INT64', [2], [3, 7]));
    expect(labels).toMatchObject({ rows: 2, agreement: 0.5, exact: true });
    const limits = { maxDifference: 1e-4, minAgreement: 0 };
    expect(failures(labels, limits)).toEqual([]);
    expect(failures(labels, { ...limits, minExactAgreement: 1 })).toEqual([
      'y agrees in 50.00 % of the rows, wanted are 100.00 %',
    ]);
    const scores = compared(tensor('FP32', [1, 2], [0.5, 0.50001]), tensor('FP32', [1, 2], [0.50001, 0.5]));
    expect(scores).toMatchObject({ agreement: 0, exact: false });
    expect(failures(scores, { ...limits, minExactAgreement: 1 })).toEqual([]);
  });
});

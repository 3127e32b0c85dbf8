import { describe, expect, test } from 'vitest';
import { compareDrift, driftOf } from './plan-drift';

const change = (before: object | null, after: object | null, more: object = {}): object => ({
  actions: ['update'],
  before,
  after,
  ...more,
});
const drift = (...changes: readonly object[]): Record<string, string[]> => {
  const plan = {
    resource_changes: changes.map((one) => ({ type: 'aws_thing', address: 'aws_thing.it', change: one })),
  };
  return Object.fromEntries([...driftOf(plan as never)].map(([type, attributes]) => [type, [...attributes].sort()]));
};

describe('the drift in a plan', () => {
  test('is the attributes whose known values change', () => {
    expect(drift(change({ a: 1, b: [{ c: 'x' }], d: 'same' }, { a: 2, b: [{ c: 'y' }], d: 'same' }))).toEqual({
      aws_thing: ['a', 'b'],
    });
  });

  test('is not what will be known only later, nor an absent value for an empty one', () => {
    const later = change(
      { arn: 'x', tags: {}, block: [{ id: 'a', n: 1 }] },
      { tags: null, block: [{ n: 1 }] },
      { after_unknown: { arn: true, block: [{ id: true }] } },
    );
    expect(drift(later)).toEqual({});
  });

  test('is a star for what appears or disappears, and nothing for what is only read', () => {
    expect(drift(change(null, { a: 1 }))).toEqual({ aws_thing: ['*'] });
    expect(drift(change({ a: 1 }, { a: 2 }, { actions: ['no-op'] }), change(null, {}, { actions: ['read'] }))).toEqual(
      {},
    );
  });

  test('refuses both a new attribute and one that is listed in vain', () => {
    const found = new Map([['aws_a', new Set(['x'])]]);
    expect(compareDrift(found, { aws_a: ['x'] })).toEqual([]);
    expect(compareDrift(found, { aws_b: ['y'] })).toEqual([
      'aws_a: drifts in [x], the list says []',
      'aws_b: drifts in [], the list says [y]',
    ]);
  });
});

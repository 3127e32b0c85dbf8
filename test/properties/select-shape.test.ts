import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Accelerator } from '../../constructs/accelerators';
import { AWS_CPU_SHAPES } from '../../constructs/aws/cpu-shapes';
import { AWS_GPU_SHAPES } from '../../constructs/aws/gpu-shapes';
import { LnmtError } from '../../constructs/errors';
import { selectShape } from '../../constructs/select-shape';
import type { NodeShape, ShapeRequest } from '../../constructs/select-shape';
import { FAKE_SHAPES } from '../../constructs/testing';

const ACCELERATORS = [
  Accelerator.NVIDIA_T4,
  Accelerator.NVIDIA_L4,
  Accelerator.NVIDIA_A100_80GB,
  Accelerator.NVIDIA_H100,
];

const shape: fc.Arbitrary<NodeShape> = fc
  .record({
    accelerator: fc.option(fc.constantFrom(...ACCELERATORS), { nil: undefined }),
    gpus: fc.integer({ min: 1, max: 8 }),
    vcpus: fc.integer({ min: 1, max: 200 }),
    memoryGiB: fc.integer({ min: 1, max: 2048 }),
    architecture: fc.constantFrom('amd64' as const, 'arm64' as const),
  })
  .map(({ accelerator, gpus, ...rest }) => ({
    ...rest,
    name: '',
    gpus: accelerator ? gpus : 0,
    ...(accelerator ? { accelerator } : {}),
  }));

const generated = fc
  .array(shape, { minLength: 1, maxLength: 12 })
  .map((shapes) => shapes.map((each, index): NodeShape => ({ ...each, name: `shape-${index}` })));
const tables = fc.oneof(generated, fc.constantFrom([...AWS_CPU_SHAPES, ...AWS_GPU_SHAPES], FAKE_SHAPES));

const request: fc.Arbitrary<ShapeRequest> = fc.record(
  {
    accelerator: fc.constantFrom(...ACCELERATORS),
    gpus: fc.integer({ min: 1, max: 8 }),
    vcpus: fc.integer({ min: 1, max: 128 }),
    memoryGiB: fc.integer({ min: 1, max: 1024 }),
    architecture: fc.constantFrom('amd64' as const, 'arm64' as const),
  },
  { requiredKeys: [] },
);
const sensible = request.map(({ gpus, ...rest }): ShapeRequest =>
  rest.accelerator && gpus ? { ...rest, gpus } : rest,
);

function choose(shapes: readonly NodeShape[], wanted: ShapeRequest, prices = {}): NodeShape | LnmtError {
  try {
    return selectShape('a table', shapes, wanted, prices);
  } catch (error) {
    if (LnmtError.isLnmtError(error)) return error;
    throw error;
  }
}

const holds = (each: NodeShape, wanted: ShapeRequest): boolean =>
  each.accelerator?.name === wanted.accelerator?.name &&
  each.gpus >= (wanted.gpus ?? (wanted.accelerator ? 1 : 0)) &&
  each.vcpus >= (wanted.vcpus ?? 1) &&
  each.memoryGiB >= (wanted.memoryGiB ?? 1) &&
  (wanted.architecture === undefined || each.architecture === wanted.architecture);

const size = (each: NodeShape): readonly number[] => [each.gpus, each.memoryGiB, each.vcpus];

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, position) => value !== b[position]);
  return index < 0 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

describe('selectShape', () => {
  it('never chooses less than was asked for', () => {
    fc.assert(
      fc.property(tables, sensible, (shapes, wanted) => {
        const chosen = choose(shapes, wanted);
        if (!(chosen instanceof LnmtError)) expect(holds(chosen, wanted)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('finds a shape exactly when there is one, and names the nearest offers when there is none', () => {
    fc.assert(
      fc.property(tables, sensible, (shapes, wanted) => {
        const chosen = choose(shapes, wanted);
        expect(chosen instanceof LnmtError).toBe(!shapes.some((each) => holds(each, wanted)));
        if (!(chosen instanceof LnmtError)) return;
        expect(chosen.code).toBe('LNMT1006');
        const comparable = shapes.filter(
          (each) => (each.accelerator === undefined) === (wanted.accelerator === undefined),
        );
        const offers = comparable.filter((each) => chosen.message.includes(each.name));
        expect(offers.length).toBeGreaterThanOrEqual(Math.min(3, comparable.length));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes fewest GPUs, then least memory, then fewest vCPUs', () => {
    fc.assert(
      fc.property(tables, sensible, (shapes, wanted) => {
        const chosen = choose(shapes, wanted);
        if (chosen instanceof LnmtError) return;
        const better = shapes.filter((each) => holds(each, wanted) && compare(size(each), size(chosen)) < 0);
        expect(better).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it('is monotone: who asks for more never gets a smaller one', () => {
    const growth = fc.record({ gpus: fc.nat(4), vcpus: fc.nat(64), memoryGiB: fc.nat(512) });
    fc.assert(
      fc.property(tables, sensible, growth, (shapes, wanted, more) => {
        const less = choose(shapes, wanted);
        const greedy = {
          ...wanted,
          ...(wanted.accelerator ? { gpus: (wanted.gpus ?? 1) + more.gpus } : {}),
          vcpus: (wanted.vcpus ?? 1) + more.vcpus,
          memoryGiB: (wanted.memoryGiB ?? 1) + more.memoryGiB,
        };
        const chosen = choose(shapes, greedy);
        if (chosen instanceof LnmtError) return;
        expect(less).not.toBeInstanceOf(LnmtError);
        expect(compare(size(chosen), size(less as NodeShape))).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('does not depend on the order of the table', () => {
    fc.assert(
      fc.property(tables, sensible, (shapes, wanted) => {
        const forward = choose(shapes, wanted);
        const backward = choose([...shapes].reverse(), wanted);
        if (forward instanceof LnmtError) expect(backward).toBeInstanceOf(LnmtError);
        else expect(backward).toEqual(forward);
      }),
    );
  });

  it('takes the cheapest of the priced ones with a price table', () => {
    const priced = tables.chain((shapes) =>
      fc.tuple(
        fc.constant(shapes),
        fc.array(fc.option(fc.integer({ min: 1, max: 100 })), { minLength: shapes.length, maxLength: shapes.length }),
      ),
    );
    fc.assert(
      fc.property(priced, sensible, ([shapes, list], wanted) => {
        const prices = Object.fromEntries(
          shapes.flatMap((each, index) => (typeof list[index] === 'number' ? [[each.name, list[index]]] : [])),
        ) as Record<string, number>;
        const chosen = choose(shapes, wanted, prices);
        if (chosen instanceof LnmtError) return;
        const cheapest = Math.min(
          ...shapes.filter((each) => holds(each, wanted)).map((each) => prices[each.name] ?? Infinity),
        );
        expect(prices[chosen.name] ?? Infinity).toBe(cheapest);
      }),
    );
  });
});

import { partsChecks } from './conformance-parts';
import { refusalChecks } from './conformance-refusals';
import { stateChecks } from './conformance-state';
import type { ConformanceCheck, MakeCloud } from './conformance-support';
import { treeChecks } from './conformance-tree';

export type { ConformanceCheck, MakeCloud } from './conformance-support';

/**
 * What holds for every cloud, as named checks for any test runner.
 *
 * The cloud has to offer a node shape with an accelerator. Pools `general` and `gpus` are asked for, of one node with at
 * least one vCPU; `gpus` also of the largest node with its accelerator.
 *
 * @param make makes the cloud, with the same props at each call
 *
 * @example
 * describe('my cloud', () => {
 *   for (const check of conformance(() => new MyCloud())) it(check.name, check.run);
 * });
 */
export function conformance(make: MakeCloud): readonly ConformanceCheck[] {
  return [...treeChecks(make), ...stateChecks(make), ...partsChecks(make), ...refusalChecks(make)];
}

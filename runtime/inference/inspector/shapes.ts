import { tooMuch } from './errors';
import type { InspectorLimits } from './limits';
import { nameOfNode } from './node';
import type { Node } from './node';
import type { Scope } from './scope';

type Constants = readonly bigint[] | undefined;

const product = (sizes: Constants): bigint => (sizes ?? []).reduce((all, size) => all * (size > 0n ? size : 1n), 1n);
const sum = (sizes: Constants): bigint => (sizes ?? []).reduce((all, size) => all + (size > 0n ? size : 0n), 0n);
const most = (sizes: Constants): bigint => (sizes ?? []).reduce((all, size) => (size > all ? size : all), 0n);

function range(start: Constants, limit: Constants, step: Constants): bigint {
  const [from, to, by] = [start?.[0] ?? 0n, limit?.[0], step?.[0] ?? 1n];
  if (to === undefined || by === 0n) return 0n;
  return (to - from) / by;
}

/** Least number of elements that an operation makes, as far as constants of the model say so. */
const MAKES: Readonly<Record<string, (input: (index: number) => Constants, size: Constants) => bigint>> = {
  ConstantOfShape: (input) => product(input(0)),
  Expand: (input) => product(input(1)),
  Tile: (input) => product(input(1)),
  OneHot: (input) => most(input(1)),
  Range: (input) => range(input(0), input(1), input(2)),
  Pad: (input) => sum(input(1)),
  Resize: (input) => product(input(3)),
  CenterCropPad: (input) => product(input(1)),
  RandomNormal: (_input, size) => product(size),
  RandomUniform: (_input, size) => product(size),
};

/**
 * Refuses a few bytes that ask for much memory. What is computed while the model runs is left to the limits of its
 * process.
 *
 * @param shape constant list of the attribute `shape`
 */
export function checkConstantShape(node: Node, scope: Scope, shape: Constants, limits: InspectorLimits): void {
  if (node.domain !== '' || !Object.hasOwn(MAKES, node.operator)) return;
  const elements = MAKES[node.operator]?.((index) => scope.integers(node.inputs[index]), shape) ?? 0n;
  if (elements > BigInt(limits.elements)) throw tooMuch(`elements of ${nameOfNode(node)}`, elements, limits.elements);
}

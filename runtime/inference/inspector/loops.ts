import { unbounded } from './errors';
import type { InspectorLimits } from './limits';
import { nameOfNode } from './node';
import type { Node } from './node';
import type { Scope } from './scope';

/** The body of a loop, as far as its end is concerned. */
export interface LoopBody {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly scope: Scope;
}

/** How often a loop turns as the model states it; 1 where it is computed, so that it multiplies nothing. */
function statedTurns(node: Node, scope: Scope): bigint {
  const stated = scope.integers(node.inputs[0])?.[0];
  return stated === undefined || stated < 1n ? 1n : stated;
}

/** True when the body hands its condition on, or a constant: then it never ends the loop. */
function neverEnds({ inputs, outputs, scope }: LoopBody): boolean {
  const [condition] = outputs;
  if (condition === undefined) return true;
  return scope.origin(condition) === inputs[1] || !scope.isComputedHere(condition);
}

/**
 * Refuses a loop without end. One whose number of turns or condition is computed ends by the deadline of its run, and
 * what it states is no more than a bound: exporters write the largest integer.
 *
 * @returns turns of the innermost loops in it, as far as they state them
 * @throws InspectionError
 */
export function checkLoop(node: Node, scope: Scope, body: LoopBody, limits: InspectorLimits): bigint {
  const { turns: inner } = body.scope;
  if (!neverEnds(body)) return inner;
  const count = node.inputs[0] ?? '';
  if (count === '') throw unbounded(`${nameOfNode(node)} states no number of turns and computes no condition`);
  const turns = statedTurns(node, scope) * inner;
  if (turns > BigInt(limits.loopTurns)) {
    throw unbounded(`${nameOfNode(node)} turns ${turns} times, at most ${limits.loopTurns}`);
  }
  return turns;
}

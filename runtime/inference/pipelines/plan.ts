import type { Combination, Condition, StickyKey } from './spec';

/** Own name of a target, and name around it. */
export type Rename = readonly [own: string, around: string];

/** A step that was checked. */
export interface PlannedStep {
  /** `node/step`, as errors, spans and metrics have it. */
  readonly path: string;
  readonly name: string;
  readonly target:
    | { readonly kind: 'model'; readonly model: string; readonly version: string | undefined }
    | { readonly kind: 'node'; readonly node: PlannedNode };
  readonly takes: readonly Rename[];
  readonly gives: readonly Rename[];
  readonly timeoutMs: number | undefined;
  readonly retries: number;
  readonly soft: boolean;
}

/** A node that was checked. */
export type PlannedNode = { readonly name: string } & (
  | {
      readonly kind: 'sequence';
      /** In an order in which none comes before one that it needs. `after` holds the places of those. */
      readonly steps: readonly (PlannedStep & { readonly after: readonly number[] })[];
      readonly outputs: readonly string[];
    }
  | {
      readonly kind: 'switch';
      readonly branches: readonly (PlannedStep & { readonly when: Condition })[];
      readonly otherwise: PlannedStep | undefined;
    }
  | {
      readonly kind: 'ensemble';
      readonly branches: readonly (PlannedStep & { readonly weight: number })[];
      readonly combine: Combination;
    }
  | {
      readonly kind: 'splitter';
      readonly branches: readonly (PlannedStep & { readonly weight: number })[];
      readonly key: StickyKey | undefined;
    }
  | { readonly kind: 'fallback'; readonly branches: readonly PlannedStep[] }
  | { readonly kind: 'map'; readonly tensors: readonly Rename[] }
);

/** Asks whether a model would answer now. */
export type IsReady = (model: string, version: string | undefined) => boolean;

function stepReady({ target }: PlannedStep, isReady: IsReady): boolean {
  return target.kind === 'model' ? isReady(target.model, target.version) : nodeReady(target.node, isReady);
}

/** True when a request would be answered whatever branch it takes: soft steps and all but one of a fallback are not needed. */
export function nodeReady(node: PlannedNode, isReady: IsReady): boolean {
  const ready = (step: PlannedStep): boolean => stepReady(step, isReady);
  const needed = (step: PlannedStep): boolean => step.soft || ready(step);
  switch (node.kind) {
    case 'map':
      return true;
    case 'sequence':
      return node.steps.every(needed);
    case 'fallback':
      return node.branches.some(ready);
    case 'ensemble':
      return node.branches.every(needed) && node.branches.some(ready);
    case 'splitter':
      return node.branches.every((branch) => branch.weight === 0 || ready(branch));
    case 'switch':
      return [...node.branches, ...(node.otherwise ? [node.otherwise] : [])].every(ready);
  }
}

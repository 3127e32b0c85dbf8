import type { Datatype } from '../tensors/tensor';

/** Value that a condition compares with. */
export type Scalar = string | number | boolean;

/** What a value is held to; every member that is there has to hold. */
export interface Comparison {
  readonly equals?: Scalar;
  readonly in?: readonly Scalar[];
  readonly above?: number;
  readonly atLeast?: number;
  readonly below?: number;
  readonly atMost?: number;
}

/** Where a condition has its value from. */
export type Subject =
  | { readonly kind: 'header'; readonly name: string; readonly exists?: boolean }
  | { readonly kind: 'parameter'; readonly name: string; readonly exists?: boolean }
  /** One element of a tensor, counted from 0 in row-major order. */
  | { readonly kind: 'element'; readonly tensor: string; readonly at: number }
  /** The size of one axis of a tensor. */
  | { readonly kind: 'size'; readonly tensor: string; readonly axis: number };

/** What a request has to be like. */
export type Condition =
  | { readonly kind: 'test'; readonly subject: Subject; readonly comparison: Comparison }
  | { readonly kind: 'all'; readonly of: readonly Condition[] }
  | { readonly kind: 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition };

/** What a step runs: a model, or another node of the pipeline. */
export type Target =
  | { readonly kind: 'model'; readonly model: string; readonly version: string | undefined }
  | { readonly kind: 'node'; readonly node: string };

/** One step or branch of a node. */
export interface StepSpec {
  /** What it is called in errors, spans and metrics; unique in its node. */
  readonly name: string;
  readonly target: Target;
  /** Own inputs of the target, and the tensors around it that they are taken from. @default - by their own names */
  readonly inputs: Readonly<Record<string, string>> | undefined;
  /** Own outputs of the target that are wanted, and the names that they get. @default - all, by their own names */
  readonly outputs: Readonly<Record<string, string>> | undefined;
  /** Milliseconds that it may take, all tries together. @default - what is left of what stands above it */
  readonly timeoutMs: number | undefined;
  /** Tries after the first, where that is safe. */
  readonly retries: number;
  /** True where the pipeline goes on without it when it fails. */
  readonly soft: boolean;
}

/** How an ensemble makes one answer of several. */
export type Combination = 'merge' | 'mean' | 'vote';

/** What keeps a caller on the same branch. */
export type StickyKey =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'caller' }
  | { readonly kind: 'id' };

/** A node of a pipeline. */
export type NodeSpec =
  /** Steps that run as soon as their tensors are there. */
  | { readonly kind: 'sequence'; readonly steps: readonly StepSpec[]; readonly outputs: readonly string[] | undefined }
  /** The first branch whose condition holds. */
  | {
      readonly kind: 'switch';
      readonly branches: readonly (StepSpec & { readonly when: Condition })[];
      readonly otherwise: StepSpec | undefined;
    }
  /** All branches beside one another. */
  | {
      readonly kind: 'ensemble';
      readonly branches: readonly (StepSpec & { readonly weight: number })[];
      readonly combine: Combination;
    }
  /** One branch by weight. */
  | {
      readonly kind: 'splitter';
      readonly branches: readonly (StepSpec & { readonly weight: number })[];
      readonly key: StickyKey | undefined;
    }
  /** The first branch that answers. */
  | { readonly kind: 'fallback'; readonly branches: readonly StepSpec[] }
  /** Tensors under other names: own name by the name that it is taken from. */
  | { readonly kind: 'map'; readonly tensors: Readonly<Record<string, string>> };

/** What a pipeline says of a tensor that it takes or gives. */
export interface DeclaredTensor {
  readonly name: string;
  /** @default - that of the models */
  readonly datatype: Datatype | undefined;
  /** @default - that of the models */
  readonly shape: readonly number[] | undefined;
}

/** A pipeline: models behind one name. */
export interface PipelineSpec {
  readonly name: string;
  readonly version: string;
  /** Milliseconds that a request may take. */
  readonly timeoutMs: number;
  /** True where the server does not become ready before the pipeline was ready once. */
  readonly required: boolean;
  /** Whether a caller needs permission for each of its models, or for the pipeline only. */
  readonly access: 'models' | 'pipeline';
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
  /** Name of the node that a request enters. */
  readonly root: string;
  readonly nodes: Readonly<Record<string, NodeSpec>>;
}

/** The steps or branches of a node. */
export function stepsOf(node: NodeSpec): readonly StepSpec[] {
  if (node.kind === 'map') return [];
  if (node.kind === 'sequence') return node.steps;
  return node.kind === 'switch' && node.otherwise ? [...node.branches, node.otherwise] : node.branches;
}

/** Models that a pipeline names, each once. */
export function modelsOf({ nodes }: PipelineSpec): readonly { readonly name: string; readonly version?: string }[] {
  const found = new Map<string, { readonly name: string; readonly version?: string }>();
  for (const { target } of Object.values(nodes).flatMap(stepsOf)) {
    if (target.kind !== 'model') continue;
    const { model: name, version } = target;
    found.set(JSON.stringify([name, version]), version === undefined ? { name } : { name, version });
  }
  return [...found.values()];
}

import { integerOf } from './attribute';
import { TYPE } from './elements';
import type { Graph } from './graph';
import type { GraphNode } from './node';
import { isFinite32 } from './quantizer';
import { weightFloats } from './tensor';
import type { Weight } from './tensor';
import { countUses } from './uses';

/** A node that is computed in integers. */
export interface PlannedNode {
  /** Positions of the activations that become integers. */
  readonly activations: readonly number[];
  /** Position of the weight, and the axis of its channels. @default - none */
  readonly weight?: { readonly at: number; readonly axis: number | undefined };
  /** Position of the bias. @default - none */
  readonly bias?: number;
}

/** What becomes integers when a model is quantized with calibrated ranges. */
export interface StaticPlan {
  readonly nodes: ReadonlyMap<GraphNode, PlannedNode>;
  /** Activations whose ranges have to be known. */
  readonly activations: ReadonlySet<string>;
  /** Those of them that every reader takes in integers, as what computes them does so as well. */
  readonly results: ReadonlySet<string>;
  /** Why nodes of the operators stay as they are. */
  readonly left: ReadonlyMap<GraphNode, string>;
}

const RECTIFIERS = ['Relu', 'Clip'];

class Planner {
  readonly nodes = new Map<GraphNode, PlannedNode>();
  readonly activations = new Set<string>();
  readonly results = new Set<string>();
  readonly left = new Map<GraphNode, string>();
  private readonly uses: ReadonlyMap<string, number>;
  private readonly readers = new Map<string, GraphNode>();

  constructor(
    private readonly graph: Graph,
    private readonly constants: ReadonlyMap<string, Weight>,
    private readonly perChannel: boolean,
  ) {
    this.uses = countUses(graph);
    for (const node of graph.nodes) for (const name of node.inputs) this.readers.set(name, node);
  }

  plan(): StaticPlan {
    for (const node of this.graph.nodes) if (node.is('Conv', 'MatMul', 'Gemm')) this.weighted(node);
    // Sums join only what is in integers already; other sums would lose digits and win nothing.
    for (const node of this.graph.nodes) if (node.is('Add')) this.sum(node);
    return this;
  }

  private weighted(node: GraphNode): void {
    const [input = '', name = '', bias = ''] = node.inputs;
    const weight = this.constants.get(name);
    if (weight === undefined) return void this.left.set(node, 'its weights are computed');
    if (this.constants.has(input)) return void this.left.set(node, 'its input is a constant');
    const isConv = node.operator === 'Conv';
    const ranks = isConv ? weight.dims.length >= 3 : weight.dims.length >= 2;
    const isUsable = weight.type === TYPE.float && ranks && (weight.data?.size ?? 0) > 0;
    if (!isUsable || !isFinite32(weightFloats(weight))) {
      return void this.left.set(node, 'its weights are no finite FP32 constant');
    }
    this.nodes.set(node, {
      activations: [0],
      weight: { at: 1, axis: this.perChannel ? channelAxis(node, weight) : undefined },
      ...(bias !== '' && this.constants.get(bias)?.type === TYPE.float ? { bias: 2 } : {}),
    });
    this.activations.add(input);
    if (isConv) this.result(node);
  }

  /** The output, or what a rectifier makes of it when nothing else reads it: onnxruntime then drops the rectifier. */
  private result(node: GraphNode): void {
    const [output = ''] = node.outputs;
    const reader = this.readers.get(output);
    const isRectified = this.uses.get(output) === 1 && reader?.is(...RECTIFIERS) && reader.inputs[0] === output;
    const name = (isRectified ? reader?.outputs[0] : undefined) ?? output;
    this.activations.add(name);
    this.results.add(name);
  }

  private sum(node: GraphNode): void {
    const [a = '', b = ''] = node.inputs;
    const isComputed = a !== b && !this.constants.has(a) && !this.constants.has(b);
    if (!isComputed || !this.activations.has(a) || !this.activations.has(b)) return;
    if (!this.results.has(a) && !this.results.has(b)) return;
    this.nodes.set(node, { activations: [0, 1] });
    this.result(node);
  }
}

function channelAxis(node: GraphNode, weight: Weight): number | undefined {
  if (node.operator === 'Conv') return 0;
  if (weight.dims.length !== 2) return undefined;
  return node.operator === 'Gemm' && integerOf(node.attribute('transB'), 0) !== 0 ? 0 : 1;
}

/**
 * Plans what becomes integers: Conv, MatMul and Gemm with constant weights, and sums of what they give.
 *
 * @param perChannel each output channel has a scale of its own
 */
export function planStatic(graph: Graph, constants: ReadonlyMap<string, Weight>, perChannel: boolean): StaticPlan {
  return new Planner(graph, constants, perChannel).plan();
}

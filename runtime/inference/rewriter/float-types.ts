import { integerOf } from './attribute';
import { TYPE } from './elements';
import type { Graph } from './graph';
import type { GraphNode } from './node';
import type { Weight } from './tensor';

/** Which inputs and outputs of an operator have its type of floats. */
export interface FloatRule {
  readonly inputs: 'all' | readonly number[];
  readonly outputs: 'all' | readonly number[];
}

const all: FloatRule = { inputs: 'all', outputs: 'all' };
const first: FloatRule = { inputs: [0], outputs: 'all' };
const question: FloatRule = { inputs: 'all', outputs: [] };

const named = (rule: FloatRule, names: string): [string, FloatRule][] => names.split(' ').map((name) => [name, rule]);

const NORMALIZATION = 'LayerNormalization';

/**
 * Operators that FP16 serves well, and where their floats are. Not among them: what easily exceeds the range (Exp, Pow,
 * sums), what counts in floats (Range, CumSum), what selects (TopK, NonMaxSuppression), and what samples (Resize).
 */
export const HALF_RULES: ReadonlyMap<string, FloatRule> = new Map<string, FloatRule>([
  ...named(all, 'MatMul Gemm Conv ConvTranspose Add Sub Mul Div Neg Abs Sqrt Erf Tanh Sigmoid Relu LeakyRelu Elu Selu'),
  ...named(all, 'Gelu HardSigmoid HardSwish Mish PRelu Softmax LogSoftmax InstanceNormalization'),
  ...named(all, 'GroupNormalization BatchNormalization GlobalAveragePool GlobalMaxPool AveragePool Clip Concat'),
  ...named(all, 'Transpose Flatten Identity DepthToSpace SpaceToDepth'),
  ...named(first, 'Reshape Squeeze Unsqueeze Slice Gather GatherElements GatherND Expand Tile Split'),
  ...named(first, 'ReduceMean ReduceMax ReduceMin'),
  ...named(question, 'Equal Greater GreaterOrEqual Less LessOrEqual'),
  // Its mean and deviation have a type of their own, whatever it computes in.
  [NORMALIZATION, { inputs: 'all', outputs: [0] }],
  ['MaxPool', { inputs: [0], outputs: [0] }],
  ['Dropout', { inputs: [0], outputs: [0] }],
  ['Pad', { inputs: [0, 2], outputs: 'all' }],
  ['Where', { inputs: [1, 2], outputs: 'all' }],
]);

/** Operators beyond those, whose first output has the type of their first input. */
const SAME_AS_FIRST = new Set(
  [
    'Exp Log Pow ReduceSum ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp Resize Upsample',
    'Range CumSum Min Max Mod TopK Ceil Floor Round Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Reciprocal',
    'Softplus Softsign Sum Mean Einsum Sign LSTM GRU RNN LpNormalization LRN ThresholdedRelu Celu Hardmax Trilu',
    'ScatterND ScatterElements Compress ReverseSequence Det GlobalLpPool LpPool RoiAlign MaxRoiPool',
  ]
    .join(' ')
    .split(' '),
);

const pick = (names: readonly string[], which: 'all' | readonly number[]): string[] =>
  (which === 'all' ? names : which.flatMap((index) => names[index] ?? [])).filter((name) => name !== '');

/** Names of the inputs of a node that have its type of floats. */
export const floatInputs = (node: GraphNode, rule: FloatRule): string[] => pick(node.inputs, rule.inputs);

/** Names of the outputs of a node that have its type of floats. */
export const floatOutputs = (node: GraphNode, rule: FloatRule): string[] => pick(node.outputs, rule.outputs);

/** What is known of the element types of values; a value of which nothing is known has none. */
export class ElementTypes {
  private readonly types = new Map<string, number>();

  constructor(graph: Graph, constants: ReadonlyMap<string, Weight>) {
    for (const { name, type } of [...graph.infos, ...graph.inputs, ...graph.outputs]) {
      if (type !== undefined) this.types.set(name, type);
    }
    for (const [name, { type }] of constants) this.types.set(name, type);
  }

  /** The type of a value. */
  of(name: string): number | undefined {
    return this.types.get(name);
  }

  /** Learns the types of the outputs of a node from those of its inputs. */
  learn(node: GraphNode): void {
    if (node.is(NORMALIZATION)) {
      const stashed = integerOf(node.attribute('stash_type'), TYPE.float);
      for (const name of pick(node.outputs, [1, 2])) this.types.set(name, stashed);
    }
    const type = this.result(node);
    if (type === undefined) return;
    const rule = HALF_RULES.get(node.operator);
    for (const name of rule ? floatOutputs(node, rule) : node.outputs.slice(0, 1)) this.types.set(name, type);
  }

  private result(node: GraphNode): number | undefined {
    if (node.domain !== '') return undefined;
    if (node.operator === 'Cast') return integerOf(node.attribute('to'), 0) || undefined;
    if (node.operator === 'ConstantOfShape') return node.attribute('value')?.tensor?.type ?? TYPE.float;
    if (node.operator === 'DequantizeLinear') return this.of(node.inputs[1] ?? '');
    const rule = HALF_RULES.get(node.operator);
    if (rule) return this.of(floatInputs(node, rule)[0] ?? '');
    return SAME_AS_FIRST.has(node.operator) ? this.of(node.inputs[0] ?? '') : undefined;
  }
}

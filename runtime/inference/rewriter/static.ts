import { integerAttribute } from './attribute';
import { constantsOf, dropDefaultInputs } from './constants';
import { TYPE, viewBytes } from './elements';
import { needOperatorSet, RewriteError } from './errors';
import type { OnnxModel } from './model';
import type { GraphNode } from './node';
import { floatWeight, int8Weight, quantizeWeight } from './quantizer';
import type { WeightScheme } from './quantizer';
import { reasons, Rewriting } from './rewriting';
import type { RewriteReport } from './rewriting';
import { planStatic } from './static-plan';
import type { PlannedNode, StaticPlan } from './static-plan';
import { weight, weightFloats } from './tensor';

/** The least and the largest value of an activation. */
export interface ValueRange {
  readonly least: number;
  readonly most: number;
}

const LEAST_OPERATOR_SET = 10;
/** DequantizeLinear with one scale for each channel came with it. */
const CHANNELS_OPERATOR_SET = 13;
const LEVELS = 255;
const INT32_MOST = 2 ** 31 - 1;
const LEAST_SCALE = 1e-30;

/** The scale and zero point with which a range fills unsigned bytes; zero is always one of them. */
function unsignedScale({ least, most }: ValueRange): { readonly scale: number; readonly zero: number } {
  const [low, high] = [Math.min(0, least), Math.max(0, most)];
  const scale = high === low ? 1 : Math.fround(Math.max((high - low) / LEVELS, LEAST_SCALE));
  return { scale, zero: Math.max(0, Math.min(LEVELS, Math.round(-low / scale))) };
}

interface WeightScales {
  readonly name: string;
  readonly scales: ArrayLike<number>;
}

class StaticQuantizer {
  private readonly activations = new Map<string, { readonly name: string; readonly scale: number }>();
  private readonly weights = new Map<string, WeightScales>();

  constructor(
    private readonly to: Rewriting,
    private readonly plan: StaticPlan,
    private readonly ranges: ReadonlyMap<string, ValueRange>,
    private readonly scheme: WeightScheme,
  ) {}

  run(): void {
    const nodes = [...this.to.graph.nodes];
    const outputs = new Set(this.to.graph.outputs.map(({ name }) => name));
    for (const { name } of this.to.graph.inputs) if (this.plan.activations.has(name)) this.activation(name);
    for (const node of nodes) {
      const produced = node.outputs.filter((name) => this.plan.activations.has(name));
      this.node(node);
      for (const name of produced) {
        this.activation(name);
        // What every reader takes in integers is not needed in floats, unless it leaves the graph.
        if (this.plan.results.has(name) && !outputs.has(name)) this.to.forget(name);
      }
    }
  }

  private node(node: GraphNode): void {
    const planned = this.plan.nodes.get(node);
    const inputs = node.inputs.map((name, index) => {
      const takesIntegers = planned?.activations.includes(index) === true || this.plan.results.has(name);
      return (takesIntegers ? this.activations.get(name)?.name : undefined) ?? name;
    });
    if (planned?.weight) this.weighted(node, planned, inputs);
    if (inputs.some((name, index) => name !== node.inputs[index])) node.inputs = inputs;
    const reason = this.plan.left.get(node);
    if (reason !== undefined) return this.to.leave(node, reason);
    this.to.emit(node);
    if (planned) this.to.count(node.operator);
  }

  private weighted(node: GraphNode, planned: PlannedNode, inputs: string[]): void {
    const { at = 1, axis } = planned.weight ?? {};
    const scale = this.activations.get(node.inputs[0] ?? '')?.scale;
    const made = this.weight(node.inputs[at] ?? '', axis);
    if (scale === undefined || made === undefined) return;
    inputs[at] = made.name;
    if (planned.bias === undefined) return;
    const bias = this.bias(node.inputs[planned.bias] ?? '', scale, made.scales, axis !== undefined);
    if (bias !== undefined) inputs[planned.bias] = bias;
  }

  /** An activation as integers and back, which onnxruntime joins with the operation that reads it. */
  private activation(name: string): void {
    const range = this.ranges.get(name);
    if (range === undefined) throw new RewriteError('unusable', `no range was measured for ${JSON.stringify(name)}`);
    const { scale, zero } = unsignedScale(range);
    const { names } = this.to;
    const scaleName = this.to.constant(floatWeight(names.fresh(`${name}_scale`), [], [scale]));
    const zeroName = this.to.constant(weight(names.fresh(`${name}_zero_point`), TYPE.uint8, [], Uint8Array.of(zero)));
    const integers = names.fresh(`${name}_quantized`);
    this.to.add({ operator: 'QuantizeLinear', inputs: [name, scaleName, zeroName], output: integers });
    const floats = names.fresh(`${name}_dequantized`);
    this.to.add({ operator: 'DequantizeLinear', inputs: [integers, scaleName, zeroName], output: floats });
    this.activations.set(name, { name: floats, scale });
  }

  private weight(name: string, axis: number | undefined): WeightScales | undefined {
    const key = JSON.stringify([name, axis]);
    const known = this.weights.get(key);
    const constant = this.to.constants.get(name);
    if (known || constant === undefined) return known;
    const quantized = quantizeWeight(constant, axis, this.scheme.reduceRange);
    if (quantized === undefined) return undefined;
    const { names } = this.to;
    const dims = axis === undefined ? [] : [quantized.scales.length];
    const output = names.fresh(`${name}_dequantized`);
    this.to.add({
      operator: 'DequantizeLinear',
      inputs: [
        this.to.constant(int8Weight(names.fresh(`${name}_quantized`), constant.dims, quantized.integers)),
        this.to.constant(floatWeight(names.fresh(`${name}_scale`), dims, quantized.scales)),
        this.to.constant(int8Weight(names.fresh(`${name}_zero_point`), dims, new Int8Array(quantized.scales.length))),
      ],
      output,
      attributes: axis === undefined ? [] : [integerAttribute('axis', axis)],
    });
    const made = { name: output, scales: quantized.scales };
    this.weights.set(key, made);
    return made;
  }

  /** A bias in the units of the sums; undefined where it does not fit, and stays as it is. */
  private bias(name: string, input: number, scales: ArrayLike<number>, perChannel: boolean): string | undefined {
    const constant = this.to.constants.get(name);
    if (constant === undefined || constant.dims.length !== 1) return undefined;
    const values = weightFloats(constant);
    if (perChannel && values.length !== scales.length) return undefined;
    const units = Float32Array.from(
      { length: perChannel ? values.length : 1 },
      (_, index) => input * (scales[index] ?? 1),
    );
    const integers = Int32Array.from(values, (value, index) =>
      Math.round(value / (units[perChannel ? index : 0] ?? 1)),
    );
    const fits = values.every((value, index) => Math.abs(value / (units[perChannel ? index : 0] ?? 1)) < INT32_MOST);
    if (!fits) return undefined;
    const { names } = this.to;
    return this.to.add({
      operator: 'DequantizeLinear',
      inputs: [
        this.to.constant(weight(names.fresh(`${name}_quantized`), TYPE.int32, constant.dims, viewBytes(integers))),
        this.to.constant(floatWeight(names.fresh(`${name}_scale`), perChannel ? [units.length] : [], units)),
      ],
      output: names.fresh(`${name}_dequantized`),
      attributes: perChannel ? [integerAttribute('axis', 0)] : [],
    });
  }
}

function check(model: OnnxModel, scheme: WeightScheme): void {
  needOperatorSet(model.operatorSet, LEAST_OPERATOR_SET, 'static quantization');
  if (scheme.perChannel) needOperatorSet(model.operatorSet, CHANNELS_OPERATOR_SET, 'static quantization per channel');
}

/**
 * Names of the activations whose ranges {@link quantizeStatic} needs.
 *
 * @throws RewriteError
 */
export function activationsToMeasure(model: OnnxModel, scheme: WeightScheme): readonly string[] {
  check(model, scheme);
  dropDefaultInputs(model.graph);
  const { activations, left } = planStatic(model.graph, constantsOf(model.graph), scheme.perChannel);
  if (activations.size > 0) return [...activations];
  const reasonsLeft = [...new Set([...left].map(([node, reason]) => `${node.operator}: ${reason}`))];
  throw new RewriteError(
    'nothing',
    `it has no Conv, MatMul or Gemm with constant weights${reasonsLeft.length ? `: ${reasonsLeft.join('; ')}` : ''}`,
  );
}

/**
 * INT8 with ranges that were measured beforehand, in the form of QuantizeLinear and DequantizeLinear around the
 * operations. Activations are unsigned bytes, weights signed ones.
 *
 * @param ranges of {@link activationsToMeasure}
 * @throws RewriteError
 */
export function quantizeStatic(
  model: OnnxModel,
  ranges: ReadonlyMap<string, ValueRange>,
  scheme: WeightScheme,
): RewriteReport {
  check(model, scheme);
  const to = new Rewriting(model);
  const plan = planStatic(to.graph, to.constants, scheme.perChannel);
  new StaticQuantizer(to, plan, ranges, scheme).run();
  const report = to.finish();
  if (Object.keys(report.rewritten).length === 0)
    throw new RewriteError('nothing', `there is nothing${reasons(report)}`);
  return report;
}

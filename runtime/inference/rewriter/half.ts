import { integerAttribute } from './attribute';
import { ComputedBytes } from './bytes';
import { isBeyondHalf, toHalf, TYPE, viewBytes } from './elements';
import type { HalfCounts } from './elements';
import { RewriteError } from './errors';
import { ElementTypes, floatInputs, floatOutputs, HALF_RULES } from './float-types';
import type { OnnxModel } from './model';
import type { GraphNode } from './node';
import { reasons, Rewriting } from './rewriting';
import type { RewriteReport } from './rewriting';
import { weight, weightFloats } from './tensor';
import { innerNames, innerOutputs, renameUses } from './uses';
import { changedValue } from './value';

/**
 * Operators that scale by their constants, as the variance of a normalisation does. To the others a number beyond FP16 is
 * a mask or a bound, which it stays when it is clamped.
 */
const SCALING = [
  ...['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'BatchNormalization', 'InstanceNormalization'],
  ...['GroupNormalization', 'LayerNormalization'],
];

/** How a model becomes one of FP16. */
export interface HalfOptions {
  /** Inputs and outputs stay FP32. */
  readonly keepIo: boolean;
  /** Operators that stay FP32, beside those that FP16 does not serve well. */
  readonly keep: readonly string[];
}

/**
 * Every value has up to two names: its own, which is FP32, and that of its FP16 form. A Cast makes one from the other
 * where somebody needs it, at most once each way.
 */
class HalfRewriter {
  private readonly types: ElementTypes;
  private readonly full = new Map<string, string>();
  private readonly half = new Map<string, string>();
  /** Inputs and outputs that become FP16 and keep their names. */
  private readonly swapped = new Set<string>();
  /** Values that came into being in FP16. */
  private readonly onlyHalf = new Set<string>();
  readonly counts: HalfCounts = { clamped: 0, raised: 0 };

  constructor(
    private readonly to: Rewriting,
    private readonly options: HalfOptions,
  ) {
    const { graph, constants } = to;
    this.types = new ElementTypes(graph, constants);
    if (options.keepIo) return;
    for (const { name, type } of [...graph.inputs, ...graph.outputs]) {
      if (type === TYPE.float && !constants.has(name)) this.swapped.add(name);
    }
    for (const { name } of graph.inputs) {
      if (!this.swapped.has(name)) continue;
      this.half.set(name, name);
      this.onlyHalf.add(name);
    }
    const captured = innerOutputs(graph);
    const unusable = [...this.swapped].find((name) => captured.has(name));
    if (unusable !== undefined) {
      throw new RewriteError(
        'unusable',
        `a graph inside gives ${JSON.stringify(unusable)} back; keep inputs and outputs FP32`,
      );
    }
  }

  node(node: GraphNode): void {
    if (node.is('Constant')) return this.to.emit(node);
    this.types.learn(node);
    const reason = this.whyKept(node);
    if (reason === undefined) this.convert(node);
    else this.keep(node, reason);
  }

  /** Makes the outputs what they have to be. */
  outputs(): void {
    const { graph } = this.to;
    for (const { name } of graph.outputs) {
      if (this.swapped.has(name)) this.halfOf(name);
      else if (this.half.has(name)) this.fullOf(name);
    }
    for (const side of ['inputs', 'outputs'] as const) {
      graph[side] = graph[side].map((value) =>
        this.swapped.has(value.name) ? changedValue(value, { type: TYPE.float16 }) : value,
      );
    }
  }

  private whyKept(node: GraphNode): string | undefined {
    const rule = node.domain === '' ? HALF_RULES.get(node.operator) : undefined;
    if (rule === undefined) return 'it stays FP32';
    if (this.options.keep.includes(node.operator)) return 'it is kept';
    const types = floatInputs(node, rule).map((name) => this.types.of(name));
    if (types.includes(undefined)) return 'the type of its input is not known';
    if (types.length === 0 || !types.every((type) => type === TYPE.float)) return 'it computes with no floats';
    const isLost = node.is(...SCALING) && floatInputs(node, rule).some((name) => this.isBeyond(name));
    return isLost ? 'it scales by a number beyond FP16' : undefined;
  }

  private isBeyond(name: string): boolean {
    const constant = this.to.constants.get(name);
    return constant !== undefined && weightFloats(constant).some(isBeyondHalf);
  }

  private convert(node: GraphNode): void {
    const rule = HALF_RULES.get(node.operator);
    if (rule === undefined) return;
    const floats = new Set(floatInputs(node, rule));
    // A name may stand at two inputs of which one is no float; none of the rules has such operators.
    node.inputs = node.inputs.map((name) => (floats.has(name) ? this.halfOf(name) : name));
    const results = new Set(floatOutputs(node, rule));
    node.outputs = node.outputs.map((name) => {
      if (!results.has(name)) return this.fullOutput(name);
      const made = this.swapped.has(name) ? name : this.to.names.fresh(`${name}_fp16`);
      this.half.set(name, made);
      this.onlyHalf.add(name);
      this.to.forget(name);
      return made;
    });
    this.to.emit(node);
    this.to.count(node.operator);
  }

  private keep(node: GraphNode, reason: string): void {
    const inner = innerNames(node);
    const renamed = new Map<string, string>();
    for (const name of [...node.inputs, ...inner]) {
      if (!this.half.has(name) && !this.full.has(name)) continue;
      const full = this.fullOf(name);
      if (full !== name) renamed.set(name, full);
    }
    if (node.inputs.some((name) => renamed.has(name)))
      node.inputs = node.inputs.map((name) => renamed.get(name) ?? name);
    if (renamed.size > 0) for (const graph of node.graphs()) renameUses(graph, renamed);
    if (node.outputs.some((name) => this.swapped.has(name)))
      node.outputs = node.outputs.map((name) => this.fullOutput(name));
    if (reason === 'it computes with no floats') this.to.emit(node);
    else this.to.leave(node, reason);
  }

  /** The name under which a node gives what is no FP16: another one, where its own is that of an FP16 output. */
  private fullOutput(name: string): string {
    if (!this.swapped.has(name)) return name;
    const full = this.to.names.fresh(`${name}_fp32`);
    this.full.set(name, full);
    return full;
  }

  private halfOf(name: string): string {
    const known = this.half.get(name);
    if (known !== undefined) return known;
    const made = this.swapped.has(name) ? name : this.to.names.fresh(`${name}_fp16`);
    this.half.set(name, made);
    const constant = this.to.constants.get(name);
    if (constant === undefined) return this.cast(this.full.get(name) ?? name, made, TYPE.float16);
    toHalf(weightFloats(constant), this.counts);
    const bytes = new ComputedBytes((constant.data?.size ?? 0) / 2, () =>
      viewBytes(toHalf(weightFloats(constant), { clamped: 0, raised: 0 })),
    );
    return this.to.constant(weight(made, TYPE.float16, constant.dims, bytes));
  }

  private fullOf(name: string): string {
    const known = this.full.get(name);
    if (known !== undefined) return known;
    const half = this.half.get(name);
    // What no node computes in FP16 is there under its own name.
    if (half === undefined || !this.onlyHalf.has(name)) return name;
    const made = this.swapped.has(name) ? this.to.names.fresh(`${name}_fp32`) : name;
    this.full.set(name, made);
    return this.cast(half, made, TYPE.float);
  }

  private cast(from: string, output: string, type: number): string {
    return this.to.add({ operator: 'Cast', inputs: [from], output, attributes: [integerAttribute('to', type)] });
  }
}

/**
 * FP16: weights of half the size, and computation in FP16 where it serves well. What FP16 cannot hold is clamped.
 * Operators of other sets, functions of the model and graphs inside graphs stay FP32.
 *
 * @throws RewriteError
 */
export function toFloat16(model: OnnxModel, options: HalfOptions): RewriteReport {
  const to = new Rewriting(model);
  const rewriter = new HalfRewriter(to, options);
  for (const node of [...to.graph.nodes]) rewriter.node(node);
  rewriter.outputs();
  const { clamped, raised } = rewriter.counts;
  const report = to.finish({ 'values beyond the range of FP16, clamped': clamped, 'values below it, raised': raised });
  if (Object.keys(report.rewritten).length === 0) {
    throw new RewriteError('nothing', `it has no operation that FP16 serves${reasons(report)}`);
  }
  return report;
}

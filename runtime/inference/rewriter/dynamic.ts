import { floatOf, integerAttribute, integerOf } from './attribute';
import { TYPE } from './elements';
import { needOperatorSet, RewriteError } from './errors';
import type { OnnxModel } from './model';
import { GraphNode } from './node';
import { floatWeight, int8Weight, quantizeWeight, transposed } from './quantizer';
import type { WeightScheme } from './quantizer';
import { reasons, Rewriting } from './rewriting';
import type { RewriteReport } from './rewriting';
import { weightFloats } from './tensor';
import type { Weight } from './tensor';

/** How a model is quantized while its activations are measured in each run. */
export interface DynamicOptions extends WeightScheme {
  /** Also tables of embeddings, which Gather reads. */
  readonly embeddings: boolean;
}

/** DynamicQuantizeLinear came with it. */
const LEAST_OPERATOR_SET = 11;

/** A matrix in integers that nodes share. */
interface Matrix {
  readonly integers: string;
  readonly scale: string;
  readonly zero: string;
}

/** Activations in integers that nodes share. */
interface Activation {
  readonly integers: string;
  readonly scale: string;
  readonly zero: string;
}

class DynamicQuantizer {
  private readonly matrices = new Map<string, Matrix | undefined>();
  private readonly activations = new Map<string, Activation>();

  constructor(
    private readonly to: Rewriting,
    private readonly options: DynamicOptions,
  ) {}

  node(node: GraphNode): void {
    if (node.is('MatMul')) this.matMul(node);
    else if (node.is('Gemm')) this.gemm(node);
    else if (node.is('Gather') && this.options.embeddings) this.gather(node);
    else this.to.emit(node);
  }

  private matMul(node: GraphNode): void {
    const [a = '', b = ''] = node.inputs;
    const weight = this.to.constants.get(b);
    if (weight === undefined) return this.to.leave(node, 'both inputs are computed');
    const axis = weight.dims.length === 2 && this.options.perChannel ? 1 : undefined;
    const matrix = this.usable(weight, 2) ? this.matrix(b, weight, axis, false, 1) : undefined;
    if (matrix === undefined) return this.to.leave(node, 'its weights are no finite FP32 matrix');
    this.product(a, matrix, node.outputs[0] ?? '');
    this.to.count('MatMul');
  }

  private gemm(node: GraphNode): void {
    const [a = '', b = '', c = ''] = node.inputs;
    const weight = this.to.constants.get(b);
    if (weight === undefined) return this.to.leave(node, 'both inputs are computed');
    if (integerOf(node.attribute('transA'), 0) !== 0) return this.to.leave(node, 'its input is transposed');
    const turn = integerOf(node.attribute('transB'), 0) !== 0;
    const axis = this.options.perChannel ? (turn ? 0 : 1) : undefined;
    const alpha = floatOf(node.attribute('alpha'), 1);
    const matrix = this.usable(weight, 2) ? this.matrix(b, weight, axis, turn, alpha) : undefined;
    if (matrix === undefined) return this.to.leave(node, 'its weights are no finite FP32 matrix');
    const output = node.outputs[0] ?? '';
    const beta = floatOf(node.attribute('beta'), 1);
    const product = this.product(a, matrix, c === '' ? output : this.to.names.fresh(`${output}_product`));
    if (c !== '') {
      this.to.add({ operator: 'Add', inputs: [product, this.scaled(c, beta)], output });
    }
    this.to.count('Gemm');
  }

  /** The bias of a Gemm times its factor. */
  private scaled(c: string, beta: number): string {
    if (beta === 1) return c;
    const weight = this.to.constants.get(c);
    const name = this.to.names.fresh(`${c}_scaled`);
    if (weight?.type === TYPE.float) {
      return this.to.constant(
        floatWeight(
          name,
          weight.dims,
          weightFloats(weight).map((value) => value * beta),
        ),
      );
    }
    const factor = this.to.constant(floatWeight(this.to.names.fresh(`${c}_beta`), [], [beta]));
    return this.to.add({ operator: 'Mul', inputs: [c, factor], output: name });
  }

  private gather(node: GraphNode): void {
    const [table = '', index = ''] = node.inputs;
    const weight = this.to.constants.get(table);
    if (weight === undefined || !this.usable(weight, 2)) return this.to.leave(node, 'its table is no FP32 constant');
    const matrix = this.matrix(table, weight, undefined, false, 1);
    if (matrix === undefined) return this.to.leave(node, 'its table holds no finite numbers');
    const output = node.outputs[0] ?? '';
    const rows = this.to.names.fresh(`${output}_quantized`);
    this.to.add({ operator: 'Gather', inputs: [matrix.integers, index], output: rows, attributes: node.attributes });
    this.to.add({ operator: 'DequantizeLinear', inputs: [rows, matrix.scale, matrix.zero], output });
    this.to.count('Gather');
  }

  private usable(weight: Weight, rank: number): boolean {
    return weight.type === TYPE.float && weight.dims.length >= rank && (weight.data?.size ?? 0) > 0;
  }

  private matrix(
    name: string,
    weight: Weight,
    axis: number | undefined,
    turn: boolean,
    alpha: number,
  ): Matrix | undefined {
    const key = JSON.stringify([name, axis, turn, alpha]);
    if (!this.matrices.has(key)) this.matrices.set(key, this.quantize(name, weight, axis, turn, alpha));
    return this.matrices.get(key);
  }

  private quantize(
    name: string,
    weight: Weight,
    axis: number | undefined,
    turn: boolean,
    alpha: number,
  ): Matrix | undefined {
    const quantized = quantizeWeight(weight, axis, this.options.reduceRange);
    if (quantized === undefined) return undefined;
    const [rows = 1, columns = 1] = weight.dims;
    const integers = turn ? transposed(quantized.integers, rows, columns) : quantized.integers;
    const { names } = this.to;
    const scaleDims = axis === undefined ? [] : [quantized.scales.length];
    const scales = quantized.scales.map((scale) => scale * alpha);
    const zeros = new Int8Array(scales.length);
    return {
      integers: this.to.constant(
        int8Weight(names.fresh(`${name}_quantized`), turn ? [columns, rows] : weight.dims, integers),
      ),
      scale: this.to.constant(floatWeight(names.fresh(`${name}_scale`), scaleDims, scales)),
      zero: this.to.constant(int8Weight(names.fresh(`${name}_zero_point`), scaleDims, zeros)),
    };
  }

  private activation(name: string): Activation {
    const known = this.activations.get(name);
    if (known) return known;
    const { names } = this.to;
    const made = {
      integers: names.fresh(`${name}_quantized`),
      scale: names.fresh(`${name}_scale`),
      zero: names.fresh(`${name}_zero_point`),
    };
    this.to.emit(
      new GraphNode({
        operator: 'DynamicQuantizeLinear',
        name: names.fresh(`${name}_DynamicQuantizeLinear`),
        inputs: [name],
        outputs: [made.integers, made.scale, made.zero],
      }),
    );
    this.activations.set(name, made);
    return made;
  }

  /** The product in the form that onnxruntime joins to one operation. */
  private product(a: string, matrix: Matrix, output: string): string {
    const { names } = this.to;
    const input = this.activation(a);
    const sums = names.fresh(`${output}_integers`);
    const inputs = [input.integers, matrix.integers, input.zero, matrix.zero];
    this.to.add({ operator: 'MatMulInteger', inputs, output: sums });
    const floats = names.fresh(`${output}_unscaled`);
    this.to.add({ operator: 'Cast', inputs: [sums], output: floats, attributes: [integerAttribute('to', TYPE.float)] });
    const scale = names.fresh(`${output}_scale`);
    this.to.add({ operator: 'Mul', inputs: [input.scale, matrix.scale], output: scale });
    this.to.add({ operator: 'Mul', inputs: [floats, scale], output });
    return output;
  }
}

/**
 * INT8 without calibration: products with constant matrices are computed in integers, with the range of their other
 * input measured in each run. Graphs inside graphs are left as they are.
 *
 * @throws RewriteError
 */
export function quantizeDynamic(model: OnnxModel, options: DynamicOptions): RewriteReport {
  needOperatorSet(model.operatorSet, LEAST_OPERATOR_SET, 'dynamic quantization');
  const to = new Rewriting(model);
  const quantizer = new DynamicQuantizer(to, options);
  for (const node of [...to.graph.nodes]) quantizer.node(node);
  const report = to.finish();
  if (Object.keys(report.rewritten).length === 0) {
    throw new RewriteError('nothing', `it has no product with a constant matrix${reasons(report)}`);
  }
  return report;
}

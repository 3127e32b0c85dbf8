import { ElementType, floats, writeOnnx } from '../../../examples/quickstart/onnx';
import type { Dimension, OnnxAttribute, OnnxConstant, OnnxNode, OnnxValue } from '../../../examples/quickstart/onnx';
import { generator } from '../../../runtime/inference/generation/sampling';

/** Sizes of a model. */
export interface ModelSize {
  readonly heads: number;
  readonly headSize: number;
  readonly hidden: number;
  readonly layers: number;
  readonly positions: number;
}

/** Sizes of the models of tests. */
export const TINY = { heads: 2, headSize: 4, hidden: 8, layers: 2, positions: 256 } as const satisfies ModelSize;

/** Puts a graph together node by node. */
class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly constants: OnnxConstant[] = [];
  private readonly random: () => number;
  private count = 0;

  constructor(
    seed: number,
    private readonly size: ModelSize,
  ) {
    this.random = generator(seed);
  }

  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    name?: string,
  ): string {
    const output = name ?? `t${this.count++}`;
    this.nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  weights(shape: readonly number[], scale = Math.min(1, Math.sqrt(8 / (shape[0] ?? 1)))): string {
    const name = `w${this.count++}`;
    const size = shape.reduce((a, b) => a * b, 1);
    this.constants.push(
      floats(
        name,
        shape,
        Array.from({ length: size }, () => (this.random() * 2 - 1) * scale),
      ),
    );
    return name;
  }

  ints(values: readonly number[], shape: readonly number[] = [values.length]): string {
    const name = `c${this.count++}`;
    const data = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    this.constants.push({ name, type: ElementType.INT64, shape, data });
    return name;
  }

  number(value: number): string {
    const name = `f${this.count++}`;
    this.constants.push(floats(name, [], [value]));
    return name;
  }

  /** Size of a tensor along an axis, as a scalar. */
  sizeOf(tensor: string, axis: number): string {
    return this.op('Gather', [this.op('Shape', [tensor]), this.ints([axis], [])]);
  }

  range(from: string, to: string): string {
    return this.op('Range', [from, to, this.ints([1], [])]);
  }

  /** `[rows, tokens, hidden]` as `[rows, heads, tokens, size]`. */
  split(tensor: string): string {
    const shaped = this.op('Reshape', [tensor, this.ints([0, 0, this.size.heads, this.size.headSize])]);
    return this.op('Transpose', [shaped], { perm: [0, 2, 1, 3] });
  }

  attention(query: string, key: string, value: string, bias: string): string {
    const scores = this.op('MatMul', [query, this.op('Transpose', [key], { perm: [0, 1, 3, 2] })]);
    const scaled = this.op('Mul', [scores, this.number(this.size.headSize ** -0.5)]);
    const shares = this.op('Softmax', [this.op('Add', [scaled, bias])], { axis: -1 });
    const mixed = this.op('Transpose', [this.op('MatMul', [shares, value])], { perm: [0, 2, 1, 3] });
    return this.op('Reshape', [mixed, this.ints([0, 0, this.size.hidden])]);
  }

  feedForward(input: string): string {
    const { hidden } = this.size;
    const inner = this.op('Tanh', [this.op('MatMul', [input, this.weights([hidden, 2 * hidden])])]);
    return this.op('Add', [input, this.op('MatMul', [inner, this.weights([2 * hidden, hidden])])]);
  }

  project(input: string): string {
    const { hidden } = this.size;
    return this.op('MatMul', [input, this.weights([hidden, hidden])]);
  }

  /** 0 where the condition holds, and next to nothing where it does not. */
  biasOf(condition: string): string {
    return this.op('Where', [condition, this.number(0), this.number(-1e9)]);
  }
}

const int64 = (name: string, ...shape: Dimension[]): OnnxValue => ({ name, type: ElementType.INT64, shape });
const float = (name: string, ...shape: Dimension[]): OnnxValue => ({ name, type: ElementType.FLOAT, shape });

/** What a test may change of a decoder. */
export interface DecoderOptions {
  readonly vocabulary: number;
  readonly seed?: number;
  readonly size?: ModelSize;
  /** Without `position_ids`: positions are counted from the length of the cache. */
  readonly countsPositions?: boolean;
  /** Takes a mask and ignores it. */
  readonly ignoresMask?: boolean;
  /** With `use_cache_branch`: as in merged exports, the branch with a cache is right for one token only. */
  readonly mergesBranches?: boolean;
}

/** True for each new token and each token that it may look at. */
function causal(b: GraphBuilder, newTokens: string, all: string): string {
  const rows = b.op('Unsqueeze', [b.range(b.op('Sub', [all, newTokens]), all), b.ints([1])]);
  const columns = b.op('Unsqueeze', [b.range(b.ints([0], []), all), b.ints([0])]);
  return b.op('LessOrEqual', [columns, rows]);
}

/** A decoder of two layers with random weights and a cache, in the names that exporters use. */
export function decoderModel(options: DecoderOptions): Uint8Array {
  const { vocabulary, seed = 1, size = TINY, countsPositions, ignoresMask, mergesBranches } = options;
  const b = new GraphBuilder(seed, size);
  const { hidden, heads, headSize, positions, layers } = size;
  const newTokens = b.sizeOf('input_ids', 1);
  const held = b.sizeOf('past_key_values.0.key', 2);
  const all = b.op('Add', [held, newTokens]);
  const isReal = b.op('Unsqueeze', [b.op('Cast', ['attention_mask'], { to: ElementType.BOOL }), b.ints([1, 2])]);
  const causes = causal(b, newTokens, all);
  const isPast = mergesBranches ? b.op('Or', [causes, 'use_cache_branch']) : causes;
  const bias = b.biasOf(ignoresMask ? isPast : b.op('And', [isPast, isReal]));
  const at = countsPositions ? b.range(held, all) : 'position_ids';
  const embedded = b.op('Gather', [b.weights([vocabulary, hidden]), 'input_ids']);
  let x = b.op('Add', [embedded, b.op('Gather', [b.weights([positions, hidden], 0.7), at])]);
  for (let layer = 0; layer < layers; layer++) {
    const slot = (kind: string): string =>
      b.op(
        'Concat',
        [`past_key_values.${layer}.${kind}`, b.split(b.project(x))],
        { axis: 2 },
        `present.${layer}.${kind}`,
      );
    const [key, value] = [slot('key'), slot('value')];
    const mixed = b.attention(b.split(b.project(x)), key, value, bias);
    x = b.feedForward(b.op('Add', [x, b.project(mixed)]));
  }
  b.op('MatMul', [x, b.weights([hidden, vocabulary])], {}, 'logits');
  const slots = (prefix: string, length: string): OnnxValue[] =>
    Array.from({ length: layers }, (_, layer) =>
      ['key', 'value'].map((kind) => float(`${prefix}.${layer}.${kind}`, 'batch', heads, length, headSize)),
    ).flat();
  return writeOnnx(
    {
      name: 'decoder',
      nodes: b.nodes,
      constants: b.constants,
      inputs: [
        int64('input_ids', 'batch', 'tokens'),
        int64('attention_mask', 'batch', 'all'),
        ...(countsPositions ? [] : [int64('position_ids', 'batch', 'tokens')]),
        ...(mergesBranches ? [{ name: 'use_cache_branch', type: ElementType.BOOL, shape: [1] }] : []),
        ...slots('past_key_values', 'past'),
      ],
      outputs: [float('logits', 'batch', 'tokens', vocabulary), ...slots('present', 'all')],
    },
    'test',
  );
}

/** An encoder of one layer with random weights, shaped as exported sentence encoders are. */
export function encoderModel(vocabulary: number, seed = 1): Uint8Array {
  const b = new GraphBuilder(seed, TINY);
  const { hidden, positions } = TINY;
  const isReal = b.op('Unsqueeze', [b.op('Cast', ['attention_mask'], { to: ElementType.BOOL }), b.ints([1, 2])]);
  const at = b.range(b.ints([0], []), b.sizeOf('input_ids', 1));
  const embedded = b.op('Gather', [b.weights([vocabulary, hidden]), 'input_ids']);
  const typed = b.op('Add', [embedded, b.op('Gather', [b.weights([2, hidden]), 'token_type_ids'])]);
  const x = b.op('Add', [typed, b.op('Gather', [b.weights([positions, hidden]), at])]);
  const [query, key, value] = [b.split(b.project(x)), b.split(b.project(x)), b.split(b.project(x))];
  const mixed = b.attention(query, key, value, b.biasOf(isReal));
  b.op('Identity', [b.feedForward(b.op('Add', [x, mixed]))], {}, 'last_hidden_state');
  return writeOnnx(
    {
      name: 'encoder',
      nodes: b.nodes,
      constants: b.constants,
      inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => int64(name, 'batch', 'tokens')),
      outputs: [float('last_hidden_state', 'batch', 'tokens', hidden)],
    },
    'test',
  );
}

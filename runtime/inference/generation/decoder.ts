import type { ModelSignature } from '../backends/backend';
import { ModelError } from '../errors';
import { DATATYPE_BYTES } from '../tensors/tensor';
import type { Datatype, TensorSpec } from '../tensors/tensor';

/** Names that exporters of decoders agree on. @see https://huggingface.co/docs/optimum-onnx */
export const DECODER_TENSORS = {
  ids: 'input_ids',
  mask: 'attention_mask',
  positions: 'position_ids',
  /** Of merged exports, which hold the graph with and the one without a cache. */
  cacheBranch: 'use_cache_branch',
  logits: 'logits',
} as const;

const PAST = /^past_key_values\.(\d+)\.(key|value)$/;

/** A tensor of the cache: `[rows, heads, tokens, size]`. */
export interface CacheSlot {
  /** Input that takes what was computed for the tokens so far. */
  readonly past: string;
  /** Output that gives it with the new tokens. */
  readonly present: string;
  readonly datatype: Datatype;
  readonly heads: number;
  readonly size: number;
  /** Bytes of one element. */
  readonly elementBytes: number;
}

/** What a graph says of itself as a decoder with a cache of keys and values. */
export interface DecoderGraph {
  readonly slots: readonly CacheSlot[];
  readonly idsType: Datatype;
  /** Datatype of the attention mask; absent where the graph takes none. */
  readonly maskType: Datatype | undefined;
  /** Datatype of the positions; absent where the graph counts them itself. */
  readonly positionsType: Datatype | undefined;
  readonly hasCacheBranch: boolean;
  readonly logitsType: Datatype;
  /** Bytes that the cache of one token takes. */
  readonly bytesPerToken: number;
}

const refuse = (what: string): ModelError => new ModelError('LNMT8306', `as a decoder: ${what}`);

const INTEGERS: readonly Datatype[] = ['INT64', 'INT32'];
const FLOATS: readonly Datatype[] = ['FP32', 'FP16'];

function typeOf(spec: TensorSpec | undefined, allowed: readonly Datatype[]): Datatype | undefined {
  if (spec === undefined) return undefined;
  if (!allowed.includes(spec.datatype)) throw refuse(`'${spec.name}' is ${spec.datatype}, not ${allowed.join(' or ')}`);
  return spec.datatype;
}

function slotOf(spec: TensorSpec, outputs: readonly TensorSpec[]): CacheSlot {
  const present = spec.name.replace(/^past_key_values/, 'present');
  if (!outputs.some(({ name }) => name === present)) throw refuse(`it takes '${spec.name}' and gives no '${present}'`);
  const [, heads = -1, , size = -1] = spec.shape ?? [];
  if (spec.shape?.length !== 4 || heads < 1 || size < 1) {
    throw refuse(`'${spec.name}' is not [rows, heads, tokens, size] with fixed heads and size`);
  }
  const elementBytes = DATATYPE_BYTES[spec.datatype];
  if (elementBytes === undefined) throw refuse(`'${spec.name}' is ${spec.datatype}`);
  return { past: spec.name, present, datatype: spec.datatype, heads, size, elementBytes };
}

/** True for the signature of a decoder that carries its cache from run to run. */
export const isDecoder = ({ inputs }: ModelSignature): boolean => inputs.some(({ name }) => PAST.test(name));

/**
 * Reads a decoder from the names of its tensors.
 *
 * @throws ModelError for one whose tensors are not those of a decoder of text
 */
export function readDecoder({ inputs, outputs }: ModelSignature): DecoderGraph {
  const input = (name: string): TensorSpec | undefined => inputs.find((spec) => spec.name === name);
  const slots = inputs.filter(({ name }) => PAST.test(name)).map((spec) => slotOf(spec, outputs));
  const idsType = typeOf(input(DECODER_TENSORS.ids), INTEGERS);
  const logitsType = typeOf(
    outputs.find(({ name }) => name === DECODER_TENSORS.logits),
    FLOATS,
  );
  if (idsType === undefined || logitsType === undefined || slots.length === 0) {
    throw refuse(`it needs '${DECODER_TENSORS.ids}', '${DECODER_TENSORS.logits}' and past_key_values`);
  }
  const known: readonly string[] = [...Object.values(DECODER_TENSORS), ...slots.map(({ past }) => past)];
  const stranger = inputs.find(({ name }) => !known.includes(name));
  if (stranger !== undefined) throw refuse(`nothing is known to feed '${stranger.name}' with`);
  const bytesPerToken = slots.reduce((sum, { heads, size, elementBytes }) => sum + heads * size * elementBytes, 0);
  const maskType = typeOf(input(DECODER_TENSORS.mask), INTEGERS);
  const positionsType = typeOf(input(DECODER_TENSORS.positions), INTEGERS);
  const hasCacheBranch = typeOf(input(DECODER_TENSORS.cacheBranch), ['BOOL']) !== undefined;
  return { slots, idsType, maskType, positionsType, hasCacheBranch, logitsType, bytesPerToken };
}

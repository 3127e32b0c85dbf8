import { TENSOR_LIMITS } from '../tensors/tensor';

/** Wire types of protobuf that are read here; groups are not. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** How a field of a message travels, and the memory that it takes once it is read. */
export interface FieldShape {
  readonly name: string;
  readonly wire: (typeof WIRE)[keyof typeof WIRE];
  /** Bytes in memory of one value, in the message and in its plain copy. */
  readonly cost: number;
  /** Of each byte on the wire, beside the bytes of the message. @default 0 */
  readonly each?: number;
  /** Whether a varint has 64 bits. @default false */
  readonly long?: boolean;
  /** Whether there may be many, which numbers then travel packed. @default false */
  readonly many?: boolean;
  /** Most bytes of a name or of packed numbers. @default - as many as the message may have */
  readonly most?: number;
  /** Fields of a message or an entry of a map. */
  readonly of?: MessageShape;
}

/** The fields of a message by their numbers. */
export type MessageShape = Readonly<Record<number, FieldShape>>;

/** Packed sizes of a shape at most, in bytes, however its numbers are written. */
const SHAPE_BYTES = 10 * TENSOR_LIMITS.rank;

/** Longest names, in bytes: those of models and versions stand in logs, those of tensors have 256 characters. */
const NAME_BYTES = { model: 128, tensor: 1024 } as const;

/**
 * What values take in the memory of V8, as `wire.test.ts` measures it, rounded up: a number its places in two lists, which are
 * longer while they grow, a 64-bit integer an object besides, bytes a view, a message with its lists.
 */
const COST = { number: 24, long: 72, string: 64, bytes: 208, message: 448, entry: 256 } as const;

const number = (name: string, wire: 0 | 1 | 5): FieldShape => ({ name, wire, cost: COST.number });
const long = (name: string): FieldShape => ({ name, wire: WIRE.varint, cost: COST.long, long: true });
// Characters take two bytes each where one of them is not of Latin 1.
const text = (name: string, most?: number): FieldShape => ({
  ...{ name, wire: WIRE.bytes, cost: COST.string, each: 2 },
  ...(most === undefined ? {} : { most }),
});
const bytes = (name: string): FieldShape => ({ name, wire: WIRE.bytes, cost: COST.bytes });
const message = (name: string, of: MessageShape): FieldShape => ({ name, wire: WIRE.bytes, cost: COST.message, of });
const many = (field: FieldShape): FieldShape => ({ ...field, many: true });
const map = (name: string, value: MessageShape): FieldShape => ({
  ...{ name, wire: WIRE.bytes, cost: COST.entry, many: true },
  of: { 1: text('key', NAME_BYTES.tensor), 2: message('value', value) },
});

const PARAMETER: MessageShape = {
  1: number('bool_param', WIRE.varint),
  2: long('int64_param'),
  3: text('string_param'),
  4: number('double_param', WIRE.fixed64),
  5: long('uint64_param'),
};

/** Contents are no values of the library: `contents.ts` reads them into a tensor, unless they lie as there. */
const element = (name: string, wire: 0 | 1 | 5, cost = 16): FieldShape => ({ name, wire, cost, many: true });

/** Typed contents. */
export const CONTENTS_SHAPE: MessageShape = {
  1: element('bool_contents', WIRE.varint),
  2: element('int_contents', WIRE.varint),
  3: { ...element('int64_contents', WIRE.varint), long: true },
  4: element('uint_contents', WIRE.varint),
  5: { ...element('uint64_contents', WIRE.varint), long: true },
  6: element('fp32_contents', WIRE.fixed32, 0),
  7: element('fp64_contents', WIRE.fixed64, 0),
  8: { name: 'bytes_contents', wire: WIRE.bytes, cost: 8, each: 1, many: true },
};

const INPUT: MessageShape = {
  1: text('name', NAME_BYTES.tensor),
  2: text('datatype', NAME_BYTES.tensor),
  3: { ...many(long('shape')), most: SHAPE_BYTES },
  4: map('parameters', PARAMETER),
  5: message('contents', CONTENTS_SHAPE),
};

const OUTPUT: MessageShape = { 1: text('name', NAME_BYTES.tensor), 2: map('parameters', PARAMETER) };

const INFER: MessageShape = {
  1: text('model_name', NAME_BYTES.model),
  2: text('model_version', NAME_BYTES.model),
  3: text('id', NAME_BYTES.tensor),
  4: map('parameters', PARAMETER),
  5: many(message('inputs', INPUT)),
  6: many(message('outputs', OUTPUT)),
  7: many(bytes('raw_input_contents')),
};

const MODEL: MessageShape = { 1: text('name', NAME_BYTES.model), 2: text('version', NAME_BYTES.model) };

const REPOSITORY_MODEL: MessageShape = {
  1: text('repository_name', NAME_BYTES.model),
  2: text('model_name', NAME_BYTES.model),
  3: map('parameters', {
    1: number('bool_param', WIRE.varint),
    2: long('int64_param'),
    3: text('string_param'),
    4: bytes('bytes_param'),
  }),
};

const HEALTH: MessageShape = { 1: text('service', NAME_BYTES.model) };

/** The request of every procedure, by its name, as the protocol files have it. */
export const REQUESTS: Readonly<Record<string, MessageShape>> = {
  ...{ ServerLive: {}, ServerReady: {}, ServerMetadata: {}, Check: HEALTH, Watch: HEALTH },
  ...{ ModelReady: MODEL, ModelMetadata: MODEL, ModelConfig: MODEL, ModelStatistics: MODEL },
  ...{ ModelInfer: INFER, ModelStreamInfer: INFER },
  RepositoryIndex: { 1: text('repository_name', NAME_BYTES.model), 2: number('ready', WIRE.varint) },
  ...{ RepositoryModelLoad: REPOSITORY_MODEL, RepositoryModelUnload: REPOSITORY_MODEL },
};

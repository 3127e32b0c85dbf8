/** A 64-bit integer as the protocol library gives it. */
export interface Int64 {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
  toString(): string;
}

/** Value of a parameter; one member is set. */
export interface InferParameter {
  readonly bool_param?: boolean;
  readonly int64_param?: Int64;
  readonly string_param?: string;
  readonly double_param?: number;
  readonly uint64_param?: Int64;
}

/** Parameters by their names. */
export type InferParameters = Readonly<Record<string, InferParameter>>;

/** Member of typed contents, which hold the elements of a tensor in the one that fits its datatype. */
export type ContentsKey =
  | 'bool_contents'
  | 'int_contents'
  | 'int64_contents'
  | 'uint_contents'
  | 'uint64_contents'
  | 'fp32_contents'
  | 'fp64_contents'
  | 'bytes_contents';

/** One input of a request. */
export interface InferInputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly Int64[];
  readonly parameters: InferParameters;
  /** Typed contents as they came; none where the input is raw. */
  readonly contents: readonly Uint8Array[];
}

/** A request of `ModelInfer`. */
export interface ModelInferRequest {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: InferParameters;
  readonly inputs: readonly InferInputTensor[];
  readonly outputs: readonly { readonly name: string; readonly parameters: InferParameters }[];
  readonly raw_input_contents: readonly Uint8Array[];
}

/** A request that names a model. */
export interface ModelRequest {
  readonly name: string;
  readonly version: string;
}

/** An answer of `ModelInfer`. */
export interface ModelInferResponse {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string | undefined;
  readonly outputs: readonly {
    readonly name: string;
    readonly datatype: string;
    readonly shape: readonly number[];
    readonly contents?: { readonly [K in ContentsKey]?: readonly unknown[] };
  }[];
  readonly raw_output_contents: readonly Uint8Array[];
}

/** An answer of `ModelStreamInfer`. */
export interface ModelStreamInferResponse {
  /** Empty where there is an answer. */
  readonly error_message: string;
  readonly infer_response: (ModelInferResponse & { readonly parameters: object }) | { readonly id: string };
}

/** A request that loads or unloads a model. */
export interface RepositoryModelRequest {
  readonly model_name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

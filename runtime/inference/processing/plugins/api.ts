/**
 * What the author of a plugin needs. Nothing of it is loaded with a plugin: import the types, or write plain
 * JavaScript of this shape.
 */

/** A tensor as a plugin sees it: little-endian, row-major. */
export interface PluginTensor {
  readonly name: string;
  /** One of the Open Inference Protocol, such as `FP32` or `BYTES`. */
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Elements of a tensor of numbers. */
export type PluginNumbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** What a step is given besides its tensors. */
export interface StepTools {
  /** Texts of a BYTES tensor. */
  texts(tensor: PluginTensor): string[];
  /** A BYTES tensor. */
  ofTexts(name: string, shape: readonly number[], texts: readonly string[]): PluginTensor;
  /** Elements of a tensor of numbers; FP16 as its 16 bits. */
  numbers(tensor: PluginTensor): PluginNumbers;
  /** A tensor of numbers. */
  ofNumbers(name: string, datatype: string, shape: readonly number[], numbers: PluginNumbers): PluginTensor;
  /** Refuses the request: its client is told that the step does, and nothing more. */
  refuse(): never;
}

/** One step: its inputs by their names in `plugin.json`; what it gives is held to `plugin.json`. */
export type StepFunction = (
  inputs: Readonly<Record<string, PluginTensor>>,
  parameters: Readonly<Record<string, unknown>>,
  tools: StepTools,
) => readonly PluginTensor[] | Promise<readonly PluginTensor[]>;

/** What the entry of a plugin exports, as `module.exports` or as its default. */
export interface Plugin {
  /** Steps by their names in `plugin.json`. */
  readonly steps: Readonly<Record<string, StepFunction>>;
}

import { DATATYPES } from '../../inference/inspector/values';
import { estimateBytes } from '../../inference/registry/memory-budget';
import { sizeOf, TYPE } from '../../inference/rewriter/elements';
import type { OnnxModel } from '../../inference/rewriter/model';
import type { Weight } from '../../inference/rewriter/tensor';
import type { Dimension, Value } from '../../inference/rewriter/value';
import { readOnnxFile } from './onnx-file';
import { modelRefused } from './errors';
import { inspectSource, openModel } from './source';

/** Names of element types: those that the protocol has, and one that it lacks. */
const NAMES: Readonly<Record<number, string>> = { ...DATATYPES, [TYPE.bfloat16]: 'BF16' };

/** An input or output of a model. */
export interface ValueSummary {
  readonly name: string;
  readonly datatype: string;
  /** Sizes, names of open ones, and null where the model says nothing; null when it states no shape. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** Constants of one type. */
export interface WeightSummary {
  readonly datatype: string;
  readonly constants: number;
  readonly elements: number;
  readonly bytes: number;
}

/** What a model is. */
export interface ModelSummary {
  readonly irVersion: number;
  readonly operatorSets: Readonly<Record<string, number>>;
  readonly inputs: readonly ValueSummary[];
  readonly outputs: readonly ValueSummary[];
  readonly operators: Readonly<Record<string, number>>;
  readonly weights: readonly WeightSummary[];
  /** Elements of the constants of floats. */
  readonly parameters: number;
  readonly weightBytes: number;
  /** Bytes that a server sets aside for it before it was ever loaded. */
  readonly estimatedMemoryBytes: number;
  readonly externalFiles: readonly string[];
  /** Why a server refuses it; empty when it does not. */
  readonly refusals: readonly { readonly code: string; readonly what: string }[];
}

const FLOATS = ['FP32', 'FP64', 'FP16', 'BF16', 'INT8', 'UINT8'];

const nameOf = (type: number | undefined): string => (type === undefined ? 'none' : (NAMES[type] ?? `type ${type}`));
const sizeName = (size: Dimension): number | string | null => size ?? null;

function describe({ name, type, shape }: Value): ValueSummary {
  return { name, datatype: nameOf(type), shape: shape?.map(sizeName) ?? null };
}

function weightsOf(model: OnnxModel): WeightSummary[] {
  const sums = new Map<string, { constants: number; elements: number; bytes: number }>();
  const add = ({ type, dims, data }: Weight): void => {
    const sum = sums.get(nameOf(type)) ?? { constants: 0, elements: 0, bytes: 0 };
    const { constants, elements, bytes } = sum;
    sums.set(nameOf(type), {
      constants: constants + 1,
      elements: elements + sizeOf(dims),
      bytes: bytes + (data?.size ?? 0),
    });
  };
  for (const graph of model.graph.all()) {
    for (const weight of graph.weights.values()) add(weight);
    for (const node of graph.nodes) for (const { tensor } of node.attributes) if (tensor) add(tensor);
  }
  return [...sums].map(([datatype, sum]) => ({ datatype, ...sum })).sort((a, b) => b.bytes - a.bytes);
}

function operatorsOf(model: OnnxModel): Record<string, number> {
  const counts = new Map<string, number>();
  for (const graph of model.graph.all()) {
    for (const { operator, domain } of graph.nodes) {
      const name = domain === '' ? operator : `${domain}.${operator}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)));
}

/**
 * Describes a model, whether a server would load it or not.
 *
 * @throws LNMT6012 for what is no model, LNMT6031 for one that cannot even be described
 */
export async function summarize(file: string): Promise<ModelSummary> {
  const { externalData } = readOnnxFile(file);
  const { refusal } = await inspectSource(file);
  let model: OnnxModel;
  try {
    model = openModel(file);
  } catch (error) {
    throw modelRefused(file, (refusal ?? (error instanceof Error ? error : new Error(String(error)))).message);
  }
  try {
    const { graph } = model;
    const weights = weightsOf(model);
    const weightBytes = weights.reduce((sum, { bytes }) => sum + bytes, 0);
    const floats = weights.filter(({ datatype }) => FLOATS.includes(datatype));
    return {
      irVersion: model.irVersion,
      operatorSets: Object.fromEntries(model.operatorSets),
      inputs: graph.inputs.filter(({ name }) => !graph.weights.has(name)).map(describe),
      outputs: graph.outputs.map(describe),
      operators: operatorsOf(model),
      weights,
      parameters: floats.reduce((sum, { elements }) => sum + elements, 0),
      weightBytes,
      estimatedMemoryBytes: estimateBytes(weightBytes),
      externalFiles: externalData,
      refusals: refusal ? [{ code: refusal.code, what: refusal.what }] : [],
    };
  } finally {
    model.close();
  }
}

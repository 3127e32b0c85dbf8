import path from 'node:path';
import { Histogram, RangeMeter } from '../../inference/rewriter/calibration';
import type { CalibrationMethod } from '../../inference/rewriter/calibration';
import { TYPE } from '../../inference/rewriter/elements';
import type { ValueRange } from '../../inference/rewriter/static';
import { tensorValue } from '../../inference/rewriter/value';
import { writeModel } from '../../inference/rewriter/write';
import type { Tensor } from '../../inference/tensors/tensor';
import type { Sample } from './samples';
import { openModel } from './source';
import type { Toolkit } from './toolkit';
import { LoadedModel } from './trial';

/** What a calibration needs. */
export interface CalibrationRequest {
  /** The model as it is. */
  readonly file: string;
  /** A folder for a copy of the model that shows its activations. */
  readonly scratch: string;
  readonly samples: readonly Sample[];
  readonly method: CalibrationMethod;
  readonly threads: number;
}

const COPY = 'observed.onnx';

type Answer = (sample: Sample) => Promise<readonly Tensor[]>;

/** Ranges of activations that are inputs of the model, or values between. */
export async function calibrate(
  toolkit: Toolkit,
  names: readonly string[],
  request: CalibrationRequest,
): Promise<ReadonlyMap<string, ValueRange>> {
  const computed = showActivations(names, request);
  // Inputs are known from the samples alone, and onnxruntime runs nothing for the sake of no output.
  if (computed.length === 0) return observe(toolkit, () => Promise.resolve([]), names, request);
  const copy = path.join(request.scratch, COPY);
  const loaded = await LoadedModel.load(toolkit, copy, request.threads, 'the model with its activations as outputs');
  try {
    return await observe(toolkit, (sample) => loaded.run(sample, computed), names, request);
  } finally {
    await loaded.close();
  }
}

/** Writes a copy whose outputs are those activations too, where there are any but inputs, and returns these. */
function showActivations(names: readonly string[], { file, scratch }: CalibrationRequest): string[] {
  const model = openModel(file);
  try {
    const { graph } = model;
    const inputs = new Set(graph.inputs.map(({ name }) => name));
    const computed = names.filter((name) => !inputs.has(name));
    if (computed.length === 0) return computed;
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    const hidden = computed.filter((name) => !outputs.has(name));
    graph.outputs.push(...hidden.map((name) => tensorValue(name, TYPE.float, undefined)));
    graph.touched = true;
    writeModel(model, scratch, COPY);
    return computed;
  } finally {
    model.close();
  }
}

async function observe(
  toolkit: Toolkit,
  answer: Answer,
  names: readonly string[],
  { samples, method }: CalibrationRequest,
): Promise<ReadonlyMap<string, ValueRange>> {
  const look = async (see: (name: string, values: ArrayLike<number>) => void): Promise<void> => {
    for (const sample of samples) {
      for (const tensor of [...sample.inputs, ...(await answer(sample))]) {
        const values = names.includes(tensor.name) ? toolkit.floatsOf(tensor) : undefined;
        if (values) see(tensor.name, values);
      }
    }
  };
  const meters = new Map(names.map((name) => [name, new RangeMeter()]));
  await look((name, values) => meters.get(name)?.add(values));
  const ranges = new Map([...meters].map(([name, meter]) => [name, meter.range]));
  if (method === 'minmax') return ranges;
  const histograms = new Map([...ranges].map(([name, range]) => [name, new Histogram(range)]));
  await look((name, values) => histograms.get(name)?.add(values));
  return new Map([...histograms].map(([name, histogram]) => [name, histogram.choose(method)]));
}

import path from 'node:path';
import { Histogram, RangeMeter } from '../../inference/rewriter/calibration';
import type { CalibrationMethod } from '../../inference/rewriter/calibration';
import { TYPE } from '../../inference/rewriter/elements';
import { OnnxModel } from '../../inference/rewriter/model';
import type { ValueRange } from '../../inference/rewriter/static';
import { tensorValue } from '../../inference/rewriter/value';
import { writeModel } from '../../inference/rewriter/write';
import type { Sample } from './samples';
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

/** Ranges of activations that are inputs of the model, or values between. */
export async function calibrate(
  toolkit: Toolkit,
  names: readonly string[],
  request: CalibrationRequest,
): Promise<ReadonlyMap<string, ValueRange>> {
  const model = OnnxModel.open(request.file);
  try {
    const known = new Set([...model.graph.outputs, ...model.graph.inputs].map(({ name }) => name));
    const hidden = names.filter((name) => !known.has(name));
    model.graph.outputs.push(...hidden.map((name) => tensorValue(name, TYPE.float, undefined)));
    model.graph.touched = true;
    writeModel(model, request.scratch, COPY);
  } finally {
    model.close();
  }
  const copy = path.join(request.scratch, COPY);
  const loaded = await LoadedModel.load(toolkit, copy, request.threads, 'the model with its activations as outputs');
  try {
    return await observe(toolkit, loaded, names, request);
  } finally {
    await loaded.close();
  }
}

async function observe(
  toolkit: Toolkit,
  model: LoadedModel,
  names: readonly string[],
  { samples, method }: CalibrationRequest,
): Promise<ReadonlyMap<string, ValueRange>> {
  const outputs = new Set(model.signature.outputs.map(({ name }) => name));
  const computed = names.filter((name) => outputs.has(name));
  const look = async (see: (name: string, values: ArrayLike<number>) => void): Promise<void> => {
    for (const sample of samples) {
      const answers = await model.run(sample, computed);
      for (const tensor of [...sample.inputs, ...answers]) {
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

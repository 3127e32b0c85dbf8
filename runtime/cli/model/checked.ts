import fs from 'node:fs';
import path from 'node:path';
import type { OnnxModel } from '../../inference/rewriter/model';
import type { Written } from '../../inference/rewriter/write';
import { modelRefused, notRunnable } from './errors';
import { readOnnxFile } from './onnx-file';
import { readSamples } from './sample-files';
import type { Sample } from './samples';
import { inspectSource } from './source';
import type { Staging } from './staging';
import { syntheticSamples } from './synthetic';
import type { Toolkit } from './toolkit';
import { LoadedModel, tryModels } from './trial';
import type { TrialReport } from './trial';

/** Two models that are compared. */
export interface TrialRequest {
  readonly original: string;
  readonly changed: string;
  readonly samples: readonly Sample[];
  readonly threads: number;
  /** Output that names the class. @default - found */
  readonly output?: string;
}

/** Bytes of a model with its files of weights. */
export function modelBytes(file: string): number {
  const { externalData } = readOnnxFile(file);
  const files = [file, ...externalData.map((name) => path.join(path.dirname(file), name))];
  return files.reduce((sum, each) => sum + fs.statSync(each).size, 0);
}

/** Writes a model where it is tried, and holds it to what the server loads. @throws LNMT6031 */
export async function writeChecked(staging: Staging, model: OnnxModel): Promise<Written> {
  const written = staging.write(model);
  const { refusal } = await inspectSource(staging.file);
  if (refusal !== undefined) throw modelRefused('the new model', refusal.message);
  return written;
}

/** Loads both models, runs them on the samples, and lets them go. @throws LNMT6036 */
export async function runTrial(toolkit: Toolkit, request: TrialRequest): Promise<TrialReport> {
  const original = await LoadedModel.load(toolkit, request.original, request.threads, 'the original model');
  try {
    const changed = await LoadedModel.load(toolkit, request.changed, request.threads, 'the new model');
    try {
      return await tryModels(toolkit, [original, changed], request.samples, request.output);
    } finally {
      await changed.close();
    }
  } finally {
    await original.close();
  }
}

/** Reads samples for a model. @throws LNMT6034, LNMT6036 */
export async function samplesFor(
  toolkit: Toolkit,
  file: string,
  place: string,
  threads: number,
): Promise<readonly Sample[]> {
  const model = await LoadedModel.load(toolkit, file, threads, 'the original model');
  try {
    return await readSamples(place, toolkit, model.signature.inputs);
  } finally {
    await model.close();
  }
}

/** Inputs of sizes that the model takes, which nobody chose. @throws LNMT6036 when it takes none of them */
export async function inventedSamples(
  toolkit: Toolkit,
  file: string,
  model: OnnxModel,
  what: string,
): Promise<readonly Sample[]> {
  const loaded = await LoadedModel.load(toolkit, file, 0, what);
  try {
    const kept: Sample[] = [];
    let failure: unknown = notRunnable(what, 'it takes only inputs that are too large to be invented; pass --samples');
    for (const sample of syntheticSamples(toolkit, loaded.signature.inputs, model.graph)) {
      await loaded.run(sample).then(
        () => kept.push(sample),
        (error: unknown) => (failure = error),
      );
    }
    if (kept.length === 0) throw failure;
    return kept;
  } finally {
    await loaded.close();
  }
}

import fs from 'node:fs';
import path from 'node:path';
import { checkExternalFiles, InspectionError, inspectFile } from '../../inference/inspector';
import type { ModelReport } from '../../inference/inspector';
import { RewriteError } from '../../inference/rewriter/errors';
import { OnnxModel } from '../../inference/rewriter/model';
import { codeOf } from '../../shared/file-state';
import { badInvocation } from '../errors';
import { modelRefused, notRewritable } from './errors';
import { readOnnxFile } from './onnx-file';

/** Types of inputs and outputs that the server lacks; the rewriters know some of them. */
const TYPE_REFUSED = 'LNMT8326';

/** What the server says of a file, and the refusal where it would not load it. */
export interface Finding {
  readonly report: ModelReport | undefined;
  readonly refusal: InspectionError | undefined;
}

function statsOf(file: string, shown: string, what: string): fs.Stats {
  try {
    return fs.statSync(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw badInvocation('there is no such file', shown, `name ${what}`);
  }
}

/** The path of a file that is there. @throws LNMT6001 */
export function existingFile(cwd: string, file: string, what = 'an ONNX file'): string {
  const found = path.resolve(cwd, file);
  if (!statsOf(found, file, what).isDirectory()) return found;
  throw badInvocation('that is a folder', file, `name ${what}`);
}

/** The path of a file or folder that is there. @throws LNMT6001 */
export function existingPlace(cwd: string, place: string, what: string): string {
  const found = path.resolve(cwd, place);
  statsOf(found, place, what);
  return found;
}

/** What a link leads to. A cache of downloads holds nothing but links. */
const targetOf = (file: string): string => (fs.existsSync(file) ? fs.realpathSync(file) : file);

/** A file of weights: beside the model, and where that is a link, beside the link. */
const weightsAt = (file: string, location: string): string => targetOf(path.join(path.dirname(file), location));

/**
 * Looks at a file as the server does before it loads one, its weights in other files included. Links of the user's own
 * are followed, as `push` and `serve` follow them.
 */
export async function inspectSource(file: string): Promise<Finding> {
  try {
    const report = await inspectFile(targetOf(file));
    await checkWeights(file, report.externalFiles);
    return { report, refusal: undefined };
  } catch (error) {
    if (error instanceof InspectionError) return { report: undefined, refusal: error };
    throw error;
  }
}

/** Reads a model that was inspected. Whoever opens it closes it. */
export function openModel(file: string): OnnxModel {
  return OnnxModel.open(targetOf(file), (location) => weightsAt(file, location));
}

/** Opens a model to change it. @param allowTypes also with inputs and outputs that the server lacks */
export async function openSource(file: string, allowTypes = false): Promise<OnnxModel> {
  const { refusal } = await inspectSource(file);
  if (refusal !== undefined && !(allowTypes && refusal.code === TYPE_REFUSED)) {
    throw modelRefused(file, refusal.message);
  }
  // A refused type ends the inspection before the files of the weights are looked at.
  if (refusal !== undefined) {
    const names = readOnnxFile(file).externalData.map((name) => name.replace(/^\.\//, ''));
    const files = names.map((name) => ({ path: name, bytes: 0 }));
    await checkWeights(file, files).catch((error: unknown) => {
      throw modelRefused(file, error instanceof Error ? error.message : String(error));
    });
  }
  return openModel(file);
}

async function checkWeights(file: string, weights: ModelReport['externalFiles']): Promise<void> {
  const folder = targetOf(path.dirname(file));
  const files = weights.map((each) => ({ ...each, path: path.relative(folder, weightsAt(file, each.path)) }));
  await checkExternalFiles(folder, files, new Set(files.map((each) => each.path)));
}

/** Runs a rewriter and says in the words of the command why it cannot. */
export async function rewriting<T>(file: string, remedy: string, rewrite: () => T | Promise<T>): Promise<T> {
  try {
    return await rewrite();
  } catch (error) {
    if (!(error instanceof RewriteError)) throw error;
    throw notRewritable(
      file,
      error.message,
      error.kind === 'old' ? 'export the model with a later operator set' : remedy,
    );
  }
}

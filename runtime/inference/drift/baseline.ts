import fs from 'node:fs/promises';
import { DRIFT_BASELINE, driftFeatureText } from '../../contract';
import type { DriftBaseline, DriftFeature } from '../../contract';
import type { ModelSignature } from '../backends/backend';
import { ModelError } from '../errors';

const MAX_BYTES = 2 ** 20;

const invalid = (what: string, cause?: unknown): ModelError => new ModelError('LNMT8371', what, false, cause);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function numbers(value: unknown, where: string): readonly number[] {
  const most = DRIFT_BASELINE.bins + 2;
  const isList = Array.isArray(value) && value.length <= most;
  if (isList && value.every((each): each is number => Number.isFinite(each))) return value;
  throw invalid(`${where} is not a list of at most ${most} numbers`);
}

function featureOf(value: unknown, index: number): DriftFeature {
  const where = `features[${index}]`;
  if (typeof value !== 'object' || value === null) throw invalid(`${where} is not an object`);
  const { side, tensor, element, ...rest } = value as Readonly<Record<string, unknown>>;
  if (side !== 'inputs' && side !== 'outputs') throw invalid(`${where}.side is not inputs or outputs`);
  if (typeof tensor !== 'string') throw invalid(`${where}.tensor is not a name`);
  if (element !== 'mean' && !isCount(element)) throw invalid(`${where}.element is not mean or a place from 0`);
  const edges = numbers(rest['edges'], `${where}.edges`);
  const counts = numbers(rest['counts'], `${where}.counts`);
  if (edges.length === 0 || edges.some((edge, place) => place > 0 && edge <= (edges[place - 1] ?? edge))) {
    throw invalid(`${where}.edges do not ascend`);
  }
  if (counts.length !== edges.length + 2 || !counts.every(isCount)) {
    throw invalid(`${where}.counts are not ${edges.length + 2} numbers of values`);
  }
  const rows = counts.reduce((sum, count) => sum + count, 0);
  if (rows < DRIFT_BASELINE.minRows) throw invalid(`${where} has ${rows} values, at least ${DRIFT_BASELINE.minRows}`);
  return { side, tensor, element, edges, counts };
}

function checkAgainst(signature: ModelSignature, feature: DriftFeature): void {
  const found = signature[feature.side].find(({ name }) => name === feature.tensor);
  if (found === undefined) throw invalid(`the model has no ${driftFeatureText(feature)}`);
  if (found.datatype === 'BYTES') throw invalid(`${driftFeatureText(feature)} is text, which has no numbers`);
}

/** Reads a baseline. @throws ModelError LNMT8371 */
export function parseBaseline(text: string, signature: ModelSignature): DriftBaseline {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw invalid('it is not JSON', error);
  }
  const fields: Readonly<Record<string, unknown>> =
    typeof document === 'object' && document !== null ? { ...document } : {};
  const { format, features } = fields;
  if (format !== DRIFT_BASELINE.format) throw invalid(`format is not ${DRIFT_BASELINE.format}`);
  if (!Array.isArray(features) || features.length < 1 || features.length > DRIFT_BASELINE.maxFeatures) {
    throw invalid(`features is not a list of 1 to ${DRIFT_BASELINE.maxFeatures}`);
  }
  const read = features.map(featureOf);
  if (new Set(read.map(driftFeatureText)).size < read.length) throw invalid('two features are the same');
  for (const feature of read) checkAgainst(signature, feature);
  return { format, features: read };
}

/** Reads the baseline beside a model. @throws ModelError LNMT8371 */
export async function readBaseline(file: string, signature: ModelSignature): Promise<DriftBaseline> {
  const { size } = await fs.stat(file);
  if (size > MAX_BYTES) throw invalid(`it has ${size} bytes, at most ${MAX_BYTES}`);
  return parseBaseline(await fs.readFile(file, 'utf8'), signature);
}

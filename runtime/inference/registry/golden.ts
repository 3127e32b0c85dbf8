import fs from 'node:fs/promises';
import { ModelError } from '../errors';
import { parseJson } from '../tensors/json';
import { readRequest } from '../tensors/request';
import type { InferenceRequest } from '../tensors/request';
import type { Tensor } from '../tensors/tensor';
import type { Tolerance } from '../tensors/values';

/** A request and the answer that it must have. */
export interface GoldenCase {
  readonly request: InferenceRequest;
  readonly expected: readonly Tensor[];
  readonly tolerance: Tolerance;
}

const MAX_BYTES = 16 * 2 ** 20;
const MAX_CASES = 64;
const DEFAULT_TOLERANCE: Tolerance = { absolute: 1e-5, relative: 1e-4 };

const invalid = (what: string, cause?: unknown): ModelError => new ModelError('LNMT8307', what, false, cause);

function record(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw invalid(`${where} is not an object`);
}

function toleranceOf(value: unknown, where: string): Tolerance {
  if (value === undefined) return DEFAULT_TOLERANCE;
  const { absolute = 0, relative = 0 } = record(value, where);
  const isSize = (size: unknown): size is number => typeof size === 'number' && size >= 0;
  if (!isSize(absolute) || !isSize(relative)) throw invalid(`${where} holds no two numbers from 0`);
  return { absolute, relative };
}

function caseOf(value: unknown, index: number): GoldenCase {
  const where = `cases[${index}]`;
  const { inputs, outputs, tolerance } = record(value, where);
  try {
    // Outputs are written as inputs are, so one reader serves both.
    const expected = readRequest({ inputs: outputs }).inputs;
    const request = readRequest({ inputs });
    return {
      request: { ...request, outputs: expected.map(({ name }) => name) },
      expected,
      tolerance: toleranceOf(tolerance, `${where}.tolerance`),
    };
  } catch (error) {
    if (error instanceof ModelError) throw error;
    throw invalid(`${where}: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

/**
 * Reads the golden file of a model: `{"cases": [{"inputs", "outputs", "tolerance": {"absolute", "relative"}?}]}`, with
 * tensors as the protocol writes them.
 *
 * @throws ModelError
 */
export async function readGolden(file: string): Promise<readonly GoldenCase[]> {
  const { size } = await fs.stat(file);
  if (size > MAX_BYTES) throw invalid(`it has ${size} bytes, at most ${MAX_BYTES}`);
  const content = await fs.readFile(file);
  let document: unknown;
  try {
    document = parseJson(content);
  } catch (error) {
    throw invalid('it is not JSON', error);
  }
  const { cases } = record(document, 'the golden file');
  if (!Array.isArray(cases) || cases.length > MAX_CASES) throw invalid(`cases is not a list of at most ${MAX_CASES}`);
  return cases.map(caseOf);
}

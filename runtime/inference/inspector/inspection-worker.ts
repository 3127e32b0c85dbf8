import fs from 'node:fs';
import { answerQuestions } from '../threads/answer-questions';
import { FileSource } from './byte-source';
import { InspectionError } from './errors';
import type { InspectorCode } from './errors';
import { inspectOnnx } from './inspect';
import type { ModelReport } from './inspect';

/** What the inspection of a file comes to; without a code it could not be inspected. */
export type InspectionAnswer =
  | { readonly report: ModelReport }
  | { readonly code: InspectorCode; readonly what: string }
  | { readonly failed: string };

function inspect(file: string): ModelReport {
  const handle = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    return inspectOnnx(new FileSource(handle));
  } finally {
    fs.closeSync(handle);
  }
}

function answer(file: string): InspectionAnswer {
  try {
    return { report: inspect(file) };
  } catch (error) {
    if (error instanceof InspectionError) return { code: error.code, what: error.what };
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

answerQuestions(answer);

import fs from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { FileSource } from './byte-source';
import { InspectionError } from './errors';
import { inspectOnnx } from './inspect';
import type { InspectionAnswer } from './inspect-file';

function answer(file: string): InspectionAnswer {
  const handle = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    return { report: inspectOnnx(new FileSource(handle)) };
  } catch (error) {
    if (error instanceof InspectionError) return { code: error.code, what: error.what };
    throw error;
  } finally {
    fs.closeSync(handle);
  }
}

parentPort?.postMessage(answer(String(workerData)));

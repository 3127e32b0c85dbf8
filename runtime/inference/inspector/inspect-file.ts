import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { SOURCE_LOADER } from '../../shared/source-loader';
import { InspectionError, inspectionFailed } from './errors';
import type { InspectorCode } from './errors';
import type { ModelReport } from './inspect';

/** What the thread that inspects tells. */
export type InspectionAnswer =
  { readonly report: ModelReport } | { readonly code: InspectorCode; readonly what: string };

/** What one inspection may take. */
export interface InspectionBudget {
  /** Seconds. */
  readonly seconds: number;
  /** Megabytes of JavaScript heap. */
  readonly heapMegabytes: number;
}

const BUDGET: InspectionBudget = { seconds: 30, heapMegabytes: 512 };

/**
 * Inspects a file in a thread of its own, which is ended when it takes too long: the caller never waits for a file
 * that was made to be slow, and goes on answering meanwhile.
 *
 * @throws InspectionError
 */
export async function inspectFile(file: string, budget: InspectionBudget = BUDGET): Promise<ModelReport> {
  const worker = new Worker(`require(${JSON.stringify(path.join(__dirname, 'inspection-thread'))})`, {
    eval: true,
    workerData: file,
    env: {},
    execArgv: [...SOURCE_LOADER],
    resourceLimits: { maxOldGenerationSizeMb: budget.heapMegabytes },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const answer = await new Promise<InspectionAnswer>((resolve, reject) => {
      timer = setTimeout(
        () => reject(inspectionFailed(`it took more than ${budget.seconds} s`)),
        1000 * budget.seconds,
      );
      worker.once('message', resolve);
      worker.once('error', (error) => reject(inspectionFailed(error.message)));
      worker.once('exit', () => reject(inspectionFailed('the inspection ended without a word')));
    });
    if ('report' in answer) return answer.report;
    throw new InspectionError(answer.code, answer.what);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

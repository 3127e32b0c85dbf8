import path from 'node:path';
import { Semaphore } from '../../shared/semaphore';
import { QuestionThread } from '../threads/question-thread';
import type { Unanswered } from '../threads/question-thread';
import { InspectionError, inspectionFailed } from './errors';
import type { ModelReport } from './inspect';
import type { InspectionAnswer } from './inspection-worker';

/** What one inspection may take. */
export interface InspectionBudget {
  /** Seconds. */
  readonly seconds: number;
  /** Megabytes of JavaScript heap. */
  readonly heapMegabytes: number;
}

const BUDGET: InspectionBudget = { seconds: 30, heapMegabytes: 512 };
/** Each is a thread with a heap of its own. */
const AT_ONCE = 2;
/** A thread takes longer to start than most files take; nor is it kept when there are no more. */
const IDLE_MS = 1_000;
const WORKER = path.join(__dirname, 'inspection-worker');

type InspectionThread = QuestionThread<string, InspectionAnswer>;

function inspectionThread({ seconds, heapMegabytes }: InspectionBudget): InspectionThread {
  const refusals: Readonly<Record<Unanswered, string>> = {
    slow: `it took more than ${seconds} s`,
    large: `it took more than ${heapMegabytes} MB of memory`,
    closed: 'it was ended',
    left: 'nobody waits for it',
  };
  return new QuestionThread({
    ...{ worker: WORKER, deadlineMs: 1000 * seconds, idleMs: IDLE_MS, memoryMb: heapMegabytes },
    refusal: (why) => inspectionFailed(refusals[why]),
  });
}

async function ask(thread: InspectionThread, file: string): Promise<ModelReport> {
  const answer = await thread.ask({ question: file, cost: 1 });
  if ('report' in answer) return answer.report;
  throw 'code' in answer ? new InspectionError(answer.code, answer.what) : inspectionFailed(answer.failed);
}

/**
 * Inspects files in threads, one of which is ended when a file takes too much: the caller never waits for a file that was
 * made to be slow, and goes on answering meanwhile.
 */
export class Inspections {
  private readonly turns = new Semaphore(AT_ONCE);
  private readonly spare: InspectionThread[] = [];

  /** What a file holds. @throws InspectionError */
  inspect(file: string): Promise<ModelReport> {
    return this.turns.run(async () => {
      const thread = this.spare.pop() ?? inspectionThread(BUDGET);
      try {
        return await ask(thread, file);
      } finally {
        this.spare.push(thread);
      }
    });
  }
}

/** Inspects one file in a thread, as {@link Inspections} does. @throws InspectionError */
export async function inspectFile(file: string, budget: InspectionBudget = BUDGET): Promise<ModelReport> {
  const thread = inspectionThread(budget);
  try {
    return await ask(thread, file);
  } finally {
    await thread.close();
  }
}

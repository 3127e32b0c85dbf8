import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { QuestionThread } from '../../../../runtime/inference/threads/question-thread';
import { temporaryFolder } from '../../support/temporary';

/** Answers every question with the number of the thread that it runs in. */
const WORKER = `const { parentPort, threadId } = require('node:worker_threads');
parentPort.on('message', ({ id }) => parentPort.postMessage({ id, reply: threadId }));
parentPort.postMessage({ ready: true });
`;

let dir: string;
let thread: QuestionThread<string, number>;

const start = (idleMs?: number): void => {
  thread = new QuestionThread<string, number>({
    ...{ worker: path.join(dir, 'worker'), deadlineMs: 30_000, memoryMb: 64, refusal: (why) => new Error(why) },
    ...(idleMs === undefined ? {} : { idleMs }),
  });
};
const ask = (): Promise<number> => thread.ask({ question: 'who are you', cost: 1 });

beforeAll(() => {
  dir = temporaryFolder();
  fs.writeFileSync(path.join(dir, 'worker.js'), WORKER);
});
afterAll(() => fs.rmSync(dir, { recursive: true }));
afterEach(() => thread.close());

describe('a thread that answers questions', () => {
  it('is the same for all of them', async () => {
    start();
    const first = await ask();
    await delay(60);
    expect([await ask(), await ask()]).toEqual([first, first]);
  });

  it('ends once it was asked nothing for a while, and another answers what comes then', async () => {
    start(30);
    const [first, second] = [await ask(), await ask()];
    expect(second).toBe(first);
    await delay(120);
    expect(await ask()).toBeGreaterThan(first);
  });

  it('does not end during a question that takes longer than that', async () => {
    start(1);
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    expect(new Set(answers).size).toBe(1);
  });
});

import { parentPort } from 'node:worker_threads';
import type { TransferListItem } from 'node:worker_threads';
import type { NumberedQuestion, NumberedReply, Ready } from './question-thread';

/**
 * Answers the questions of a `QuestionThread`; the last line of the module that runs in it.
 *
 * @param answer must not throw: what goes wrong is a reply, too
 * @param moved memory of a reply that goes over without a copy
 */
export function answerQuestions<Question, Reply>(
  answer: (question: Question) => Reply,
  moved: (reply: Reply) => readonly TransferListItem[] = () => [],
): void {
  parentPort?.on('message', ({ id, question }: NumberedQuestion<Question>) => {
    const reply = answer(question);
    parentPort?.postMessage({ id, reply } satisfies NumberedReply<Reply>, [...moved(reply)]);
  });
  parentPort?.postMessage({ ready: true } satisfies Ready);
}

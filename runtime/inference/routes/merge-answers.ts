import type { AnswerPiece } from '../text/completer';

/** A piece of one of several answers. */
export interface ChoicePiece {
  readonly index: number;
  readonly piece: AnswerPiece;
}

interface Arrival {
  readonly index: number;
  readonly result: IteratorResult<AnswerPiece, void>;
}

/** Pieces of several answers in the order in which they come. Whoever stops reading ends them all. */
export async function* mergeAnswers(
  answers: readonly AsyncGenerator<AnswerPiece, void>[],
  leave: () => void,
): AsyncGenerator<ChoicePiece, void> {
  const awaited = new Map<number, Promise<Arrival>>();
  const ask = (index: number): void => {
    const answer = answers[index];
    if (answer !== undefined)
      awaited.set(
        index,
        answer.next().then((result) => ({ index, result })),
      );
  };
  answers.forEach((_answer, index) => ask(index));
  try {
    while (awaited.size > 0) {
      const { index, result } = await Promise.race(awaited.values());
      awaited.delete(index);
      if (result.done) continue;
      ask(index);
      yield { index, piece: result.value };
    }
  } finally {
    leave();
    // What still comes is of no interest any more, not even its failure.
    for (const pending of awaited.values()) pending.catch(() => undefined);
  }
}

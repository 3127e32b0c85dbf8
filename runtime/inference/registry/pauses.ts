const FIRST_MS = 1_000;
const MOST_MS = 300_000;

/** Milliseconds until what failed so many times in a row is tried again, though nobody asks for it. */
export const pauseAfter = (failures: number): number => Math.min(FIRST_MS * 2 ** (failures - 1), MOST_MS);

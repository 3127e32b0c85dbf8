/** Most milliseconds of a timer of Node.js: one that is asked for more fires at once. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/**
 * Milliseconds to ask a timer for: 0 where the time is over, and 24 days where it is further away than that.
 *
 * @param ms milliseconds until a deadline; `Infinity` counts as the most
 */
export const timerMs = (ms: number): number => Math.min(Math.max(0, ms), MOST_TIMER_MS);

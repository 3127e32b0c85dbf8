/** What the decision knows of one request in the queue. Times in milliseconds of one monotonic clock. */
export interface QueuedRequest {
  /** Requests of one bucket may share a batch; one without a bucket runs alone. */
  readonly bucket: string | undefined;
  /** How many items of a batch it is. */
  readonly rows: number;
  readonly since: number;
  /** When its answer is of no use any more; `Infinity` when it never is. */
  readonly deadline: number;
  /** The smallest is served first. */
  readonly priority: number;
  /** Within a priority the smallest is served first, then the oldest. */
  readonly turn: number;
  /** True once its client has gone. */
  readonly left: boolean;
}

/** How batches are formed. */
export interface BatchPolicy {
  /** Most rows of a batch. A larger single request still runs, alone. */
  readonly maxRows: number;
  /** Milliseconds for which a batch may wait to grow while the model is busy anyway. */
  readonly maxDelay: number;
  /** Sizes worth waiting for, ascending. */
  readonly preferred: readonly number[];
  /** Milliseconds that a run takes; a batch is not held past the deadline less this. */
  readonly runMs: number;
}

/** Workers that can take a batch. */
export interface Lanes {
  readonly free: number;
  readonly all: number;
}

/** What to do now. Numbers are places in the queue, in the order in which they go into the batch. */
export interface Decision {
  /** Requests whose client left or whose deadline passed. */
  readonly drop: readonly number[];
  /** Requests to send as one batch; empty when there is nothing to send yet. */
  readonly send: readonly number[];
  /** Milliseconds after which to decide again; absent when only an event can change the decision. */
  readonly wait: number | undefined;
}

const NOTHING: readonly number[] = [];

/** Places that may share a batch with the one whose turn it is, in the order in which they are served. */
function lineOf(queue: readonly QueuedRequest[], live: readonly number[]): readonly number[] {
  const order = (a: number, b: number): number => {
    const [first, second] = [queue[a], queue[b]];
    if (first === undefined || second === undefined) return 0;
    return first.priority - second.priority || first.turn - second.turn || a - b;
  };
  const head = live.reduce((least, place) => (order(place, least) < 0 ? place : least));
  const bucket = queue[head]?.bucket;
  if (bucket === undefined) return [head];
  return live.filter((place) => queue[place]?.bucket === bucket).sort(order);
}

/** The longest beginning of the line that stays within the limit; never empty. */
function cut(queue: readonly QueuedRequest[], line: readonly number[], limit: number): readonly number[] {
  let rows = 0;
  let count = 0;
  for (const place of line) {
    rows += queue[place]?.rows ?? 1;
    if (count > 0 && rows > limit) break;
    count++;
  }
  return line.slice(0, count);
}

const rowsOf = (queue: readonly QueuedRequest[], places: readonly number[]): number =>
  places.reduce((sum, place) => sum + (queue[place]?.rows ?? 1), 0);

/** Milliseconds for which the batch may still wait to grow; 0 when it has to go. */
function patience(
  now: number,
  queue: readonly QueuedRequest[],
  batch: readonly number[],
  { maxDelay, runMs }: BatchPolicy,
): number {
  let until = Number.POSITIVE_INFINITY;
  for (const place of batch) {
    const request = queue[place];
    if (request) until = Math.min(until, request.since + maxDelay, request.deadline - runMs);
  }
  return Math.max(0, until - now);
}

/**
 * Decides what becomes of a queue. Pure: the same arguments give the same answer.
 *
 * A batch never waits while every worker is free, and never when no delay is allowed. With several workers the line is
 * split evenly among them, because a worker that takes everything leaves the others idle.
 */
export function decide(now: number, queue: readonly QueuedRequest[], policy: BatchPolicy, lanes: Lanes): Decision {
  const drop: number[] = [];
  const live: number[] = [];
  queue.forEach((request, place) => (request.left || request.deadline <= now ? drop : live).push(place));
  if (live.length === 0 || lanes.free === 0) return { drop, send: NOTHING, wait: undefined };
  const line = lineOf(queue, live);
  const share = Math.ceil(rowsOf(queue, line) / Math.max(1, lanes.all));
  const batch = cut(queue, line, Math.min(policy.maxRows, share));
  if (policy.maxDelay <= 0 || lanes.free >= lanes.all) return { drop, send: batch, wait: undefined };
  const full = cut(queue, line, policy.maxRows);
  const rows = rowsOf(queue, full);
  const target = policy.preferred.findLast((size) => size <= policy.maxRows) ?? policy.maxRows;
  const wait = rows >= target ? 0 : patience(now, queue, full, policy);
  if (wait > 0) return { drop, send: NOTHING, wait };
  const preferred = policy.preferred.findLast((size) => size <= rows);
  return { drop, send: preferred === undefined ? full : cut(queue, line, preferred), wait: undefined };
}

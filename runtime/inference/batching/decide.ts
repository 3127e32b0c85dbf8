/** What the decision knows of one request in the queue. Times in milliseconds of one monotonic clock. */
export interface QueuedRequest {
  /** Requests of one bucket may share a batch; one without a bucket runs alone. */
  readonly bucket: string | undefined;
  /** How many items of a batch it is. */
  readonly rows: number;
  /** Bytes of its inputs. */
  readonly bytes: number;
  readonly since: number;
  /** When its answer is of no use any more; `Infinity` when it never is. */
  readonly deadline: number;
  /** 1 is served first among the requests of its caller; more than {@link LAST_PRIORITY} counts as that. */
  readonly priority: number;
  /** Who asks: the one whose turn starts first is served first. */
  readonly caller: { readonly start: number };
  /** True once its client has gone. */
  readonly left: boolean;
  /** True for one that nothing may run beside, as it may have ended a host; it has no bucket. */
  readonly alone: boolean;
}

/** The least urgent priority. */
export const LAST_PRIORITY = 16;

/**
 * Milliseconds that a step of priority is worth: a request that came so much earlier than one of its caller that is a step
 * more urgent goes first. It therefore waits for none that came more than 15 s after it.
 */
export const PRIORITY_STEP_MS = 1_000;

/** How batches are formed. */
export interface BatchPolicy {
  /** Most rows of a batch. A larger single request still runs, alone. */
  readonly maxRows: number;
  /** Most bytes of the inputs of a batch. A larger single request still runs, alone. */
  readonly maxBytes: number;
  /** Milliseconds for which a batch may wait to grow while the model is busy anyway. */
  readonly maxDelay: number;
  /** Sizes worth waiting for, ascending. */
  readonly preferred: readonly number[];
  /** Milliseconds that a run takes; a batch is not held past the deadline less this. */
  readonly runMs: number;
}

/** How many workers can take a batch, and how many there are. */
export interface Workers {
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

/** The smallest is the most urgent among those of a caller. */
const urgencyOf = ({ since, priority }: QueuedRequest): number =>
  since + PRIORITY_STEP_MS * Math.min(Math.max(priority, 1), LAST_PRIORITY);

/**
 * Where each request starts on the clock of turns, were those of each caller served by urgency: the first where its caller
 * stands, the next by so many rows later. What a caller says of urgency changes its own order and nobody else's.
 */
function startsOf(queue: readonly QueuedRequest[], live: readonly number[]): Float64Array {
  const lines = new Map<QueuedRequest['caller'], number[]>();
  const urgency = new Float64Array(queue.length);
  for (const place of live) {
    const request = queue[place];
    if (request === undefined) continue;
    urgency[place] = urgencyOf(request);
    const line = lines.get(request.caller);
    if (line === undefined) lines.set(request.caller, [place]);
    else line.push(place);
  }
  const starts = new Float64Array(queue.length);
  for (const [caller, line] of lines) {
    // Nearly always in order already: requests come one after another, and few state a priority.
    line.sort((a, b) => (urgency[a] ?? 0) - (urgency[b] ?? 0) || a - b);
    let { start } = caller;
    for (const place of line) {
      starts[place] = start;
      start += queue[place]?.rows ?? 1;
    }
  }
  return starts;
}

/** Places that may share a batch with the one whose turn it is, in the order in which they are served. */
function lineOf(queue: readonly QueuedRequest[], live: readonly number[]): readonly number[] {
  const starts = startsOf(queue, live);
  const order = (a: number, b: number): number => (starts[a] ?? 0) - (starts[b] ?? 0) || a - b;
  const head = live.reduce((least, place) => (order(place, least) < 0 ? place : least));
  const bucket = queue[head]?.bucket;
  if (bucket === undefined) return [head];
  return live.filter((place) => queue[place]?.bucket === bucket).sort(order);
}

/** The longest beginning of the line that stays within so many rows and bytes; never empty. */
function cut(
  queue: readonly QueuedRequest[],
  line: readonly number[],
  { maxRows, maxBytes }: Pick<BatchPolicy, 'maxRows' | 'maxBytes'>,
): readonly number[] {
  let [rows, bytes, count] = [0, 0, 0];
  for (const place of line) {
    rows += queue[place]?.rows ?? 1;
    bytes += queue[place]?.bytes ?? 0;
    if (count > 0 && (rows > maxRows || bytes > maxBytes)) break;
    count++;
  }
  return line.slice(0, count);
}

const rowsOf = (queue: readonly QueuedRequest[], places: readonly number[]): number =>
  places.reduce((sum, place) => sum + (queue[place]?.rows ?? 1), 0);

const isAlone = (queue: readonly QueuedRequest[], [head]: readonly number[]): boolean =>
  head !== undefined && queue[head]?.alone === true;

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
 * split evenly among them, because a worker that takes everything leaves the others idle. One that runs alone, once it is
 * its turn, waits until every worker is free; who sends it counts every worker as taken by it.
 */
export function decide(now: number, queue: readonly QueuedRequest[], policy: BatchPolicy, workers: Workers): Decision {
  const drop: number[] = [];
  const live: number[] = [];
  queue.forEach((request, place) => (request.left || request.deadline <= now ? drop : live).push(place));
  if (live.length === 0 || workers.free <= 0) return { drop, send: NOTHING, wait: undefined };
  const line = lineOf(queue, live);
  // What goes on beside it ends first, and nothing that comes later passes it.
  if (isAlone(queue, line) && workers.free < workers.all) return { drop, send: NOTHING, wait: undefined };
  const share = Math.ceil(rowsOf(queue, line) / Math.max(1, workers.all));
  const batch = cut(queue, line, { ...policy, maxRows: Math.min(policy.maxRows, share) });
  if (policy.maxDelay <= 0 || workers.free >= workers.all) return { drop, send: batch, wait: undefined };
  const full = cut(queue, line, policy);
  const rows = rowsOf(queue, full);
  const target = policy.preferred.findLast((size) => size <= policy.maxRows) ?? policy.maxRows;
  // One that leaves somebody behind does not grow any more.
  const isFull = rows >= target || full.length < line.length;
  const wait = isFull ? 0 : patience(now, queue, full, policy);
  if (wait > 0) return { drop, send: NOTHING, wait };
  const preferred = policy.preferred.findLast((size) => size <= rows);
  return {
    drop,
    send: preferred === undefined ? full : cut(queue, full, { ...policy, maxRows: preferred }),
    wait: undefined,
  };
}

import { NumberSpan, startsNumber } from './json';

/** Texts that are remembered: how many of each kind, and the longest in bytes. */
const KNOWN = { heads: 256, bodies: 8, bytes: 4_096 } as const;
const CLOSE_LIST = 0x5d;

/**
 * What was read of the JSON before binary tensors, by its bytes. A client sends the same again and again, and reading it
 * costs ten times as much as finding it.
 */
export class KnownHeads<Plan> {
  private readonly plans = new Map<string, Plan>();

  /** What these bytes were read as. */
  find(json: Buffer): Plan | undefined {
    return json.length > KNOWN.bytes ? undefined : this.plans.get(json.toString('latin1'));
  }

  /** Remembers what they were read as, instead of what was remembered first when there is no room. */
  keep(json: Buffer, plan: Plan): void {
    if (json.length > KNOWN.bytes) return;
    if (this.plans.size >= KNOWN.heads) {
      const [oldest = ''] = this.plans.keys();
      this.plans.delete(oldest);
    }
    this.plans.set(json.toString('latin1'), plan);
  }
}

interface KnownBody<Plan> {
  /** What stands before, between and after the spans. */
  readonly parts: readonly Buffer[];
  readonly plan: Plan;
}

/** A body that differs from a known one in its numbers alone. */
export interface FoundBody<Plan> {
  readonly plan: Plan;
  /** Its numbers, in the order in which they stand. */
  readonly spans: readonly NumberSpan[];
}

/**
 * What was read of bodies whose elements are JSON, by everything but their numbers. A span begins where the known one
 * began and ends at the next bracket, as it does for the reader: what stands before it is the same.
 */
export class KnownBodies<Plan> {
  private bodies: KnownBody<Plan>[] = [];

  /** The known body that this one differs from in its numbers alone. */
  find(body: Buffer): FoundBody<Plan> | undefined {
    for (const { parts, plan } of this.bodies) {
      const spans = spansOf(body, parts);
      if (spans !== undefined) return { plan, spans };
    }
    return undefined;
  }

  /** Remembers what a body with these spans was read as. */
  keep(body: Buffer, spans: readonly NumberSpan[], plan: Plan): void {
    const starts = [0, ...spans.map(({ end }) => end)];
    const ends = [...spans.map(({ start }) => start), body.length];
    const bytes = starts.reduce((sum, start, index) => sum + (ends[index] ?? 0) - start, 0);
    if (bytes > KNOWN.bytes) return;
    // Copies, so that no body is held.
    const parts = starts.map((start, index) => Buffer.from(body.subarray(start, ends[index])));
    this.bodies = [{ parts, plan }, ...this.bodies.slice(0, KNOWN.bodies - 1)];
  }
}

const stands = (part: Buffer, body: Buffer, place: number): boolean =>
  place + part.length <= body.length && body.compare(part, 0, part.length, place, place + part.length) === 0;

function spansOf(body: Buffer, [first, ...others]: readonly Buffer[]): readonly NumberSpan[] | undefined {
  if (first === undefined || !stands(first, body, 0)) return undefined;
  const spans: NumberSpan[] = [];
  let place = first.length;
  for (const part of others) {
    const end = startsNumber(body[place]) ? body.indexOf(CLOSE_LIST, place) : -1;
    if (end < 0 || !stands(part, body, end)) return undefined;
    spans.push(new NumberSpan(body, place, end));
    place = end + part.length;
  }
  return place === body.length ? spans : undefined;
}

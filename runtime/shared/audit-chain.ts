import { createHash } from 'node:crypto';

/** What the audit log says of one operation. Never a payload, a key or a token. */
export interface AuditEvent {
  /** Who: method and id of the caller, or `anonymous`. */
  readonly caller: string;
  /** Id of the operation. */
  readonly operation: string;
  /** `http`, `grpc` or `graphql`; `none` where nobody asked. */
  readonly transport: string;
  readonly model?: string | undefined;
  readonly version?: string | undefined;
  /** HTTP status, or name of the gRPC status. */
  readonly outcome: string;
  readonly request: string;
  readonly trace?: string | undefined;
}

/** An entry as it stands in the file. */
export interface AuditEntry extends AuditEvent {
  /** 1 for the first entry, and one more for each. */
  readonly seq: number;
  readonly time: string;
  /** Hash of the entry before; 64 zeros for the first. */
  readonly prev: string;
  /** SHA-256 over `prev` and everything else of this entry. */
  readonly hash: string;
}

/** Where a chain ends: kept elsewhere, it shows entries that were cut off the end. */
export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
}

/** Where every chain begins. */
export const GENESIS: AuditHead = { seq: 0, hash: '0'.repeat(64) };

/** Characters that each text of an entry has at most, the mark of what was cut included. */
const AUDIT_TEXT = 512;
const CUT_MARK = '…';

/** Callers choose names, and some ways of asking give them megabytes for one. Half a pair of surrogates is not kept. */
function bounded(text: string): string {
  if (text.length <= AUDIT_TEXT) return text;
  return text.slice(0, AUDIT_TEXT - CUT_MARK.length).replace(/[\ud800-\udbff]$/, '') + CUT_MARK;
}

const boundedMaybe = (text: string | undefined): string | undefined => (text === undefined ? text : bounded(text));

function digest(content: Omit<AuditEntry, 'hash'>): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** The entry of an event that follows the end of a chain. */
export function seal({ seq, hash }: AuditHead, time: string, event: AuditEvent): AuditEntry {
  const { caller, operation, transport, model, version, outcome, request, trace } = event;
  const content = {
    ...{ seq: seq + 1, time, prev: hash },
    ...{ caller: bounded(caller), operation: bounded(operation), transport },
    ...{ model: boundedMaybe(model), version: boundedMaybe(version), outcome: bounded(outcome) },
    ...{ request: bounded(request), trace: boundedMaybe(trace) },
  };
  return { ...content, hash: digest(content) };
}

/** A line as an entry; undefined for what is none. That it is whole and unchanged is checked elsewhere. */
export function asEntry(line: string): (AuditEntry & Readonly<Record<string, unknown>>) | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as AuditEntry & Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Follows a chain entry by entry. */
export class ChainCheck {
  private taken = 0;

  /** @param end entry that the first line has to follow */
  constructor(private end: AuditHead = GENESIS) {}

  /** The last entry. */
  get head(): AuditHead {
    return this.end;
  }

  /** Number of the line that comes next, counted from 1. */
  get line(): number {
    return this.taken + 1;
  }

  /** Takes the next line; answers what is wrong with it, where something is. */
  fault(line: string): string | undefined {
    const entry = asEntry(line);
    if (entry === undefined) return 'is not an entry';
    const { hash, ...content } = entry;
    if (entry.seq !== this.end.seq + 1) return `has number ${entry.seq} after ${this.end.seq}`;
    if (entry.prev !== this.end.hash) return 'does not follow the entry before it';
    if (digest(content) !== hash || JSON.stringify(entry) !== line) return 'was changed';
    this.end = { seq: entry.seq, hash };
    this.taken += 1;
    return undefined;
  }
}

/** What checking a chain found. */
export type AuditVerdict =
  | { readonly ok: true; readonly head: AuditHead }
  | { readonly ok: false; readonly line: number; readonly fault: string };

/**
 * Checks that nothing in an audit log was changed, dropped, put in or moved.
 *
 * @param text content of the file; of several, one after the other in the order of their names, the one that is written last
 * @param head where the chain has to have come to at least, from another place; without it a cut end is not seen
 */
export function verifyAudit(text: string, head: AuditHead = GENESIS): AuditVerdict {
  const lines = text.split('\n');
  // A last line without its end is one that was being written.
  if (lines.pop() !== '') return { ok: false, line: lines.length + 1, fault: 'has no end' };
  const check = new ChainCheck();
  let met = head.seq === 0;
  for (const line of lines) {
    const fault = check.fault(line);
    if (fault !== undefined) return { ok: false, line: check.line, fault };
    if (check.head.seq === head.seq) met = check.head.hash === head.hash;
  }
  if (!met) return { ok: false, line: lines.length, fault: `does not lead to entry ${head.seq} as it was reported` };
  return { ok: true, head: check.head };
}

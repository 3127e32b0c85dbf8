import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { StartError } from './errors';

/** What the audit log says of one operation. Never a payload, a key or a token. */
export interface AuditEvent {
  /** Who: method and id of the caller, or `anonymous`. */
  readonly caller: string;
  /** Id of the operation. */
  readonly operation: string;
  /** `http` or `grpc`. */
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

const GENESIS: AuditHead = { seq: 0, hash: '0'.repeat(64) };
/** Entries after which the head is reported, so that it stands in a second place. */
const ANCHOR_EVERY = 1_000;

function digest(content: Omit<AuditEntry, 'hash'>): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

function seal({ seq, hash }: AuditHead, time: string, event: AuditEvent): AuditEntry {
  const { caller, operation, transport, model, version, outcome, request, trace } = event;
  const content = {
    ...{ seq: seq + 1, time, prev: hash, caller, operation, transport },
    ...{ model, version, outcome, request, trace },
  };
  return { ...content, hash: digest(content) };
}

/** What checking a chain found. */
export type AuditVerdict =
  | { readonly ok: true; readonly head: AuditHead }
  | { readonly ok: false; readonly line: number; readonly fault: string };

function asEntry(line: string): (AuditEntry & Readonly<Record<string, unknown>>) | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as AuditEntry & Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function faultOf(line: string, before: AuditHead): string | undefined {
  const entry = asEntry(line);
  if (entry === undefined) return 'is not an entry';
  const { hash, ...content } = entry;
  if (entry.seq !== before.seq + 1) return `has number ${entry.seq} after ${before.seq}`;
  if (entry.prev !== before.hash) return 'does not follow the entry before it';
  if (digest(content) !== hash || JSON.stringify(entry) !== line) return 'was changed';
  return undefined;
}

/**
 * Checks that nothing in an audit log was changed, dropped, put in or moved.
 *
 * @param text content of the file
 * @param head where the chain has to have come to at least, from another place; without it a cut end is not seen
 */
export function verifyAudit(text: string, head: AuditHead = GENESIS): AuditVerdict {
  const lines = text.split('\n');
  // A last line without its end is one that was being written.
  if (lines.pop() !== '') return { ok: false, line: lines.length + 1, fault: 'has no end' };
  let current = GENESIS;
  let met = head.seq === 0;
  for (const [index, line] of lines.entries()) {
    const fault = faultOf(line, current);
    if (fault !== undefined) return { ok: false, line: index + 1, fault };
    const { seq, hash } = JSON.parse(line) as AuditEntry;
    current = { seq, hash };
    if (seq === head.seq) met = hash === head.hash;
  }
  if (!met) return { ok: false, line: lines.length, fault: `does not lead to entry ${head.seq} as it was reported` };
  return { ok: true, head: current };
}

/** Options of an {@link AuditLog}. */
export interface AuditLogOptions {
  readonly file: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told the end of the chain now and then, so that it stands in a second place. */
  readonly anchor: (head: AuditHead) => void;
  /** Told once that the file can no longer be written. */
  readonly failed: (error: unknown) => void;
}

function openChain(file: string): { readonly fd: number; readonly head: AuditHead } {
  try {
    const fd = fs.openSync(file, 'a+', 0o600);
    if (!fs.fstatSync(fd).isFile()) return { fd, head: GENESIS };
    const content = fs.readFileSync(file);
    // A last line without its end was being written when the process died: it never counted.
    const whole = content.subarray(0, content.lastIndexOf('\n') + 1);
    const verdict = verifyAudit(whole.toString('utf8'));
    if (verdict.ok) {
      if (whole.length < content.length) fs.ftruncateSync(fd, whole.length);
      return { fd, head: verdict.head };
    }
    fs.closeSync(fd);
    throw new StartError('LNMT8105', `line ${verdict.line} ${verdict.fault}`);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError('LNMT8105', error instanceof Error ? error.message : 'the file cannot be opened', error);
  }
}

/** A chain of entries, each with the hash of the one before, appended to a file. Written in batches, in order. */
export class AuditLog {
  private readonly fd: number;
  private head: AuditHead;
  private waiting: string[] = [];
  private writing: Promise<void> | undefined;
  private broken = false;

  /** True once the file can no longer be written. */
  get failed(): boolean {
    return this.broken;
  }

  /** @throws StartError LNMT8105 for a file that cannot be written or holds no chain */
  constructor(private readonly options: AuditLogOptions) {
    const { fd, head } = openChain(options.file);
    this.fd = fd;
    this.head = head;
  }

  /** Appends an entry. */
  record(event: AuditEvent): void {
    const entry = seal(this.head, new Date(this.options.now()).toISOString(), event);
    this.head = { seq: entry.seq, hash: entry.hash };
    // What can no longer be written is not gathered: memory would be the next to run out.
    if (!this.broken) this.waiting.push(`${JSON.stringify(entry)}\n`);
    if (entry.seq % ANCHOR_EVERY === 0) this.options.anchor(this.head);
    this.writing ??= this.write();
  }

  /** Writes what waits, down to the disk, and closes the file. */
  async close(): Promise<void> {
    await this.writing;
    if (this.head.seq > 0) this.options.anchor(this.head);
    fs.closeSync(this.fd);
  }

  private async write(): Promise<void> {
    while (this.waiting.length > 0 && !this.broken) {
      const text = this.waiting.join('');
      this.waiting = [];
      try {
        await append(this.fd, text);
      } catch (error) {
        this.broken = true;
        this.waiting = [];
        this.options.failed(error);
      }
    }
    this.writing = undefined;
  }
}

async function append(fd: number, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length;) {
    offset += await new Promise<number>((resolve, reject) => {
      fs.write(fd, bytes, offset, (error, written) => (error ? reject(error) : resolve(written)));
    });
  }
  await new Promise<void>((resolve, reject) => {
    fs.fdatasync(fd, (error) => (error && error.code !== 'EINVAL' ? reject(error) : resolve()));
  });
}

import { seal } from './audit-chain';
import type { AuditEvent, AuditHead } from './audit-chain';
import { AuditFile } from './audit-file';
import type { AuditFileOptions } from './audit-file';

export { verifyAudit } from './audit-chain';
export type { AuditEntry, AuditEvent, AuditHead, AuditVerdict } from './audit-chain';

/** Entries after which the head is reported, so that it stands in a second place. */
const ANCHOR_EVERY = 1_000;

/** Options of an {@link AuditLog}. */
export interface AuditLogOptions extends AuditFileOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told the end of the chain now and then, so that it stands in a second place. */
  readonly anchor: (head: AuditHead) => void;
  /** Told once that the file can no longer be written. */
  readonly failed: (error: unknown) => void;
}

/** A chain of entries, each with the hash of the one before, appended to a file. Written in batches, in order. */
export class AuditLog {
  private readonly file: AuditFile;
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
    this.file = AuditFile.open(options);
    this.head = this.file.head;
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
    this.file.close();
  }

  private async write(): Promise<void> {
    while (this.waiting.length > 0 && !this.broken) {
      const text = this.waiting.join('');
      // All that waits leads up to the head.
      const last = this.head.seq - this.waiting.length;
      this.waiting = [];
      try {
        await this.file.append(text, last);
      } catch (error) {
        this.broken = true;
        this.waiting = [];
        this.options.failed(error);
      }
    }
    this.writing = undefined;
  }
}

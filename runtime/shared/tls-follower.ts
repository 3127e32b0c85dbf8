import { X509Certificate } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { stateOf } from './file-state';
import { readTls } from './tls';
import type { TlsFiles, TlsMaterial } from './tls';

const POLL_MS = 1_000;

type Log = Pick<FastifyBaseLogger, 'info' | 'error'>;

/** How an attempt to take changed files ended. */
export type TlsOutcome = 'changed' | 'failed';

/** Tells listeners what to speak TLS with from now on. */
export interface TlsChanges {
  /** Told of files that have changed and fit together. */
  onChange(listener: (material: TlsMaterial) => void): void;
  /** Told how each attempt ended. */
  onOutcome(listener: (outcome: TlsOutcome) => void): void;
}

const statesOf = ({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: TlsFiles): string =>
  [tlsCertFile, tlsKeyFile, tlsClientCaFile].map(stateOf).join('|');

/**
 * Certificate, key and client authorities, followed as they change: certificates are renewed while servers run. They are
 * polled through `stat`, because a Secret is updated by swapping a link of a parent folder, which file watchers do not see.
 * Files that cannot be read or do not fit together leave what was good before in use, and are tried again.
 */
export class TlsFollower implements TlsChanges {
  private readonly changes: ((material: TlsMaterial) => void)[] = [];
  private readonly outcomes: ((outcome: TlsOutcome) => void)[] = [];
  /** State that failed last, so that one fault is told once. */
  private failed: string | undefined;
  private readonly timer: NodeJS.Timeout;

  /** Undefined where no files are named. @throws StartError LNMT8107 */
  static open(files: TlsFiles, log: Log): TlsFollower | undefined {
    // Taken before the content, so that a change between the two is seen at the next poll.
    const state = statesOf(files);
    const material = readTls(files);
    return material && new TlsFollower(files, log, state, material);
  }

  private constructor(
    private readonly files: TlsFiles,
    private readonly log: Log,
    private state: string,
    private material: TlsMaterial,
  ) {
    this.timer = setInterval(() => this.poll(), POLL_MS).unref();
  }

  /** What is in use. */
  get current(): TlsMaterial {
    return this.material;
  }

  onChange(listener: (material: TlsMaterial) => void): void {
    this.changes.push(listener);
  }

  onOutcome(listener: (outcome: TlsOutcome) => void): void {
    this.outcomes.push(listener);
  }

  /** Stops following the files. */
  close(): void {
    clearInterval(this.timer);
  }

  private poll(): void {
    let state = 'unknown';
    try {
      state = statesOf(this.files);
      if (state === this.state) return;
      const material = readTls(this.files);
      if (material === undefined) return;
      for (const listener of this.changes) listener(material);
      [this.state, this.material, this.failed] = [state, material, undefined];
      this.log.info({ until: new X509Certificate(material.cert).validTo }, 'TLS certificate reloaded');
      this.tell('changed');
    } catch (error) {
      if (state === this.failed) return;
      this.failed = state;
      this.log.error({ err: error }, 'TLS certificate not reloaded, the last good one stays');
      this.tell('failed');
    }
  }

  private tell(outcome: TlsOutcome): void {
    for (const listener of this.outcomes) listener(outcome);
  }
}

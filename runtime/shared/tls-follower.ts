import { X509Certificate } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { FileFollower } from './file-follower';
import { readTls } from './tls';
import type { TlsFiles, TlsMaterial } from './tls';

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

function read(files: TlsFiles): TlsMaterial {
  const material = readTls(files);
  if (material === undefined) throw new TypeError('no files of TLS are named; this is a bug');
  return material;
}

/** Certificate, key and client authorities, followed as they change: certificates are renewed while servers run. */
export class TlsFollower implements TlsChanges {
  private readonly changes: ((material: TlsMaterial) => void)[] = [];
  private readonly outcomes: ((outcome: TlsOutcome) => void)[] = [];
  private readonly follower: FileFollower<TlsMaterial>;

  /** Undefined where no files are named. @throws StartError LNMT8107 */
  static open(files: TlsFiles, log: Log): TlsFollower | undefined {
    const { tlsCertFile, tlsKeyFile } = files;
    return tlsCertFile === undefined || tlsKeyFile === undefined ? undefined : new TlsFollower(files, log);
  }

  private constructor(files: TlsFiles, log: Log) {
    const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = files;
    this.follower = new FileFollower({
      files: [tlsCertFile, tlsKeyFile, tlsClientCaFile].filter((file) => file !== undefined),
      read: () => read(files),
      changed: (material) => {
        for (const listener of this.changes) listener(material);
        log.info({ until: new X509Certificate(material.cert).validTo }, 'TLS certificate reloaded');
        this.tell('changed');
      },
      failed: (error) => {
        log.error({ err: error }, 'TLS certificate not reloaded, the last good one stays');
        this.tell('failed');
      },
    });
  }

  /** What is in use. */
  get current(): TlsMaterial {
    return this.follower.current;
  }

  /** True while the files hold what was not taken, and the last good ones are in use. */
  get refused(): boolean {
    return this.follower.refused;
  }

  onChange(listener: (material: TlsMaterial) => void): void {
    this.changes.push(listener);
  }

  onOutcome(listener: (outcome: TlsOutcome) => void): void {
    this.outcomes.push(listener);
  }

  /** Stops following the files. */
  close(): void {
    this.follower.close();
  }

  private tell(outcome: TlsOutcome): void {
    for (const listener of this.outcomes) listener(outcome);
  }
}

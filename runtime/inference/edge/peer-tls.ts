import fs from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { FastifyBaseLogger } from 'fastify';
import { StartError } from '../../shared/errors';
import { checkAuthorities } from '../../shared/tls';

const LOOK_MS = 5_000;

/** PEM files by which servers know one another. */
export interface PeerTlsFiles {
  /** Those who certify the other server. @default - the public authorities */
  readonly ca?: string | undefined;
  /** Chain of the certificate that this server shows. @default - none */
  readonly cert?: string | undefined;
  /** Key of that certificate. */
  readonly key?: string | undefined;
}

type Material = Readonly<Record<keyof PeerTlsFiles, Buffer | undefined>>;

const isSame = (one: Material, other: Material): boolean =>
  (['ca', 'cert', 'key'] as const).every((kind) => String(one[kind]) === String(other[kind]));

/** What servers know one another by. What is new is taken within seconds; while it is not good, the last one stays. */
export class PeerTls {
  private material: Material;
  private lookedAt: number;
  /** True while the files are not good, so that it is told once. */
  private failing = false;

  /** Undefined where no files are named. @param now milliseconds of a monotonic clock @throws StartError LNMT8114 */
  static open(files: PeerTlsFiles, now: () => number, log: Pick<FastifyBaseLogger, 'error'>): PeerTls | undefined {
    const named = Object.values(files).filter((file) => file !== undefined);
    if (named.length === 0) return undefined;
    try {
      return new PeerTls(files, now, log);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new StartError('LNMT8114', `${named.join(', ')}: ${why}`, error);
    }
  }

  private constructor(
    private readonly files: PeerTlsFiles,
    private readonly now: () => number,
    private readonly log: Pick<FastifyBaseLogger, 'error'>,
  ) {
    this.material = this.read();
    this.lookedAt = now();
  }

  /** What connections are opened with now: the same object until the files change. */
  get current(): Material {
    if (this.now() - this.lookedAt >= LOOK_MS) this.look();
    return this.material;
  }

  private look(): void {
    this.lookedAt = this.now();
    try {
      const found = this.read();
      if (!isSame(found, this.material)) this.material = found;
      this.failing = false;
    } catch (error) {
      if (!this.failing)
        this.log.error({ err: error }, 'TLS files of another server not reloaded, the last good ones stay');
      this.failing = true;
    }
  }

  private read(): Material {
    const { ca, cert, key } = this.files;
    const content = (file: string | undefined): Buffer | undefined =>
      file === undefined ? undefined : fs.readFileSync(file);
    const material = { ca: content(ca), cert: content(cert), key: content(key) };
    createSecureContext(material);
    if (material.ca !== undefined) checkAuthorities(material.ca);
    return material;
  }
}

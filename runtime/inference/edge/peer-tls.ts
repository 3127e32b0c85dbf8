import fs from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { FastifyBaseLogger } from 'fastify';
import { StartError } from '../../shared/errors';
import { FileFollower } from '../../shared/file-follower';
import { checkAuthorities } from '../../shared/tls';

/** PEM files by which servers know one another. */
export interface PeerTlsFiles {
  /** Those who certify the other server. @default - the public authorities */
  readonly ca?: string | undefined;
  /** Chain of the certificate that this server shows. @default - none */
  readonly cert?: string | undefined;
  /** Key of that certificate. */
  readonly key?: string | undefined;
}

/** What is in the files. */
export type PeerTlsMaterial = Readonly<Record<keyof PeerTlsFiles, Buffer | undefined>>;

function read({ ca, cert, key }: PeerTlsFiles): PeerTlsMaterial {
  const content = (file: string | undefined): Buffer | undefined =>
    file === undefined ? undefined : fs.readFileSync(file);
  const material = { ca: content(ca), cert: content(cert), key: content(key) };
  createSecureContext(material);
  if (material.ca !== undefined) checkAuthorities(material.ca);
  return material;
}

/** Follows what servers know one another by; undefined where no files are named. @throws StartError LNMT8114 */
export function followPeerTls(
  files: PeerTlsFiles,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
): FileFollower<PeerTlsMaterial> | undefined {
  const named = Object.values(files).filter((file) => file !== undefined);
  if (named.length === 0) return undefined;
  try {
    return new FileFollower({
      files: named,
      read: () => read(files),
      changed: () => log.info('TLS files of another server reloaded'),
      failed: (err) => log.error({ err }, 'TLS files of another server not reloaded, the last good ones stay'),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError('LNMT8114', `${named.join(', ')}: ${why}`, error);
  }
}

import { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import { createSecureContext } from 'node:tls';
import { StartError } from './errors';
import { codeOf } from './file-state';

/** Where the PEM files are. */
export interface TlsFiles {
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly tlsClientCaFile?: string | undefined;
}

/** What a listener speaks TLS with. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Who issues client certificates; clients are asked for one. @default - they are not */
  readonly ca?: Buffer;
}

/** Oldest version that is spoken. */
export const MIN_TLS_VERSION = 'TLSv1.2';

function read(file: string): Buffer {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new StartError('LNMT8107', `${file} cannot be read (${codeOf(error)})`, error);
  }
}

const CERTIFICATE = /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*CERTIFICATE-----/g;

/** TLS takes authorities that it cannot read for none, and would then refuse every peer. @throws Error */
export function checkAuthorities(ca: Buffer): void {
  const found = ca.toString('latin1').match(CERTIFICATE);
  if (found === null) throw new Error('there is no certificate of an authority');
  for (const certificate of found) new X509Certificate(certificate);
}

/**
 * Reads certificate, key and client authorities; undefined where none are named.
 *
 * @throws StartError LNMT8107
 */
export function readTls({ tlsCertFile, tlsKeyFile, tlsClientCaFile }: TlsFiles): TlsMaterial | undefined {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  const ca = tlsClientCaFile === undefined ? {} : { ca: read(tlsClientCaFile) };
  const material = { cert: read(tlsCertFile), key: read(tlsKeyFile), ...ca };
  try {
    createSecureContext(material);
    if (material.ca !== undefined) checkAuthorities(material.ca);
  } catch (error) {
    throw new StartError('LNMT8107', 'certificate, key and authorities do not fit together', error);
  }
  return material;
}

import { X509Certificate } from 'node:crypto';
import type * as Specs from '@sigstore/protobuf-specs';
import type { TrustMaterial, toTrustMaterial } from '@sigstore/verify';
import { StartError } from '../../shared/errors';

const MEDIA_TYPE = 'application/vnd.dev.sigstore.trustedroot';

/** What of the libraries is needed. */
export interface RootReader {
  readonly TrustedRoot: typeof Specs.TrustedRoot;
  readonly toTrustMaterial: typeof toTrustMaterial;
}

/** Lists of a root without which no signature could ever be accepted, and what they hold. */
const NEEDED = {
  certificateAuthorities: 'certificate authority',
  tlogs: 'transparency log',
  ctlogs: 'log of certificates',
} as const;

function read<T>(parse: () => T, problem: string): T {
  try {
    return parse();
  } catch (error) {
    throw new StartError('LNMT8112', problem, error);
  }
}

/** The library reads certificates when they are needed; one that is broken should be known at start. */
function checkCertificates({ certificateAuthorities, timestampAuthorities }: Specs.TrustedRoot): void {
  for (const { certChain } of [...certificateAuthorities, ...timestampAuthorities]) {
    const certificates = certChain?.certificates ?? [];
    if (certificates.length === 0) throw new Error('an authority without a certificate');
    for (const { rawBytes } of certificates) new X509Certificate(rawBytes);
  }
}

/**
 * Reads a trusted root of Sigstore: authorities and logs, with the times in which each of them counts.
 *
 * @param setting name of the setting that names the file
 * @throws StartError LNMT8112
 * @see https://github.com/sigstore/protobuf-specs
 */
export function readTrustedRoot(text: string, setting: string, reader: RootReader): TrustMaterial {
  const document = read<unknown>(() => JSON.parse(text), `${setting} is not JSON`);
  const { mediaType } = (document ?? {}) as { readonly mediaType?: unknown };
  if (typeof mediaType !== 'string' || !mediaType.startsWith(MEDIA_TYPE)) {
    throw new StartError('LNMT8112', `${setting} is no trusted root of Sigstore, which says mediaType ${MEDIA_TYPE}…`);
  }
  const broken = `${setting} holds something that cannot be read`;
  const root = read(() => reader.TrustedRoot.fromJSON(document), broken);
  for (const [list, kind] of Object.entries(NEEDED)) {
    if (root[list as keyof typeof NEEDED].length === 0) throw new StartError('LNMT8112', `${setting} names no ${kind}`);
  }
  return read(() => {
    checkCertificates(root);
    return reader.toTrustMaterial(root);
  }, broken);
}

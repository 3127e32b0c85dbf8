import type { X509Certificate } from 'node:crypto';
import { signatureRefused } from './errors';

const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const DEPTH = 8;

const isValidAt = (certificate: X509Certificate, time: Date): boolean =>
  new Date(certificate.validFrom) <= time && time <= new Date(certificate.validTo);

const isIssuer = (issuer: X509Certificate, certificate: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/** Names that a certificate gives its holder: e-mail addresses, URIs and host names. */
export function identitiesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName.split(', ').flatMap((entry) => {
    const [, value] = /^(?:email|URI|DNS):(.+)$/.exec(entry) ?? [];
    return value === undefined ? [] : [value];
  });
}

/** Whether a certificate is made for signing code, and for nothing above it. */
export function isForSigning({ ca, keyUsage }: X509Certificate): boolean {
  return !ca && (keyUsage as readonly string[] | undefined)?.includes(CODE_SIGNING) === true;
}

/**
 * The certificate of the signer, once a chain leads from it to an authority. Nobody attests when a signature was
 * made, so what counts is that the chain held when the certificate was issued.
 *
 * @throws ModelError LNMT8312 where none does
 */
export function trustedSigner(
  chain: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): X509Certificate {
  const [signer, ...between] = chain;
  if (signer === undefined) throw signatureRefused('it has no certificate');
  const isForAll = !signer.ca && (signer.keyUsage as readonly string[] | undefined) === undefined;
  if (!isForAll && !isForSigning(signer)) {
    throw signatureRefused('the certificate of the signer is not for signing');
  }
  const time = new Date(signer.validFrom);
  let current = signer;
  for (let depth = 0; depth < DEPTH; depth += 1) {
    const holder = current;
    if (authorities.some((root) => isIssuer(root, holder) && isValidAt(root, time))) return signer;
    const next = between.find((other) => other !== holder && isIssuer(other, holder) && isValidAt(other, time));
    if (next === undefined) break;
    current = next;
  }
  throw signatureRefused('no trusted authority stands behind the certificate of the signer');
}

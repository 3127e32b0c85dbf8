import type { X509Certificate } from 'node:crypto';
import type { Signer } from '@sigstore/verify';
import { identitiesOf } from './certificates';

/** A signer without a key of their own: the name in the certificate, and the provider who vouches for it. */
export interface KeylessIdentity {
  /** E-mail address or URI. */
  readonly identity: string;
  /** URL of the OpenID Connect issuer. */
  readonly issuer: string;
}

/** Extensions of a certificate, as the library has read them. */
export type Extensions = NonNullable<NonNullable<Signer['identity']>['oids']>;

/** What separates the two is in no URL; an identity may have it. */
const ENTRY = /^(\S(?:.*\S)?)\|(https:\/\/[^\s|]+)$/;

/** Where Fulcio says who vouched: as a DER string, and as bare text in older certificates. */
const ISSUER = { string: '1.3.6.1.4.1.57264.1.8', text: '1.3.6.1.4.1.57264.1.1' } as const;
const UTF8_STRING = 0x0c;

/** Reads `IDENTITY|ISSUER`; undefined for anything else. */
export function parseIdentity(entry: string): KeylessIdentity | undefined {
  const [, identity, issuer] = ENTRY.exec(entry) ?? [];
  return identity === undefined || issuer === undefined ? undefined : { identity, issuer };
}

function derString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const long = bytes.length < 0x80 ? [] : bytes.length <= 0xff ? [0x81] : [0x82, bytes.length >> 8];
  return Buffer.concat([Buffer.from([UTF8_STRING, ...long, bytes.length & 0xff]), bytes]);
}

/** Bytes are compared, because the library reads them as ASCII, where different ones look alike. */
function isVouchedBy(extensions: Extensions, issuer: string): boolean {
  const valueOf = (oid: string): Buffer | undefined =>
    extensions.find((extension) => extension.oid?.id.join('.') === oid)?.value;
  const string = valueOf(ISSUER.string);
  if (string !== undefined) return derString(issuer).equals(string);
  return valueOf(ISSUER.text)?.equals(Buffer.from(issuer)) === true;
}

/** Whether the holder of a certificate is one of these, by whole names and by who vouches for them. */
export function isAmong(
  identities: readonly KeylessIdentity[],
  certificate: X509Certificate,
  extensions: Extensions,
): boolean {
  const names = identitiesOf(certificate);
  return identities.some(({ identity, issuer }) => names.includes(identity) && isVouchedBy(extensions, issuer));
}

import { X509Certificate } from 'node:crypto';
import { signatureRefused } from './errors';

/** What a signature says about who made it. */
export type SignerClaim =
  | {
      readonly kind: 'key';
      /** SHA-256 of the public key in PEM, lower-case hexadecimal; empty where the signer does not say. */
      readonly hint: string;
    }
  | {
      readonly kind: 'certificates';
      /** That of the signer first, then those between it and an authority. */
      readonly chain: readonly X509Certificate[];
    };

/** What is signed. @see https://github.com/secure-systems-lab/dsse */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Buffer;
}

/** A signed envelope. */
export interface Bundle extends Envelope {
  readonly signature: Buffer;
  readonly signer: SignerClaim;
  /** True where an entry of a transparency log goes with it. */
  readonly logged: boolean;
  /** All of it, for those who look at more. */
  readonly document: unknown;
}

const MAX_CERTIFICATES = 8;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

type Fields = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function bytesOf(value: unknown, where: string): Buffer {
  if (typeof value !== 'string' || value === '' || !BASE64.test(value))
    throw signatureRefused(`${where} is not base64`);
  return Buffer.from(value, 'base64');
}

function certificateOf(value: unknown): X509Certificate {
  const bytes = bytesOf(objectOf(value)['rawBytes'], 'a certificate');
  try {
    return new X509Certificate(bytes);
  } catch {
    throw signatureRefused('a certificate cannot be read');
  }
}

function signerOf(material: Fields): SignerClaim {
  const chain = listOf(objectOf(material['x509CertificateChain'])['certificates']);
  const certificates = material['certificate'] === undefined ? chain : [material['certificate']];
  if (certificates.length > MAX_CERTIFICATES)
    throw signatureRefused(`it has more than ${MAX_CERTIFICATES} certificates`);
  if (certificates.length > 0) return { kind: 'certificates', chain: certificates.map(certificateOf) };
  const key = material['publicKey'];
  if (key === undefined) throw signatureRefused('it names neither a key nor a certificate');
  const { hint } = objectOf(key);
  return { kind: 'key', hint: typeof hint === 'string' ? hint.toLowerCase() : '' };
}

/**
 * Reads a Sigstore bundle with one signature over an envelope.
 *
 * @throws ModelError LNMT8312 for anything else
 * @see https://github.com/sigstore/protobuf-specs
 */
export function parseBundle(text: string): Bundle {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw signatureRefused('it is not JSON');
  }
  const { dsseEnvelope, verificationMaterial } = objectOf(document);
  const { payload, payloadType, signatures } = objectOf(dsseEnvelope);
  const [first, ...others] = listOf(signatures);
  if (typeof payloadType !== 'string' || first === undefined || others.length > 0) {
    throw signatureRefused('it is no bundle with one signature over an envelope');
  }
  const material = objectOf(verificationMaterial);
  return {
    payloadType,
    payload: bytesOf(payload, 'the payload'),
    signature: bytesOf(objectOf(first)['sig'], 'the signature'),
    signer: signerOf(material),
    logged: listOf(material['tlogEntries']).length > 0,
    document,
  };
}

/** The bytes that are signed: the payload and its type, each with its length. */
export function signedBytes({ payloadType, payload }: Envelope): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

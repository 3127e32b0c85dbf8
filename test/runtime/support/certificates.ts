import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A certificate with its key, in PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

const OID = {
  commonName: [0x55, 0x04, 0x03],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  basicConstraints: [0x55, 0x1d, 0x13],
  subjectAltName: [0x55, 0x1d, 0x11],
  extendedKeyUsage: [0x55, 0x1d, 0x25],
  serverAuth: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
  codeSigning: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03],
} as const;

function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
const oid = (bytes: readonly number[]): Buffer => tlv(0x06, Buffer.from(bytes));
const algorithm = (): Buffer => sequence(oid(OID.ecdsaWithSha256));
const named = (name: string): Buffer =>
  sequence(tlv(0x31, sequence(oid(OID.commonName), tlv(0x0c, Buffer.from(name)))));
const moment = (text: string): Buffer => tlv(0x18, Buffer.from(text));
const extension = (id: readonly number[], value: Buffer): Buffer => sequence(oid(id), tlv(0x04, value));

/** Alternative names: `URI:…`, `DNS:…` or `IP:` with a dotted address. */
function alternatives(names: readonly string[]): Buffer {
  const entries = names.map((name) => {
    const [kind = '', value = ''] = [name.slice(0, name.indexOf(':')), name.slice(name.indexOf(':') + 1)];
    if (kind === 'IP') return tlv(0x87, Buffer.from(value.split('.').map(Number)));
    return tlv(kind === 'URI' ? 0x86 : 0x82, Buffer.from(value));
  });
  return sequence(...entries);
}

const pem = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
    .trimEnd()}\n-----END ${label}-----\n`;

const authority = (): Buffer => extension(OID.basicConstraints, sequence(tlv(0x01, Buffer.from([0xff]))));

/** What a certificate is for, beside naming its holder. */
export type Purpose = 'serverAuth' | 'codeSigning';

/** An authority made for one test. */
export class TestAuthority {
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  /** Its own certificate, in PEM. */
  readonly cert: string;

  /** @param above who certifies it; itself when absent */
  constructor(
    private readonly name: string,
    above?: TestAuthority,
  ) {
    this.cert = (above ?? this).certify(name, this.keys.publicKey, [authority()]);
  }

  /** Issues a certificate. */
  issue(name: string, names: readonly string[], purpose?: Purpose): Certified {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const extensions = [
      ...(names.length > 0 ? [extension(OID.subjectAltName, alternatives(names))] : []),
      ...(purpose ? [extension(OID.extendedKeyUsage, sequence(oid(OID[purpose])))] : []),
    ];
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: this.certify(name, publicKey, extensions), key };
  }

  private certify(subject: string, key: KeyObject, extensions: readonly Buffer[]): string {
    const serial = createHash('sha256').update(randomBytes(16)).digest().subarray(0, 8);
    const content = sequence(
      tlv(0xa0, tlv(0x02, Buffer.from([2]))),
      tlv(0x02, Buffer.concat([Buffer.from([1]), serial])),
      algorithm(),
      named(this.name),
      sequence(moment('20200101000000Z'), moment('20991231235959Z')),
      named(subject),
      key.export({ type: 'spki', format: 'der' }),
      ...(extensions.length > 0 ? [tlv(0xa3, sequence(...extensions))] : []),
    );
    const signature = sign('sha256', content, this.keys.privateKey);
    return pem('CERTIFICATE', sequence(content, algorithm(), tlv(0x03, Buffer.from([0]), signature)));
  }
}

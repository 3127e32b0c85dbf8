import { createHash, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
// By their files: the package as a whole replaces the HTTP client of the process.
import { fulcioHandler, initializeCA, initializeCTLog } from '@sigstore/mock/dist/fulcio/index.js';
import type { CA } from '@sigstore/mock/dist/fulcio/index.js';
import { initializeTLog } from '@sigstore/mock/dist/rekor/index.js';
import type { TLog } from '@sigstore/mock/dist/rekor/index.js';
import { initializeTSA } from '@sigstore/mock/dist/timestamp/index.js';
import type { TSA } from '@sigstore/mock/dist/timestamp/index.js';
import { signedBytes } from '../../../runtime/inference/signing/bundle';
import { STATEMENT } from '../../../runtime/inference/signing/statement';

const OID = { issuer: '1.3.6.1.4.1.57264.1.8', oldIssuer: '1.3.6.1.4.1.57264.1.1', sha256: '2.16.840.1.101.3.4.2.1' };
const LOG_URL = 'https://rekor.test';

/** An entry of a transparency log, as bundles have it. */
export interface LogEntry {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: {
    logIndex: string;
    rootHash: string;
    treeSize: string;
    hashes: string[];
    checkpoint: { envelope: string };
  };
  canonicalizedBody: string;
}

/** A keyless bundle, which tests break. */
export interface KeylessBundle {
  mediaType: string;
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
    tlogEntries: LogEntry[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string; keyid: string }[] };
}

/** A trusted root, which tests break. */
export interface TrustedRootDocument {
  mediaType: string;
  tlogs: unknown[];
  certificateAuthorities: unknown[];
  ctlogs: unknown[];
  timestampAuthorities: unknown[];
}

/** Who signs, and how. */
export interface KeylessSigner {
  readonly identity: string;
  readonly issuer: string;
  /** `first` puts an entry with a time into the log, `second` one without, and has the time attested. @default 'first' */
  readonly log?: 'first' | 'second';
  /** Says the issuer only as certificates said it at first. @default false */
  readonly oldIssuer?: boolean;
}

/** When things happen. @default - now */
export interface Clocks {
  readonly certificate?: Date;
  readonly log?: Date;
}

/** What a log answers to a new entry. */
interface Logged {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly rootHash: string;
      readonly treeSize: number;
      readonly checkpoint: string;
    };
  };
}

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const digest = (content: Uint8Array): Buffer => createHash('sha256').update(content).digest();
const base64 = (view: ArrayBufferView): string =>
  Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64');
const fromHex = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');

/** Sigstore in one process: an authority, a log of certificates, a transparency log and a timestamp authority. */
export class TestSigstore {
  private constructor(
    private readonly parts: { readonly ca: CA; readonly log: TLog; readonly tsa: () => Promise<TSA> },
    /** `trusted_root.json` of it. */
    readonly root: TrustedRootDocument,
  ) {}

  /** Makes one; what it certifies and logs has the time of the clocks. */
  static async create(clocks: Clocks = {}): Promise<TestSigstore> {
    const ctlog = await initializeCTLog(newKeys(), clocks.certificate);
    const ca = await initializeCA(newKeys(), ctlog, clocks.certificate);
    const log = await initializeTLog(LOG_URL, newKeys(), clocks.log);
    const tsaKeys = newKeys();
    // The library reads times of whole seconds, as authorities give them, and three digits after them; others end in fewer.
    const tsaOf = (time: number): Promise<TSA> => initializeTSA(tsaKeys, new Date(time - (time % 1000)));
    const tsa = await tsaOf(Date.now());
    const validFor = { start: '2020-01-01T00:00:00Z' };
    const instance = (baseUrl: string, key: Buffer) => ({
      ...{ baseUrl, hashAlgorithm: 'SHA2_256', logId: { keyId: digest(key).toString('base64') } },
      publicKey: { rawBytes: key.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
    });
    const authority = (...certificates: readonly ArrayBufferView[]) => ({
      ...{ subject: { organization: 'sigstore.test', commonName: 'sigstore' }, uri: 'https://fulcio.test', validFor },
      certChain: { certificates: certificates.map((certificate) => ({ rawBytes: base64(certificate) })) },
    });
    return new TestSigstore(
      { ca, log, tsa: () => tsaOf(clocks.log?.getTime() ?? Date.now()) },
      {
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: [instance(LOG_URL, log.publicKey)],
        certificateAuthorities: [authority(ca.rootCertificate)],
        ctlogs: [instance('https://ctfe.test', ctlog.publicKey)],
        timestampAuthorities: [authority(tsa.intCertificate, tsa.rootCertificate)],
      },
    );
  }

  /** Certifies a key for some minutes; in PEM, with that of the authority. */
  async certify(publicKey: KeyObject, { identity, issuer, oldIssuer }: KeylessSigner): Promise<X509Certificate> {
    const extension = oldIssuer
      ? { oid: OID.oldIssuer, value: issuer, legacy: true }
      : { oid: OID.issuer, value: issuer };
    const bytes = await this.parts.ca.issueCertificate({
      publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      subjectAltName: identity,
      extensions: [extension],
    });
    return new X509Certificate(Buffer.from(base64(bytes), 'base64'));
  }

  /** Signs a statement. */
  async sign(statement: string, signer: KeylessSigner): Promise<KeylessBundle> {
    const { publicKey, privateKey } = newKeys();
    const certificate = await this.certify(publicKey, signer);
    const payload = Buffer.from(statement);
    const { payloadType } = STATEMENT;
    const signature = sign('sha256', signedBytes({ payloadType, payload }), privateKey);
    const isFirst = signer.log !== 'second';
    const entry = await this.enter(isFirst ? entryOf : secondEntryOf, { payload, signature, certificate });
    return {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: {
        certificate: { rawBytes: certificate.raw.toString('base64') },
        tlogEntries: [isFirst ? entry : withoutTime(entry)],
        timestampVerificationData: { rfc3161Timestamps: isFirst ? [] : [await this.timestamp(signature)] },
      },
      dsseEnvelope: {
        payload: payload.toString('base64'),
        payloadType,
        signatures: [{ sig: signature.toString('base64'), keyid: '' }],
      },
    };
  }

  /** Has a time attested for a signature. */
  async timestamp(signature: Buffer): Promise<{ signedTimestamp: string }> {
    const request = { artifactHash: digest(signature), hashAlgorithmOID: OID.sha256, nonce: 1, policyOID: '1.2.3.4' };
    const tsa = await this.parts.tsa();
    return { signedTimestamp: base64(await tsa.timestamp(request)) };
  }

  /** Answers a request for a certificate as the authority does on the network. */
  async requestCertificate(request: string): Promise<string> {
    const { statusCode, response } = await fulcioHandler(this.parts.ca).fn(request);
    const text = typeof response === 'string' ? response : '';
    if (statusCode !== 201) throw new Error(`the authority refuses: ${text}`);
    return text;
  }

  /** What a log says about an entry, as its clients get it. */
  async log(entry: object): Promise<Readonly<Record<string, Logged>>> {
    return (await this.parts.log.log(entry)) as Readonly<Record<string, Logged>>;
  }

  private async enter(make: (signed: Signed) => Entry, signed: Signed): Promise<LogEntry> {
    const entry = make(signed);
    const [logged] = Object.values(await this.log(entry));
    if (logged === undefined) throw new Error('the log answers nothing');
    const { inclusionProof: proof, signedEntryTimestamp } = logged.verification;
    return {
      logIndex: String(logged.logIndex),
      logId: { keyId: fromHex(logged.logID) },
      kindVersion: { kind: entry.kind, version: entry.apiVersion },
      integratedTime: String(logged.integratedTime),
      inclusionPromise: { signedEntryTimestamp },
      inclusionProof: {
        ...{ logIndex: String(proof.logIndex), rootHash: fromHex(proof.rootHash), treeSize: String(proof.treeSize) },
        ...{ hashes: [], checkpoint: { envelope: proof.checkpoint } },
      },
      canonicalizedBody: logged.body,
    };
  }
}

/** What a log is told of a signature. */
export interface Signed {
  readonly payload: Buffer;
  readonly signature: Buffer;
  readonly certificate: X509Certificate;
  /** The envelope as it was sent, of which logs keep a digest that nobody can check later. @default - the signature */
  readonly envelope?: Uint8Array;
}

interface Entry {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: object;
}

/** The entry that the first generation of the log makes of an envelope. */
export const entryOf = ({ payload, signature, certificate, envelope = signature }: Signed): Entry => ({
  ...{ apiVersion: '0.0.1', kind: 'dsse' },
  spec: {
    envelopeHash: { algorithm: 'sha256', value: digest(envelope).toString('hex') },
    payloadHash: { algorithm: 'sha256', value: digest(payload).toString('hex') },
    signatures: [
      { signature: signature.toString('base64'), verifier: Buffer.from(certificate.toString()).toString('base64') },
    ],
  },
});

const secondEntryOf = ({ payload, signature, certificate }: Signed): Entry => ({
  ...{ apiVersion: '0.0.2', kind: 'dsse' },
  spec: {
    dsseV002: {
      payloadHash: { algorithm: 'SHA2_256', digest: digest(payload).toString('base64') },
      signatures: [
        {
          content: signature.toString('base64'),
          verifier: {
            keyDetails: 'PKIX_ECDSA_P256_SHA_256',
            x509Certificate: { rawBytes: certificate.raw.toString('base64') },
          },
        },
      ],
    },
  },
});

/** Logs of the second generation say no time, and promise nothing. */
function withoutTime({ inclusionPromise: _promise, ...entry }: LogEntry): LogEntry {
  return { ...entry, integratedTime: '0' };
}

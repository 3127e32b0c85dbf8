import { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../../runtime/inference/config';
import { identitiesOf, isForSigning } from '../../../../runtime/inference/signing/certificates';
import { parseIdentity } from '../../../../runtime/inference/signing/keyless-identity';
import { openSignatures } from '../../../../runtime/inference/signing/open';
import type { SignatureVerifier } from '../../../../runtime/inference/signing/verifier';
import { TestAuthority } from '../../support/certificates';
import { fileOf, statementOf } from '../../support/model-statement';
import { TestSigstore } from '../../support/sigstore';
import type { KeylessBundle, LogEntry, TrustedRootDocument } from '../../support/sigstore';
import { temporaryFolder } from '../../support/temporary';

const FILES = [fileOf('model.onnx', 'graph'), fileOf('weights/w.bin', 'weights')];
const STATEMENT = statementOf(FILES);
const ISSUER = 'https://token.actions.githubusercontent.com';
const IDENTITY = 'https://github.com/acme/models/.github/workflows/release.yml@refs/heads/main';
const SIGNER = { identity: IDENTITY, issuer: ISSUER };

const CODE = /^LNMT8312: the signature of the model is not accepted: /;
const UNTIMED = /nobody who is trusted attests when it was made/;
const UNCERTIFIED = /its certificate has no trusted authority and log of certificates behind it, or was not valid then/;
const UNLOGGED = /no transparency log that is trusted has it/;
const UNREADABLE = /it is no keyless bundle that can be read/;
const STRANGER = /its signer is not among those who are named/;

let sigstore: TestSigstore;
let other: TestSigstore;
let good: KeylessBundle;
let verifier: SignatureVerifier;

const written = (text: string): string => {
  const file = path.join(temporaryFolder(), 'trusted_root.json');
  fs.writeFileSync(file, text);
  return file;
};

const ENV = { LNMT_MODEL_NAME: 'm', LNMT_MODEL_VERSION: '1', LNMT_MODEL_URI: 'file:///models' };
const open = async (env: Readonly<Record<string, string>>) =>
  openSignatures(readConfig({ ...ENV, LNMT_SIGNATURE_POLICY: 'required', ...env }));

async function trusting(
  root: TrustedRootDocument,
  identities: readonly string[] = [`${IDENTITY}|${ISSUER}`],
  more: Readonly<Record<string, string>> = {},
): Promise<SignatureVerifier> {
  const opened = await open({
    LNMT_SIGNATURE_TRUSTED_ROOT_FILE: written(JSON.stringify(root)),
    LNMT_SIGNATURE_KEYLESS_IDENTITIES: identities.join(','),
    ...more,
  });
  if (opened === undefined) throw new Error('signatures are off');
  return opened;
}

const check = (bundle: KeylessBundle, by: SignatureVerifier = verifier) => by.check(JSON.stringify(bundle), FILES);

function refuses(bundle: KeylessBundle, message: RegExp, by?: SignatureVerifier): void {
  expect(() => check(bundle, by)).toThrow(CODE);
  expect(() => check(bundle, by)).toThrow(message);
}

/** The good bundle with something of it changed. */
function changed(change: (bundle: KeylessBundle) => void, from = good): KeylessBundle {
  const copy = structuredClone(from);
  change(copy);
  return copy;
}

const entryOf = ({ verificationMaterial }: KeylessBundle): LogEntry => {
  const [entry] = verificationMaterial.tlogEntries;
  if (entry === undefined) throw new Error('no entry');
  return entry;
};

const flipped = (base64: string): string => {
  const bytes = Buffer.from(base64, 'base64');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return bytes.toString('base64');
};

beforeAll(async () => {
  [sigstore, other] = await Promise.all([TestSigstore.create(), TestSigstore.create()]);
  good = await sigstore.sign(STATEMENT, SIGNER);
  verifier = await trusting(sigstore.root);
});

describe('a model that is signed by identity', () => {
  it('is accepted from who is named, with an entry in the log', () => {
    expect(() => check(good)).not.toThrow();
    expect(() => verifier.check(JSON.stringify(good), FILES.slice(0, 1))).toThrow(/signed and absent/);
    expect(() => verifier.check(JSON.stringify(good), [fileOf('model.onnx', 'other')])).toThrow(/was changed/);
  });

  it('is accepted with an entry of the second log and an attested time', async () => {
    const second = await sigstore.sign(STATEMENT, { ...SIGNER, log: 'second' });
    expect(() => check(second)).not.toThrow();
    refuses(
      changed((bundle) => delete bundle.verificationMaterial.timestampVerificationData, second),
      UNTIMED,
    );
    const foreign = { rfc3161Timestamps: [await other.timestamp(Buffer.from('x'))] };
    refuses(
      changed((bundle) => (bundle.verificationMaterial.timestampVerificationData = foreign), second),
      UNTIMED,
    );
    const unlogged = changed((bundle) => (bundle.verificationMaterial.tlogEntries = []), second);
    refuses(unlogged, UNLOGGED);
  });

  it('is accepted with the certificate in a chain, and with the issuer as older certificates say it', async () => {
    const chained = changed((bundle) => {
      const { certificate } = bundle.verificationMaterial;
      delete bundle.verificationMaterial.certificate;
      bundle.verificationMaterial.x509CertificateChain = { certificates: certificate ? [certificate] : [] };
      bundle.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2';
    });
    expect(() => check(chained)).not.toThrow();
    const old = await sigstore.sign(STATEMENT, { ...SIGNER, oldIssuer: true });
    expect(() => check(old)).not.toThrow();
    refuses(old, STRANGER, await trusting(sigstore.root, [`${IDENTITY}|https://other.example`]));
  });

  it('is accepted beside those that are signed with certificates of an authority', async () => {
    const ca = written(new TestAuthority('root').cert);
    const both = await trusting(sigstore.root, undefined, { LNMT_SIGNATURE_CA_FILE: ca });
    expect(() => check(good, both)).not.toThrow();
    const bare = changed((bundle) => (bundle.verificationMaterial.tlogEntries = []));
    refuses(bare, /no trusted authority stands behind/, both);
  });

  it('refuses whoever is not named as a whole, or by another provider', async () => {
    const [long, short] = [`https://evil.example/?${IDENTITY}`, IDENTITY.slice(0, -1)];
    const alike = IDENTITY.replace('github.com', 'githubXcom');
    for (const identity of [long, short, alike, IDENTITY.toUpperCase(), `${IDENTITY}/x`]) {
      refuses(await sigstore.sign(STATEMENT, { ...SIGNER, identity }), STRANGER);
    }
    for (const issuer of ['https://accounts.example.com', `${ISSUER}/`, ISSUER.slice(0, -1)]) {
      refuses(await sigstore.sign(STATEMENT, { ...SIGNER, issuer }), STRANGER);
    }
    const crossed = await trusting(sigstore.root, [`${IDENTITY}|https://a.example`, `someone@example.com|${ISSUER}`]);
    refuses(good, STRANGER, crossed);
    const several = await trusting(sigstore.root, [`a@example.com|https://a.example`, `${IDENTITY}|${ISSUER}`]);
    expect(() => check(good, several)).not.toThrow();
  });

  it('refuses a long issuer that differs at its end', async () => {
    const issuer = `https://${'i'.repeat(300)}.example`;
    const named = await trusting(sigstore.root, [`${IDENTITY}|${issuer}`]);
    const signed = await sigstore.sign(STATEMENT, { ...SIGNER, issuer });
    expect(() => check(signed, named)).not.toThrow();
    refuses(await sigstore.sign(STATEMENT, { ...SIGNER, issuer: `${issuer}x` }), STRANGER, named);
  });
});

describe('authorities and logs', () => {
  it.each(['certificateAuthorities', 'ctlogs'] as const)('that are others refuse the certificate: %s', async (list) => {
    refuses(good, UNCERTIFIED, await trusting({ ...sigstore.root, [list]: other.root[list] }));
  });

  it('that are others refuse the entry', async () => {
    refuses(good, UNLOGGED, await trusting({ ...sigstore.root, tlogs: other.root.tlogs }));
    refuses(await other.sign(STATEMENT, SIGNER), UNCERTIFIED);
  });

  it('count only in their time', async () => {
    const [authority] = sigstore.root.certificateAuthorities as object[];
    const past = { ...authority, validFor: { start: '2020-01-01T00:00:00Z', end: '2021-01-01T00:00:00Z' } };
    refuses(good, UNCERTIFIED, await trusting({ ...sigstore.root, certificateAuthorities: [past] }));
  });

  it('refuse a certificate that had expired when the signature was logged', async () => {
    const late = await TestSigstore.create({ log: new Date(Date.now() + 3_600_000) });
    refuses(await late.sign(STATEMENT, SIGNER), UNCERTIFIED, await trusting(late.root));
    const future = await TestSigstore.create({ certificate: new Date(Date.now() + 3_600_000) });
    refuses(await future.sign(STATEMENT, SIGNER), UNCERTIFIED, await trusting(future.root));
  });
});

describe('a bundle that was meddled with', () => {
  it('is refused without an entry, a time or an inclusion', () => {
    refuses(
      changed((bundle) => (bundle.verificationMaterial.tlogEntries = [])),
      UNTIMED,
    );
    refuses(
      changed((bundle) => delete entryOf(bundle).inclusionPromise),
      UNTIMED,
    );
    refuses(
      changed((bundle) => delete entryOf(bundle).inclusionProof),
      UNREADABLE,
    );
  });

  it.each<[string, (bundle: KeylessBundle) => void, RegExp]>([
    ['time', (b) => (entryOf(b).integratedTime = String(Number(entryOf(b).integratedTime) + 1)), UNLOGGED],
    ['place in the log', (b) => (entryOf(b).logIndex = '1'), UNLOGGED],
    [
      'place in the proof',
      (b) => Object.assign(entryOf(b).inclusionProof ?? {}, { logIndex: '9'.repeat(50) }),
      UNLOGGED,
    ],
    ['place that is no number', (b) => Object.assign(entryOf(b).inclusionProof ?? {}, { logIndex: 'x' }), UNREADABLE],
    ['body', (b) => (entryOf(b).canonicalizedBody = Buffer.from('{}').toString('base64')), UNLOGGED],
    [
      'promise',
      (b) =>
        (entryOf(b).inclusionPromise = {
          signedEntryTimestamp: flipped(entryOf(b).inclusionPromise?.signedEntryTimestamp ?? ''),
        }),
      UNLOGGED,
    ],
    ['hashes', (b) => Object.assign(entryOf(b).inclusionProof ?? {}, { hashes: ['AAAA'] }), UNLOGGED],
    ['kind', (b) => (entryOf(b).kindVersion = { kind: 'hashedrekord', version: '0.0.1' }), /that of another signature/],
    ['log', (b) => (entryOf(b).logId = { keyId: 'AAAA' }), UNLOGGED],
  ])('is refused with another %s of the entry', (_title, change, message) => refuses(changed(change), message));

  it('is refused with a checkpoint that another log signed, or nobody', async () => {
    const theirs = entryOf(await other.sign(STATEMENT, SIGNER));
    const checkpoint = (envelope: string) =>
      changed((bundle) => Object.assign(entryOf(bundle).inclusionProof ?? {}, { checkpoint: { envelope } }));
    refuses(checkpoint(theirs.inclusionProof?.checkpoint.envelope ?? ''), UNLOGGED);
    for (const envelope of ['', 'rekor.test\n1\nAAAA\n', 'rekor.test\n1\nAAAA\n\n', 'a\n\n\u2014 b c d\n']) {
      refuses(checkpoint(envelope), UNREADABLE);
    }
  });

  it('is refused at once when the name in a checkpoint is a slow expression', () => {
    const hint = Buffer.concat([Buffer.from(entryOf(good).logId.keyId, 'base64').subarray(0, 4), Buffer.alloc(8)]);
    for (const prefix of ['', '\u2014 x']) {
      const line = `${prefix}\u2014 ((((.*)*)*)*)*! ${hint.toString('base64')}\n`;
      const slow = changed((bundle) =>
        Object.assign(entryOf(bundle).inclusionProof ?? {}, {
          checkpoint: { envelope: `rekor.test\n1\nAAAA\n\n${line}` },
        }),
      );
      refuses(slow, UNREADABLE);
    }
  });

  it('is refused with the entry, the envelope or the certificate of another one by the same signer', async () => {
    const second = await sigstore.sign(statementOf([fileOf('model.onnx', 'another')]), SIGNER);
    refuses(
      changed((bundle) => (bundle.verificationMaterial.tlogEntries = second.verificationMaterial.tlogEntries)),
      /its entry in the transparency log is that of another signature/,
    );
    refuses(
      changed((bundle) => (bundle.dsseEnvelope = good.dsseEnvelope), second),
      /that of another signature/,
    );
    refuses(
      changed((bundle) => Object.assign(bundle.verificationMaterial, { certificate: certificateOf(good) }), second),
      /not made by the holder of its certificate/,
    );
  });

  it('is refused with another payload, type or signature', () => {
    const payload = Buffer.from(STATEMENT.replace('model.onnx', 'model.onny')).toString('base64');
    refuses(
      changed((bundle) => (bundle.dsseEnvelope.payload = payload)),
      /that of another signature/,
    );
    refuses(
      changed((bundle) => (bundle.dsseEnvelope.payloadType = 'text/plain')),
      /not made by the holder/,
    );
    refuses(
      changed((bundle) => bundle.dsseEnvelope.signatures.forEach((each) => (each.sig = flipped(each.sig)))),
      /that of another signature/,
    );
  });

  it('is refused when it names a trusted signer beside the one who signed', async () => {
    const evil = await sigstore.sign(STATEMENT, { ...SIGNER, identity: 'https://evil.example' });
    const mixed = changed((bundle) => {
      bundle.mediaType = 'application/vnd.dev.sigstore.bundle+json;version=0.2';
      bundle.verificationMaterial.x509CertificateChain = { certificates: [certificateOf(evil)] };
      bundle.verificationMaterial.certificate = certificateOf(good);
    }, evil);
    refuses(mixed, STRANGER);
    refuses(
      changed((bundle) => Object.assign(bundle.verificationMaterial, { publicKey: { hint: '' } })),
      UNREADABLE,
    );
  });

  it('is refused when it is more than an honest one could be', () => {
    const many = changed((bundle) => {
      bundle.verificationMaterial.tlogEntries = Array.from({ length: 9 }, () => entryOf(good));
    });
    refuses(many, /more than 8 log entries or timestamps/);
    refuses(
      changed((bundle) => (bundle.verificationMaterial.tlogEntries = [entryOf(good), entryOf(good)])),
      UNTIMED,
    );
    const signedTimestamp = Buffer.alloc(64 * 1024 + 1).toString('base64');
    refuses(
      changed((b) => (b.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp }] })),
      UNREADABLE,
    );
  });

  it('is refused when the library cannot read it, and says nothing of how', () => {
    const broken: readonly ((bundle: KeylessBundle) => void)[] = [
      (bundle) => (bundle.mediaType = 'application/json'),
      (bundle) => Object.assign(entryOf(bundle), { canonicalizedBody: '' }),
      (bundle) => Object.assign(entryOf(bundle), { logId: undefined }),
      (bundle) => Object.assign(entryOf(bundle), { kindVersion: undefined }),
      (bundle) =>
        (bundle.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: 'AAAA' }] }),
    ];
    for (const change of broken) {
      expect(() => check(changed(change))).toThrow(CODE);
      expect(() => check(changed(change))).not.toThrow(/sigstore|undefined|property|ASN/i);
    }
  });

  it('is refused at every change of one byte of certificate, entry or envelope', () => {
    const places: readonly ((bundle: KeylessBundle) => [holder: object, member: string, bytes: number])[] = [
      // What of a certificate is signed; its signature is at the end.
      (bundle) => [certificateOf(bundle), 'rawBytes', -120],
      (bundle) => [entryOf(bundle), 'canonicalizedBody', Infinity],
      (bundle) => [entryOf(bundle).inclusionPromise ?? {}, 'signedEntryTimestamp', Infinity],
      (bundle) => [bundle.dsseEnvelope, 'payload', Infinity],
      (bundle) => [bundle.dsseEnvelope.signatures[0] ?? {}, 'sig', Infinity],
    ];
    for (const place of places) {
      const [original, name, end] = place(good);
      const bytes = Buffer.from((original as Record<string, string>)[name] ?? '', 'base64').subarray(0, end);
      for (let at = 0; at < bytes.length; at += 29) {
        const broken = changed((bundle) => {
          const [holder] = place(bundle) as [Record<string, string>, string, number];
          const copy = Buffer.from(holder[name] ?? '', 'base64');
          copy[at] = (copy[at] ?? 0) ^ 1;
          holder[name] = copy.toString('base64');
        });
        expect(() => check(broken), `${name} at ${at}`).toThrow(CODE);
      }
    }
  });
});

const certificateOf = ({ verificationMaterial }: KeylessBundle): { rawBytes: string } => {
  if (verificationMaterial.certificate === undefined) throw new Error('no certificate');
  return verificationMaterial.certificate;
};

describe('the names of a certificate', () => {
  const root = new TestAuthority('root');

  it('cannot be smuggled into another one', () => {
    for (const name of [`URI:https://x/", URI:${IDENTITY}, URI:"y`, `URI:a, URI:${IDENTITY}, b`]) {
      const certificate = new X509Certificate(root.issue('maker', [name]).cert);
      expect(identitiesOf(certificate)).not.toContain(IDENTITY);
    }
  });

  it('say nothing where it is not made for signing', () => {
    const issued = (purpose?: 'serverAuth' | 'codeSigning') =>
      isForSigning(new X509Certificate(root.issue('maker', [], purpose).cert));
    expect([issued('codeSigning'), issued('serverAuth'), issued()]).toEqual([true, false, false]);
    expect(isForSigning(new X509Certificate(root.cert))).toBe(false);
  });
});

describe('an identity', () => {
  it.each([
    [`${IDENTITY}|${ISSUER}`, { identity: IDENTITY, issuer: ISSUER }],
    ['a|b@example.com|https://a.example', { identity: 'a|b@example.com', issuer: 'https://a.example' }],
    ['|https://a.example', undefined],
    ['a@example.com', undefined],
    ['a@example.com|', undefined],
    ['a@example.com|http://a.example', undefined],
    [' a@example.com|https://a.example', undefined],
    ['a@example.com|https://a.example ', undefined],
    ['', undefined],
  ])('%s', (entry, identity) => expect(parseIdentity(entry)).toEqual(identity));
});

describe('the settings of keyless signatures', () => {
  const ROOT = 'LNMT_SIGNATURE_TRUSTED_ROOT_FILE';
  const NAMES = 'LNMT_SIGNATURE_KEYLESS_IDENTITIES';

  it('must name signers and who vouches for them, because anybody has a certificate', async () => {
    const root = written(JSON.stringify(sigstore.root));
    await expect(open({ [ROOT]: root })).rejects.toThrow(
      'LNMT_SIGNATURE_TRUSTED_ROOT_FILE is set, and anybody can have a certificate of it; name signers in LNMT_SIGNATURE_KEYLESS_IDENTITIES as IDENTITY|ISSUER, with the https URL of the issuer',
    );
    await expect(open({ [ROOT]: root, LNMT_SIGNATURE_IDENTITIES: IDENTITY })).rejects.toThrow(/anybody can have/);
    for (const entry of [IDENTITY, `${IDENTITY}|`, `|${ISSUER}`, `a@b.example|https://a.example,,`, '*']) {
      await expect(open({ [ROOT]: root, [NAMES]: entry })).rejects.toThrow(/LNMT_SIGNATURE_KEYLESS_IDENTITIES has "/);
    }
    const whole = `${IDENTITY}|${ISSUER}`;
    await expect(open({ [NAMES]: whole })).rejects.toThrow(/KEYLESS_IDENTITIES is set without LNMT_SIGNATURE_TRUSTED/);
    expect(await open({ [ROOT]: root, [NAMES]: whole, LNMT_SIGNATURE_POLICY: 'off' })).toBeUndefined();
    expect(await open({ [ROOT]: root, [NAMES]: whole, LNMT_SIGNATURE_POLICY: 'when-present' })).toBeDefined();
  });

  it.each<[string, (root: TrustedRootDocument) => string, RegExp]>([
    ['no JSON', () => 'root', /is not JSON/],
    ['nothing', () => 'null', /is no trusted root of Sigstore/],
    ['the settings of a client', () => '{"mediaType":"x","trustedRoot":{}}', /is no trusted root of Sigstore/],
    [
      'no authority',
      (root) => JSON.stringify({ ...root, certificateAuthorities: [] }),
      /names no certificate authority/,
    ],
    ['no log', (root) => JSON.stringify({ ...root, tlogs: [] }), /names no transparency log/],
    [
      'no log of certificates',
      (root) => JSON.stringify({ ...root, ctlogs: undefined }),
      /names no log of certificates/,
    ],
    ['a log without a key', (root) => JSON.stringify({ ...root, tlogs: [{}] }), /cannot be read/],
    ['a log that is none', (root) => JSON.stringify({ ...root, ctlogs: [1] }), /cannot be read/],
    ['an authority without one', (root) => JSON.stringify({ ...root, certificateAuthorities: [{}] }), /cannot be read/],
    [
      'a certificate that is none',
      (root) =>
        JSON.stringify({
          ...root,
          timestampAuthorities: [{ certChain: { certificates: [{ rawBytes: 'AAAA' }] } }],
        }),
      /cannot be read/,
    ],
  ])('refuse a trusted root with %s', async (_title, text, message) => {
    const file = written(text(sigstore.root));
    const settings = { [ROOT]: file, [NAMES]: `${IDENTITY}|${ISSUER}` };
    await expect(open(settings)).rejects.toThrow(message);
    await expect(open(settings)).rejects.toThrow(/^LNMT8112: .*LNMT_SIGNATURE_TRUSTED_ROOT_FILE/);
  });

  it('refuse a trusted root that is absent', async () => {
    const settings = { [ROOT]: '/nowhere/root.json', [NAMES]: `${IDENTITY}|${ISSUER}` };
    await expect(open(settings)).rejects.toThrow(/LNMT8112.*cannot be read/);
  });
});

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ModelFile } from '../../../../runtime/contract';
import { readConfig } from '../../../../runtime/inference/config';
import { ModelCache } from '../../../../runtime/inference/models/cache';
import { FileStore } from '../../../../runtime/inference/models/file-store';
import { Repository } from '../../../../runtime/inference/models/repository';
import { signedBytes } from '../../../../runtime/inference/signing/bundle';
import { openSignatures } from '../../../../runtime/inference/signing/open';
import { STATEMENT } from '../../../../runtime/inference/signing/statement';
import { SignatureVerifier } from '../../../../runtime/inference/signing/verifier';
import type { TrustedSigners } from '../../../../runtime/inference/signing/verifier';
import { TestAuthority } from '../../support/certificates';
import { fileOf, statementOf } from '../../support/model-statement';
import type { StatementChange } from '../../support/model-statement';
import { identityModel, pushModel } from '../../support/models';
import { temporaryFolder } from '../../support/temporary';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

const FILES: readonly ModelFile[] = [fileOf('model.onnx', 'graph'), fileOf('weights/w.bin', 'weights')];
const SIGNATURE = fileOf('model.sig', 'whatever it says');

const CURVES = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' } as const;
type Curve = keyof typeof CURVES;

const pairs = Object.fromEntries(
  Object.keys(CURVES).map((curve) => [curve, generateKeyPairSync('ec', { namedCurve: curve })]),
) as Record<Curve, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }>;

function bundleOf(
  statement: string,
  key: KeyObject,
  material: unknown,
  curve: Curve = 'P-256',
  change: StatementChange = {},
): string {
  const { payloadType = STATEMENT.payloadType } = change;
  const payload = Buffer.from(statement);
  const sig = sign(CURVES[curve], signedBytes({ payloadType, payload }), key).toString('base64');
  const envelope = { payload: payload.toString('base64'), payloadType, signatures: [{ sig, keyid: '' }] };
  return JSON.stringify({ verificationMaterial: material, dsseEnvelope: envelope });
}

const hintOf = (key: KeyObject): string => sha256(key.export({ type: 'spki', format: 'pem' }).toString());

function signed(files: readonly ModelFile[], change: StatementChange = {}, curve: Curve = 'P-256'): string {
  const { publicKey, privateKey } = pairs[curve];
  return bundleOf(statementOf(files, change), privateKey, { publicKey: { hint: hintOf(publicKey) } }, curve, change);
}

const trusting = (signers: Partial<TrustedSigners>, policy: 'required' | 'when-present' = 'required') =>
  new SignatureVerifier(policy, { keys: [], authorities: [], identities: [], ...signers });

const byKey = trusting({ keys: Object.values(pairs).map(({ publicKey }) => publicKey) });

describe('a model that is signed with a key', () => {
  it.each(Object.keys(CURVES) as Curve[])('is accepted on the curve %s', (curve) => {
    expect(() => byKey.check(signed(FILES, {}, curve), [...FILES, SIGNATURE])).not.toThrow();
  });

  it('is accepted without a hint of the key', () => {
    const { privateKey } = pairs['P-256'];
    expect(() => byKey.check(bundleOf(statementOf(FILES), privateKey, { publicKey: {} }), FILES)).not.toThrow();
  });

  it.each<[string, string, RegExp]>([
    ['another key', signed(FILES), /not made by a signer who is trusted/],
    ['no key', JSON.stringify({ ...JSON.parse(signed(FILES)), verificationMaterial: {} }), /neither a key nor/],
  ])('refuses %s', (_title, bundle, message) => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(() => trusting({ keys: [other] }).check(bundle, FILES)).toThrow(message);
  });

  const digest = '0'.repeat(64);
  it.each<[string, string, readonly ModelFile[], RegExp]>([
    [
      'a file that was changed',
      signed(FILES),
      [fileOf('model.onnx', 'other'), FILES[1] as ModelFile],
      /model.onnx was changed/,
    ],
    [
      'data that were changed',
      signed(FILES),
      [FILES[0] as ModelFile, fileOf('weights/w.bin', 'x')],
      /weights\/w.bin was changed/,
    ],
    [
      'a file that was added',
      signed(FILES),
      [...FILES, fileOf('tokenizer.json', '{}')],
      /tokenizer.json is not signed/,
    ],
    ['a file that was taken away', signed(FILES), FILES.slice(0, 1), /"weights\/w.bin" is signed and absent/],
    ['the signature of another model', signed([fileOf('model.onnx', 'another')]), FILES.slice(0, 1), /was changed/],
    [
      'a digest of another kind',
      signed(FILES, { resources: [{ name: 'model.onnx', digest, algorithm: 'blake2b' }] }),
      FILES,
      /signed by its blake2b/,
    ],
    [
      'a digest that is none',
      signed(FILES, { resources: [{ name: 'model.onnx', digest: 'x', algorithm: 'sha256' }] }),
      FILES,
      /signed by its sha256/,
    ],
    [
      'a file without a name',
      signed(FILES, { resources: [{ digest, algorithm: 'sha256' }] }),
      FILES,
      /no name or digest/,
    ],
    ['a file that is signed twice', signed([FILES[0] as ModelFile, FILES[0] as ModelFile]), FILES, /signed twice/],
    ['parts of files', signed(FILES, { method: 'shards' }), FILES, /by parts of files/],
    ['a digest of all that is another', signed(FILES, { digest }), FILES, /not that of the files which are listed/],
    [
      'another statement',
      signed(FILES, { statement: { predicateType: 'https://slsa.dev/provenance/v1' } }),
      FILES,
      /no model/,
    ],
    ['another payload', signed(FILES, { payloadType: 'text/plain' }), FILES, /no model/],
    ['no JSON', 'sig', FILES, /not JSON/],
    ['no envelope', '{}', FILES, /no bundle with one signature/],
    [
      'two signatures',
      JSON.stringify({ dsseEnvelope: { payload: 'e30=', payloadType: 'x', signatures: [{}, {}] } }),
      FILES,
      /one signature/,
    ],
    [
      'a payload that is no base64',
      JSON.stringify({ dsseEnvelope: { payload: '%', payloadType: 'x', signatures: [{}] } }),
      FILES,
      /not base64/,
    ],
  ])('refuses %s', (_title, bundle, files, message) => {
    expect(() => byKey.check(bundle, files)).toThrow(message);
    expect(() => byKey.check(bundle, files)).toThrow(/^LNMT8312/);
  });

  it('refuses every change of one byte of what is signed', () => {
    const bundle = JSON.parse(signed(FILES)) as { dsseEnvelope: { payload: string } };
    const payload = Buffer.from(bundle.dsseEnvelope.payload, 'base64');
    for (let at = 0; at < payload.length; at += 7) {
      const changed = Buffer.from(payload);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const envelope = { ...bundle.dsseEnvelope, payload: changed.toString('base64') };
      expect(() => byKey.check(JSON.stringify({ ...bundle, dsseEnvelope: envelope }), FILES)).toThrow(/LNMT8312/);
    }
  });
});

describe('a model that is signed with a certificate', () => {
  const root = new TestAuthority('root');
  const authorities = [new X509Certificate(root.cert)];
  const raw = (pem: string): { rawBytes: string } => ({ rawBytes: new X509Certificate(pem).raw.toString('base64') });

  const signedBy = ({ cert, key }: { cert: string; key: string }, between: readonly string[] = []): string =>
    bundleOf(statementOf(FILES), createPrivateKey(key), {
      x509CertificateChain: { certificates: [cert, ...between].map(raw) },
    });

  it('is accepted when an authority stands behind it, through another one too', () => {
    expect(() => trusting({ authorities }).check(signedBy(root.issue('maker', [])), FILES)).not.toThrow();
    const middle = new TestAuthority('middle', root);
    const signer = middle.issue('maker', [], 'codeSigning');
    expect(() => trusting({ authorities }).check(signedBy(signer, [middle.cert]), FILES)).not.toThrow();
    expect(() => trusting({ authorities }).check(signedBy(signer), FILES)).toThrow(/no trusted authority/);
  });

  it('is accepted from those who are named, and refuses others', () => {
    const signer = root.issue('maker', ['URI:https://ci.example.com/models', 'DNS:ci.example.com']);
    const verifier = trusting({ authorities, identities: ['https://ci.example.com/models'] });
    expect(() => verifier.check(signedBy(signer), FILES)).not.toThrow();
    expect(() => verifier.check(signedBy(root.issue('other', ['DNS:evil.example.com'])), FILES)).toThrow(
      /not among those/,
    );
    expect(() => verifier.check(signedBy(root.issue('nameless', [])), FILES)).toThrow(/not among those/);
  });

  it('refuses a stranger, a certificate for servers, an authority, and one that signs for an authority', () => {
    const verifier = trusting({ authorities });
    const stranger = new TestAuthority('root');
    expect(() => verifier.check(signedBy(stranger.issue('maker', [])), FILES)).toThrow(/no trusted authority/);
    expect(() => verifier.check(signedBy(root.issue('www', [], 'serverAuth')), FILES)).toThrow(/not for signing/);
    const { key } = root.issue('x', []);
    expect(() => verifier.check(signedBy({ cert: root.cert, key }), FILES)).toThrow(/not for signing/);
    const leaf = root.issue('leaf', []);
    const forged = stranger.issue('forged', []);
    expect(() => verifier.check(signedBy(forged, [leaf.cert]), FILES)).toThrow(/no trusted authority/);
  });

  it('refuses a certificate that belongs to another key, or cannot be read', () => {
    const { cert } = root.issue('maker', []);
    const { key } = root.issue('other', []);
    expect(() => trusting({ authorities }).check(signedBy({ cert, key }), FILES)).toThrow(/not made by a signer/);
    const broken = bundleOf(statementOf(FILES), createPrivateKey(key), { certificate: { rawBytes: 'AAAA' } });
    expect(() => trusting({ authorities }).check(broken, FILES)).toThrow(/cannot be read/);
    const many = { x509CertificateChain: { certificates: Array.from({ length: 9 }, () => raw(cert)) } };
    expect(() =>
      trusting({ authorities }).check(bundleOf(statementOf(FILES), createPrivateKey(key), many), FILES),
    ).toThrow(/more than 8/);
  });
});

describe('a model without a signature', () => {
  it('refuses to be served where one is required, and is served where it is not', () => {
    const { publicKey } = pairs['P-256'];
    expect(() => byKey.check(undefined, FILES)).toThrow(
      'LNMT8312: the signature of the model is not accepted: it has none',
    );
    expect(() => trusting({ keys: [publicKey] }, 'when-present').check(undefined, FILES)).not.toThrow();
    expect(() => trusting({ keys: [] }, 'when-present').check(signed(FILES), FILES)).toThrow(/LNMT8312/);
  });
});

describe('a repository of models that must be signed', () => {
  const graph = identityModel('FP32');
  const obtain = (store: string) =>
    new Repository(new FileStore(store), new ModelCache(new FileStore(store), temporaryFolder()), byKey).obtain({
      name: 'm',
      version: '1',
    });

  it('serves one that is', async () => {
    const store = temporaryFolder();
    pushModel(store, 'm', '1', {
      'model.onnx': graph,
      'model.sig': Buffer.from(signed([fileOf('model.onnx', graph)])),
    });
    expect((await obtain(store)).report.inputs).toHaveLength(1);
  });

  it('refuses one that is not, and one whose graph was exchanged with its manifest', async () => {
    const store = temporaryFolder();
    pushModel(store, 'm', '1', { 'model.onnx': graph });
    await expect(obtain(store)).rejects.toThrow(/LNMT8312.*it has none/);
    const other = temporaryFolder();
    const signature = Buffer.from(signed([fileOf('model.onnx', identityModel('INT64'))]));
    pushModel(other, 'm', '1', { 'model.onnx': graph, 'model.sig': signature });
    await expect(obtain(other)).rejects.toThrow(/LNMT8312.*model.onnx was changed/);
    const large = temporaryFolder();
    pushModel(large, 'm', '1', { 'model.onnx': graph, 'model.sig': Buffer.alloc((1 << 20) + 1) });
    await expect(obtain(large)).rejects.toThrow(/LNMT8312.*too large/);
  });
});

describe('the settings of signatures', () => {
  const file = (text: string): string => {
    const name = path.join(temporaryFolder(), 'keys.pem');
    fs.writeFileSync(name, text);
    return name;
  };
  const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
  const model = { LNMT_MODEL_NAME: 'm', LNMT_MODEL_VERSION: '1', LNMT_MODEL_URI: 'file:///models' };
  const open = async (env: Record<string, string>) => openSignatures(readConfig({ ...model, ...env }));

  it('make a verifier of keys and authorities, or none', async () => {
    expect(await open({})).toBeUndefined();
    const keys = file(pem(pairs['P-256'].publicKey) + pem(pairs['P-384'].publicKey));
    const verifier = await open({ LNMT_SIGNATURE_POLICY: 'required', LNMT_SIGNATURE_KEYS_FILE: keys });
    expect(() => verifier?.check(signed(FILES, {}, 'P-384'), FILES)).not.toThrow();
    expect(() => verifier?.check(signed(FILES, {}, 'P-521'), FILES)).toThrow(/LNMT8312/);
    const ca = file(new TestAuthority('root').cert);
    expect(await open({ LNMT_SIGNATURE_POLICY: 'when-present', LNMT_SIGNATURE_CA_FILE: ca })).toBeDefined();
  });

  it('refuse a policy that trusts nobody', async () => {
    await expect(open({ LNMT_SIGNATURE_POLICY: 'required' })).rejects.toThrow(
      /LNMT_SIGNATURE_POLICY is required, and neither/,
    );
  });

  it.each([
    ['a file that is absent', '/nowhere/keys.pem', /LNMT8112.*cannot be read/],
    ['a file without a key', file('hello'), /LNMT8112.*holds no public key in PEM/],
    [
      'a key that is broken',
      file('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----'),
      /LNMT8112.*cannot be read/,
    ],
    [
      'a key of another kind',
      file(pem(createPublicKey(generateKeyPairSync('ed25519').privateKey))),
      /LNMT8112.*none of the curves/,
    ],
  ])('refuse %s', async (_title, keys, message) => {
    const settings = { LNMT_SIGNATURE_POLICY: 'required', LNMT_SIGNATURE_KEYS_FILE: keys };
    await expect(open(settings)).rejects.toThrow(message);
  });
});

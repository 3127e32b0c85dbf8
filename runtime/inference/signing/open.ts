import { createPublicKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import fs from 'node:fs';
import { INFERENCE_ENV } from '../../contract';
import type { EnvValues } from '../../shared/env';
import { StartError } from '../../shared/errors';
import { KeylessVerifier } from './keyless';
import { parseIdentity } from './keyless-identity';
import { CURVES, SignatureVerifier } from './verifier';

/** Settings of signatures. */
export type SignatureSettings = Pick<
  EnvValues<typeof INFERENCE_ENV>,
  | 'signaturePolicy'
  | 'signatureKeysFile'
  | 'signatureCaFile'
  | 'signatureIdentities'
  | 'signatureTrustedRootFile'
  | 'signatureKeylessIdentities'
>;

const { signaturePolicy, signatureKeysFile, signatureCaFile } = INFERENCE_ENV;
const { signatureTrustedRootFile: rootFile, signatureKeylessIdentities: keylessIdentities } = INFERENCE_ENV;

/** Anybody can have a certificate of a public authority, so it says nothing before it is known whose names count. */
function keylessProblems(settings: SignatureSettings): readonly string[] {
  const { signatureTrustedRootFile: root, signatureKeylessIdentities: entries } = settings;
  if (root === undefined && entries === undefined) return [];
  const how = 'IDENTITY|ISSUER, with the https URL of the issuer';
  if (entries === undefined) {
    return [
      `${rootFile.name} is set, and anybody can have a certificate of it; name signers in ${keylessIdentities.name} as ${how}`,
    ];
  }
  const strange = entries.find((entry) => parseIdentity(entry) === undefined);
  const malformed =
    strange === undefined ? [] : [`${keylessIdentities.name} has ${JSON.stringify(strange)}; give ${how}`];
  return root === undefined ? [...malformed, `${keylessIdentities.name} is set without ${rootFile.name}`] : malformed;
}

/** What is missing: a policy that trusts nobody would refuse every model, and one that trusts anybody none. */
export function signatureProblems(settings: SignatureSettings): readonly string[] {
  if (settings.signaturePolicy === 'off') return [];
  const problems = keylessProblems(settings);
  const trusts = settings.signatureKeysFile ?? settings.signatureCaFile ?? settings.signatureTrustedRootFile;
  if (trusts !== undefined) return problems;
  return [
    ...problems,
    `${signaturePolicy.name} is ${settings.signaturePolicy}, and neither ${signatureKeysFile.name}, ${signatureCaFile.name} nor ${rootFile.name} says whose signatures count`,
  ];
}

function textOf(file: string, setting: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError('LNMT8112', `${setting} cannot be read`, error);
  }
}

function blocksOf(file: string, setting: string, kind: string): readonly string[] {
  const text = textOf(file, setting);
  const blocks = text.match(new RegExp(`-----BEGIN ${kind}-----[^-]+-----END ${kind}-----`, 'g')) ?? [];
  if (blocks.length === 0) throw new StartError('LNMT8112', `${setting} holds no ${kind.toLowerCase()} in PEM`);
  return blocks;
}

function read<T>(parse: () => T, setting: string): T {
  try {
    return parse();
  } catch (error) {
    throw new StartError('LNMT8112', `${setting} holds something that cannot be read`, error);
  }
}

function keysIn(file: string | undefined): readonly KeyObject[] {
  if (file === undefined) return [];
  return blocksOf(file, signatureKeysFile.name, 'PUBLIC KEY').map((block) => {
    const key = read(() => createPublicKey(block), signatureKeysFile.name);
    if (CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] !== undefined) return key;
    const curves = Object.keys(CURVES).join(', ');
    throw new StartError('LNMT8112', `${signatureKeysFile.name} holds a key on none of the curves ${curves}`);
  });
}

function authoritiesIn(file: string | undefined): readonly X509Certificate[] {
  if (file === undefined) return [];
  const blocks = blocksOf(file, signatureCaFile.name, 'CERTIFICATE');
  return blocks.map((block) => read(() => new X509Certificate(block), signatureCaFile.name));
}

async function openKeyless(settings: SignatureSettings): Promise<KeylessVerifier | undefined> {
  const { signatureTrustedRootFile: file, signatureKeylessIdentities: entries = [] } = settings;
  if (file === undefined) return undefined;
  const identities = entries.map(parseIdentity).filter((identity) => identity !== undefined);
  return KeylessVerifier.open(textOf(file, rootFile.name), identities, rootFile.name);
}

/**
 * The verifier that the settings ask for; undefined where signatures are not looked at.
 *
 * @throws StartError LNMT8112 for keys, certificates or a trusted root that cannot be read, LNMT8103 without the packages
 * of the latter
 */
export async function openSignatures(settings: SignatureSettings): Promise<SignatureVerifier | undefined> {
  if (settings.signaturePolicy === 'off') return undefined;
  return new SignatureVerifier(settings.signaturePolicy, {
    keys: keysIn(settings.signatureKeysFile),
    authorities: authoritiesIn(settings.signatureCaFile),
    identities: settings.signatureIdentities ?? [],
    keyless: await openKeyless(settings),
  });
}

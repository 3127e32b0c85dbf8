import { createPublicKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import fs from 'node:fs';
import { INFERENCE_ENV } from '../../contract';
import type { EnvValues } from '../../shared/env';
import { StartError } from '../../shared/errors';
import { CURVES, SignatureVerifier } from './verifier';

/** Settings of signatures. */
export type SignatureSettings = Pick<
  EnvValues<typeof INFERENCE_ENV>,
  'signaturePolicy' | 'signatureKeysFile' | 'signatureCaFile' | 'signatureIdentities'
>;

const { signaturePolicy, signatureKeysFile, signatureCaFile } = INFERENCE_ENV;

/** What is missing: a policy that trusts nobody would refuse every model. */
export function signatureProblems(settings: SignatureSettings): readonly string[] {
  const trusts = settings.signatureKeysFile ?? settings.signatureCaFile;
  if (settings.signaturePolicy === 'off' || trusts !== undefined) return [];
  return [
    `${signaturePolicy.name} is ${settings.signaturePolicy}, and neither ${signatureKeysFile.name} nor ${signatureCaFile.name} says whose signatures count`,
  ];
}

function blocksOf(file: string, setting: string, kind: string): readonly string[] {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError('LNMT8112', `${setting} cannot be read`, error);
  }
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

/**
 * The verifier that the settings ask for; undefined where signatures are not looked at.
 *
 * @throws StartError LNMT8112 for keys or certificates that cannot be read
 */
export function openSignatures(settings: SignatureSettings): SignatureVerifier | undefined {
  if (settings.signaturePolicy === 'off') return undefined;
  return new SignatureVerifier(settings.signaturePolicy, {
    keys: keysIn(settings.signatureKeysFile),
    authorities: authoritiesIn(settings.signatureCaFile),
    identities: settings.signatureIdentities ?? [],
  });
}

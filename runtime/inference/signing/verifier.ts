import { createHash, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import type { ModelFile } from '../../contract';
import { MODEL_STORE } from '../../contract';
import { parseBundle, signedBytes } from './bundle';
import type { Bundle, Envelope } from './bundle';
import { identitiesOf, trustedSigner } from './certificates';
import { signatureRefused } from './errors';
import type { KeylessVerifier } from './keyless';
import { compareFiles, signedFiles } from './statement';

/** Digest that goes with each curve. */
export const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'sha256',
  secp384r1: 'sha384',
  secp521r1: 'sha512',
};

/** Whose signatures are accepted. */
export interface TrustedSigners {
  /** Public keys. */
  readonly keys: readonly KeyObject[];
  /** Authorities whose certificates signers have. */
  readonly authorities: readonly X509Certificate[];
  /** Names of signers with certificates; everybody whom the authorities know where it is empty. */
  readonly identities: readonly string[];
  /** Signers by identity, whose signatures are in a transparency log. @default - none */
  readonly keyless?: KeylessVerifier | undefined;
}

/** Whether a model must be signed: `when-present` holds one that is signed to its signature, and serves others too. */
export type SignaturePolicy = 'when-present' | 'required';

const pemDigest = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'pem' }))
    .digest('hex');

/** Holds models to their signatures, as the OpenSSF model signing specification describes them. */
export class SignatureVerifier {
  constructor(
    private readonly policy: SignaturePolicy,
    private readonly signers: TrustedSigners,
  ) {}

  /**
   * Checks a model whose files were found to have the digests of the manifest.
   *
   * @param bundle text of its signature; undefined for a model without one
   * @throws ModelError LNMT8312
   */
  check(bundle: string | undefined, files: readonly ModelFile[]): void {
    if (bundle === undefined) {
      if (this.policy === 'required') throw signatureRefused('it has none');
      return;
    }
    const { payloadType, payload } = this.verified(parseBundle(bundle));
    compareFiles(
      signedFiles(payloadType, payload),
      files.filter(({ path }) => path !== MODEL_STORE.signature),
    );
  }

  /** What is signed by somebody who is trusted; nothing else of the bundle is. */
  private verified(bundle: Bundle): Envelope {
    const { keyless, authorities } = this.signers;
    const isKeyless = bundle.signer.kind === 'certificates' && (bundle.logged || authorities.length === 0);
    if (keyless !== undefined && isKeyless) return keyless.verify(bundle.document);
    const bytes = signedBytes(bundle);
    const isGood = this.candidates(bundle).some((key) => {
      const digest = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
      return digest !== undefined && verify(digest, bytes, key, bundle.signature);
    });
    if (!isGood) throw signatureRefused('it was not made by a signer who is trusted');
    return bundle;
  }

  private candidates({ signer }: Bundle): readonly KeyObject[] {
    if (signer.kind === 'key') {
      return this.signers.keys.filter((key) => signer.hint === '' || signer.hint === pemDigest(key));
    }
    const certificate = trustedSigner(signer.chain, this.signers.authorities);
    const { identities } = this.signers;
    if (identities.length > 0 && !identitiesOf(certificate).some((name) => identities.includes(name))) {
      throw signatureRefused('its signer is not among those who are named');
    }
    return [certificate.publicKey];
  }
}

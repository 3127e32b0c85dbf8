import { X509Certificate } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import type * as Sigstore from '@sigstore/verify';
import { loadOptional } from '../../shared/optional-package';
import type { Envelope } from './bundle';
import { isForSigning } from './certificates';
import { signatureRefused } from './errors';
import { isAmong } from './keyless-identity';
import type { KeylessIdentity } from './keyless-identity';
import { readTrustedRoot } from './trusted-root';

/** One of each attests enough; every one that is given must hold. */
const THRESHOLDS = { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 } as const;

/** More than an honest bundle has, and little enough to be looked at while requests wait. */
const MOST = { entries: 8, bytes: 64 * 1024 } as const;

/** Signatures of a checkpoint, as signed notes have them: a dash, a name and base64, a line each. */
const NOTE_SIGNATURES = /^(?:\u2014 [\w.:/~@%-]+ [A-Za-z0-9+/=]+\n)+$/;

const UNREADABLE = 'it is no keyless bundle that can be read';
const NO_LOG = 'no transparency log that is trusted has it';
const REASONS: Readonly<Record<string, string>> = {
  TIMESTAMP_ERROR: 'nobody who is trusted attests when it was made',
  CERTIFICATE_ERROR:
    'its certificate has no trusted authority and log of certificates behind it, or was not valid then',
  SIGNATURE_ERROR: 'it was not made by the holder of its certificate',
  TLOG_ERROR: NO_LOG,
  TLOG_MISSING_INCLUSION_ERROR: NO_LOG,
  TLOG_INCLUSION_PROOF_ERROR: NO_LOG,
  TLOG_INCLUSION_PROMISE_ERROR: NO_LOG,
  TLOG_BODY_ERROR: 'its entry in the transparency log is that of another signature',
};

/** What of the libraries is needed. */
interface Library {
  readonly bundleFromJSON: (document: unknown) => Bundle;
  readonly sigstore: typeof Sigstore;
}

/**
 * The library takes names in checkpoints for regular expressions, before anything is known of who wrote them: what is
 * no name would run for as long as its writer likes.
 */
function isNote(envelope: string): boolean {
  const end = envelope.indexOf('\n\n');
  return end >= 0 && NOTE_SIGNATURES.test(envelope.slice(end + 2));
}

function checkBounds({ verificationMaterial }: Bundle): void {
  const { tlogEntries, timestampVerificationData } = verificationMaterial;
  const timestamps = timestampVerificationData?.rfc3161Timestamps ?? [];
  if (tlogEntries.length > MOST.entries || timestamps.length > MOST.entries) {
    throw signatureRefused(`it has more than ${MOST.entries} log entries or timestamps`);
  }
  if (timestamps.some(({ signedTimestamp }) => signedTimestamp.length > MOST.bytes)) throw signatureRefused(UNREADABLE);
  const checkpoints = tlogEntries.map(({ inclusionProof }) => inclusionProof?.checkpoint);
  if (checkpoints.some((each) => each !== undefined && !isNote(each.envelope))) throw signatureRefused(UNREADABLE);
}

/** From the very bundle that is verified: another reader might choose another of its certificates. */
function certificateOf({ verificationMaterial: { content } }: Bundle): X509Certificate {
  const certificate =
    content.$case === 'certificate'
      ? content.certificate
      : content.$case === 'x509CertificateChain'
        ? content.x509CertificateChain.certificates[0]
        : undefined;
  if (certificate === undefined || certificate.rawBytes.length > MOST.bytes) throw signatureRefused(UNREADABLE);
  return new X509Certificate(certificate.rawBytes);
}

/**
 * Signatures by identity: the signer showed an identity provider's token to an authority, had a certificate for some
 * minutes, and had the signature entered into a public log. Everything is checked without a network.
 *
 * @see https://docs.sigstore.dev/about/security/
 */
export class KeylessVerifier {
  /**
   * @param root text of a trusted root of Sigstore
   * @param identities those whose signatures count
   * @param setting name of the setting that names the root
   * @throws StartError LNMT8103 without the packages, LNMT8112 for a root that cannot be read
   */
  static async open(root: string, identities: readonly KeylessIdentity[], setting: string): Promise<KeylessVerifier> {
    const { bundleFromJSON } = await loadOptional(() => import('@sigstore/bundle'), '@sigstore/bundle', setting);
    const specs = '@sigstore/protobuf-specs';
    const { TrustedRoot } = await loadOptional(() => import('@sigstore/protobuf-specs'), specs, setting);
    const sigstore = await loadOptional(() => import('@sigstore/verify'), '@sigstore/verify', setting);
    const trusted = readTrustedRoot(root, setting, { TrustedRoot, toTrustMaterial: sigstore.toTrustMaterial });
    return new KeylessVerifier({ bundleFromJSON, sigstore }, new sigstore.Verifier(trusted, THRESHOLDS), identities);
  }

  private constructor(
    private readonly library: Library,
    private readonly verifier: Sigstore.Verifier,
    private readonly identities: readonly KeylessIdentity[],
  ) {}

  /**
   * The envelope of a bundle, once its signature is known to be made by one of the identities.
   *
   * @param document a Sigstore bundle
   * @throws ModelError LNMT8312
   */
  verify(document: unknown): Envelope {
    const bundle = this.attempt(() => this.library.bundleFromJSON(document));
    if (bundle.content.$case !== 'dsseEnvelope') throw signatureRefused(UNREADABLE);
    checkBounds(bundle);
    const certificate = this.attempt(() => certificateOf(bundle));
    const { identity } = this.attempt(() => this.verifier.verify(this.library.sigstore.toSignedEntity(bundle)));
    if (!isForSigning(certificate)) throw signatureRefused('the certificate of the signer is not for signing');
    if (!isAmong(this.identities, certificate, identity?.oids ?? [])) {
      throw signatureRefused('its signer is not among those who are named');
    }
    const { payloadType, payload } = bundle.content.dsseEnvelope;
    return { payloadType, payload };
  }

  /** What the library says of a bundle is for those who know it; ours is one of a few sentences. */
  private attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const { VerificationError } = this.library.sigstore;
      const reason = error instanceof VerificationError ? REASONS[error.code] : undefined;
      throw signatureRefused(reason ?? UNREADABLE, error);
    }
  }
}

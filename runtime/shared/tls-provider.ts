import type { TlsMaterial } from './tls';
import type { TlsChanges } from './tls-follower';

type IdentityListener = (update: { readonly certificate: Buffer; readonly privateKey: Buffer } | null) => void;
type CaListener = (update: { readonly caCertificate: Buffer } | null) => void;

/**
 * Hands certificates to gRPC, in the form in which its library takes them from providers. Its own provider of files would
 * drop every connection while the files do not fit together; this one keeps to those that did.
 *
 * @see https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md
 */
export class TlsProvider {
  private readonly identities = new Set<IdentityListener>();
  private readonly authorities = new Set<CaListener>();

  /** @param changes tells of newer material; without it the first stays */
  constructor(
    private material: TlsMaterial,
    changes?: TlsChanges,
  ) {
    changes?.onChange((next) => {
      this.material = next;
      for (const listener of this.authorities) this.tellAuthorities(listener);
      for (const listener of this.identities) this.tellIdentity(listener);
    });
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.identities.add(listener);
    // Not at once: the library listens to its credentials only after it has made them listen here.
    queueMicrotask(() => this.tellIdentity(listener));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.identities.delete(listener);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.authorities.add(listener);
    queueMicrotask(() => this.tellAuthorities(listener));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.authorities.delete(listener);
  }

  private tellIdentity(listener: IdentityListener): void {
    listener({ certificate: this.material.cert, privateKey: this.material.key });
  }

  private tellAuthorities(listener: CaListener): void {
    listener(this.material.ca === undefined ? null : { caCertificate: this.material.ca });
  }
}

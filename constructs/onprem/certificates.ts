/** Who signs certificates. */
export class OnPremCertificates {
  /**
   * A private authority, run by cert-manager, which is installed.
   *
   * @param secret parts of the name of the secret with the authority's key pair, in the fields `tls.crt` and `tls.key`
   */
  static privateAuthority(secret: readonly string[]): OnPremCertificates {
    return new OnPremCertificates(secret, undefined);
  }

  /** A ClusterIssuer that the cluster has, with its cert-manager. */
  static issuer(name: string): OnPremCertificates {
    return new OnPremCertificates(undefined, name);
  }

  private constructor(
    /** Name of the secret with the key pair; absent for an existing issuer. */
    readonly authoritySecret: readonly string[] | undefined,
    /** Name of the existing issuer; absent for a private authority. */
    readonly issuerName: string | undefined,
  ) {}
}

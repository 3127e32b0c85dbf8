import type { PeerCertificate } from 'node:tls';
import { alternativeNames } from './alternative-names';
import type { Principal, Scope } from './api-keys';

const NAME = /^[\x21-\x7e]{1,256}$/;

/**
 * The name that a certificate is known by: its SPIFFE id or first URI, else DNS name, else common name. One whose
 * alternative names cannot be read has none.
 */
export function certificateName({ subject, subjectaltname = '' }: PeerCertificate): string | undefined {
  const alternatives = alternativeNames(subjectaltname);
  if (alternatives === undefined) return undefined;
  const ofKind = (kind: string): string | undefined => alternatives.find((entry) => entry.kind === kind)?.value;
  const common: unknown = subject.CN;
  const name = ofKind('URI') ?? ofKind('DNS') ?? (typeof common === 'string' ? common : undefined);
  return name !== undefined && NAME.test(name) ? name : undefined;
}

/** Takes holders of client certificates as callers. That an authority of ours issued them was checked by TLS. */
export class ClientCertificates {
  private readonly scopes: ReadonlySet<Scope>;

  /** @param scopes what every holder may do; a policy may say less of each */
  constructor(scopes: readonly Scope[]) {
    this.scopes = new Set(scopes);
  }

  /** Who holds the certificate. */
  identify(certificate: PeerCertificate): Principal | undefined {
    const id = certificateName(certificate);
    return id === undefined ? undefined : { id, scopes: this.scopes, method: 'mtls' };
  }
}

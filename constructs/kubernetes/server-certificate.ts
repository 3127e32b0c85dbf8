import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';

/** Who signs the certificate of a server inside the cluster, as cert-manager names it. */
export interface CertificateIssuer {
  /** Name of the Issuer or ClusterIssuer. */
  readonly name: string;
  /** @default 'ClusterIssuer' */
  readonly kind?: 'Issuer' | 'ClusterIssuer';
}

/** Props of {@link serverCertificate}. */
export interface ServerCertificateProps {
  /** Name of the server; its Secret is `<name>-tls`, with `tls.crt`, `tls.key` and `ca.crt`. */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Names under which clients reach it. */
  readonly dnsNames: readonly string[];
  /** @default - an authority of its own, made beside it */
  readonly issuer?: CertificateIssuer;
}

/**
 * A certificate for a server inside the cluster, renewed by cert-manager. Returns the name of its Secret.
 *
 * @see https://cert-manager.io/docs/usage/certificate/
 */
export function serverCertificate(scope: Construct, id: string, props: ServerCertificateProps): string {
  const secretName = `${props.name}-tls`;
  const issuer = props.issuer ?? ownAuthority(scope, id, props);
  certificate(scope, id, props, {
    name: secretName,
    secretName,
    dnsNames: props.dnsNames,
    usages: ['server auth', 'client auth'],
    issuerRef: { name: issuer.name, kind: issuer.kind ?? 'ClusterIssuer', group: 'cert-manager.io' },
  });
  return secretName;
}

function ownAuthority(scope: Construct, id: string, props: ServerCertificateProps): CertificateIssuer {
  const root = `${props.name}-selfsigned`;
  const authority = `${props.name}-ca`;
  issuer(scope, `${id}Root`, props, root, { selfSigned: {} });
  certificate(scope, `${id}Authority`, props, {
    name: authority,
    secretName: authority,
    isCA: true,
    commonName: authority,
    issuerRef: { name: root, kind: 'Issuer', group: 'cert-manager.io' },
  });
  issuer(scope, `${id}Issuer`, props, authority, { ca: { secretName: authority } });
  return { name: authority, kind: 'Issuer' };
}

function issuer(scope: Construct, id: string, props: ServerCertificateProps, name: string, spec: object): void {
  const metadata = { name, namespace: props.namespace, labels: props.labels };
  new ApiObject(scope, id, { apiVersion: 'cert-manager.io/v1', kind: 'Issuer', metadata, spec });
}

function certificate(
  scope: Construct,
  id: string,
  props: ServerCertificateProps,
  { name, ...spec }: { readonly name: string } & Record<string, unknown>,
): void {
  new ApiObject(scope, id, {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: { name, namespace: props.namespace, labels: props.labels },
    spec: { ...spec, privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' } },
  });
}

import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { certManager } from '../addons/cert-manager';
import { refuseGap } from '../cloud/cloud';
import type { DnsZoneProps, IDnsZone } from '../cloud/dns-zone';
import type { KubernetesObjects, KubernetesParts } from '../cloud/kubernetes-parts';
import { KUBERNETES_NAMES, legalName } from '../names';
import type { OnPremCertificates } from './certificates';
import { ONPREM } from './context';
import type { OnPremContext, OnPremSite } from './context';
import { ownNamespace } from './restricted-namespace';
import { syncSecret } from './synced-secret';

const API = 'cert-manager.io/v1';

/** A wildcard certificate for a domain that the site's own name servers answer for. */
export class OnPremDnsZone extends Construct implements IDnsZone {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly domainName: string;
  /** Empty: records are entered where the site keeps them. */
  readonly nameServers: readonly string[] = [];
  /** Name of the TLS Secret. */
  readonly certificate: string;
  /** Namespace of the TLS Secret. */
  readonly namespace: string;

  /** @throws LNMT1007 where nobody signs certificates */
  constructor(scope: Construct, id: string, props: DnsZoneProps & OnPremContext) {
    const { certificates, gaps } = props.site;
    if (certificates === undefined) refuseGap({ name: ONPREM, gaps }, scope, 'dns-zone');
    super(scope, id);
    this.domainName = props.domainName;
    const name = legalName(KUBERNETES_NAMES.label, [...props.naming, 'tls'], this);
    this.certificate = name;
    this.namespace = name;
    const issuer = certificates.issuerName ?? name;
    this.kubernetes = {
      addons: certificates.issuerName === undefined ? [certManager()] : [],
      objects: [
        ...ownNamespace(this, name, props.onRemoval),
        ...issuerOf(props.site, certificates, issuer),
        {
          id: 'certificate',
          layer: '20-platform',
          namespace: name,
          define: (chart) => defineCertificate(chart, { name, issuer, domainName: props.domainName }),
        },
      ],
    };
  }
}

function issuerOf(
  site: OnPremSite,
  { authoritySecret }: OnPremCertificates,
  name: string,
): readonly KubernetesObjects[] {
  if (authoritySecret === undefined) return [];
  const { namespace } = certManager();
  return [
    {
      id: 'issuer',
      layer: '20-platform',
      define: (chart) => {
        syncSecret(chart, 'Authority', namespace, {
          name,
          key: site.secrets.key(authoritySecret),
          fields: { 'tls.crt': 'tls.crt', 'tls.key': 'tls.key' },
          type: 'kubernetes.io/tls',
        });
        new ApiObject(chart, 'Issuer', {
          apiVersion: API,
          kind: 'ClusterIssuer',
          metadata: { name },
          spec: { ca: { secretName: name } },
        });
      },
    },
  ];
}

function defineCertificate(
  chart: Chart,
  { domainName, issuer, name }: { readonly name: string; readonly issuer: string; readonly domainName: string },
): void {
  new ApiObject(chart, 'Certificate', {
    apiVersion: API,
    kind: 'Certificate',
    metadata: { name },
    spec: {
      secretName: name,
      dnsNames: [domainName, `*.${domainName}`],
      duration: '2160h',
      renewBefore: '720h',
      privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
      issuerRef: { kind: 'ClusterIssuer', name: issuer },
    },
  });
}

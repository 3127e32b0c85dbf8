import type { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Addon } from '../addons/addon';
import { certManager } from '../addons/cert-manager';
import { COMPONENTS } from '../../runtime/contract';
import type { IngressRule } from '../kubernetes/network-policy';
import type { CertificateIssuer } from '../kubernetes/server-certificate';
import { KUBERNETES_NAMES, legalName } from '../names';
import type { RemovalPolicy } from '../stateful';
import type { OnPremSite } from './context';
import { KEEP } from './restricted-namespace';

/** Longest name that leaves room for the suffixes of services and pods. */
const SERVER_NAMES = { maxLength: 50 };

/** Name of a server in the cluster, and of the namespace that is its own. */
export function serverName(naming: readonly string[], scope?: Construct): string {
  return legalName(SERVER_NAMES, naming, scope);
}

/** Pods of some namespaces, as those who may connect. */
export function fromNamespaces(namespaces: readonly string[]): readonly IngressRule[] {
  return namespaces.map((name) => ({ description: `pods of namespace ${name}`, namespace: { name } }));
}

/** Who may connect to a server: the namespaces that the site states, or those of the platform's own servers. */
export function clientsOf(site: OnPremSite, naming: readonly string[]): readonly IngressRule[] {
  const platform = naming.slice(0, 1);
  const own = Object.values(COMPONENTS).map((role) => legalName(KUBERNETES_NAMES.label, [...platform, role]));
  return fromNamespaces(site.clientNamespaces ?? own);
}

/** cert-manager where the site has none, and the issuer where it has one. */
export function certificatesOf({ certificates }: OnPremSite): {
  readonly addons: readonly Addon[];
  readonly issuer?: CertificateIssuer;
} {
  const name = certificates?.issuerName;
  return name === undefined ? { addons: [certManager()] } : { addons: [], issuer: { name } };
}

/** The main object of a construct of the Kubernetes half. */
export function mainObject(owner: Construct): ApiObject {
  return owner.node.findChild('Resource') as ApiObject;
}

/** Lets Helm leave an object behind when its release is removed, unless it is to be destroyed. */
export function keepUnlessDestroyed(owner: Construct, onRemoval: RemovalPolicy = 'retain'): void {
  if (onRemoval === 'destroy') return;
  for (const [key, value] of Object.entries(KEEP)) mainObject(owner).metadata.addAnnotation(key, value);
}

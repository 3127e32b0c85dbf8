import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IWorkloadIdentity, WorkloadIdentityProps } from '../cloud/workload-identity';
import { brand, expectHere, ONPREM } from './context';
import type { OnPremContext, OnPremSite } from './context';

const BRAND = Symbol.for('lnmt/onprem/workload-identity');

/**
 * A plain service account: there is no cloud to vouch to. Grants on a store bring its credentials into the namespace.
 */
export class OnPremWorkloadIdentity extends Construct implements IWorkloadIdentity {
  /** Namespaces of a site in which a program has workloads. */
  static namespacesOf(root: IConstruct, site: OnPremSite): readonly string[] {
    const isOne = (node: IConstruct): node is OnPremWorkloadIdentity => BRAND in node;
    const here = root.node.findAll().filter(isOne);
    return here.filter((identity) => identity.site === site).map(({ namespace }) => namespace);
  }

  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly serviceAccountAnnotations: Readonly<Record<string, string>> = {};
  readonly podLabels: Readonly<Record<string, string>> = {};
  private readonly site: OnPremSite;

  constructor(scope: Construct, id: string, props: WorkloadIdentityProps & OnPremContext) {
    super(scope, id);
    brand(this, BRAND);
    this.site = props.site;
    expectHere(this, { cluster: props.cluster });
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;
  }
}

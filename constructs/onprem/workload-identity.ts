import { Construct } from 'constructs';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IWorkloadIdentity, WorkloadIdentityProps } from '../cloud/workload-identity';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';

/**
 * A plain service account: there is no cloud to vouch to. Grants on a store bring its credentials into the namespace.
 */
export class OnPremWorkloadIdentity extends Construct implements IWorkloadIdentity {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly serviceAccountAnnotations: Readonly<Record<string, string>> = {};
  readonly podLabels: Readonly<Record<string, string>> = {};

  constructor(scope: Construct, id: string, props: WorkloadIdentityProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { cluster: props.cluster });
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;
  }
}

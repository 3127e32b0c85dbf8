import { EksPodIdentityAssociation } from '@cdktf/provider-aws/lib/eks-pod-identity-association';
import type { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IWorkloadIdentity, WorkloadIdentityProps } from '../cloud/workload-identity';
import { EksCluster } from './cluster';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { policyDocument } from './iam';
import type { PolicyStatement } from './iam';
import { podIdentityRole } from './pod-identity-role';

const BRAND = Symbol.for('lnmt/aws/workload-identity');

/**
 * A role that exactly one Kubernetes service account can take, through EKS Pod Identity. It may do nothing until a block
 * grants it something.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html
 */
export class AwsWorkloadIdentity extends Construct implements IWorkloadIdentity {
  /** Narrows a neutral identity. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this class */
  static expect(scope: IConstruct, identity: IWorkloadIdentity, property = 'identity'): AwsWorkloadIdentity {
    return expectBrand<AwsWorkloadIdentity>(scope, property, identity, BRAND, 'AwsWorkloadIdentity');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly namespace: string;
  readonly serviceAccountName: string;
  /** Empty: the association lives in AWS. */
  readonly serviceAccountAnnotations: Readonly<Record<string, string>> = {};
  /** Empty: the agent finds the pods by itself. */
  readonly podLabels: Readonly<Record<string, string>> = {};
  /** The role; policies are attached to it. */
  readonly role: IamRole;

  constructor(scope: Construct, id: string, props: WorkloadIdentityProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const cluster = EksCluster.expect(this, props.cluster);
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;
    this.role = podIdentityRole(this, 'Role', {
      naming: props.naming,
      region: props.region,
      cluster,
      namespace: props.namespace,
      serviceAccountName: props.serviceAccountName,
    });
    new EksPodIdentityAssociation(this, 'Resource', {
      clusterName: cluster.clusterName,
      namespace: props.namespace,
      serviceAccount: props.serviceAccountName,
      roleArn: this.role.arn,
    });
  }

  /**
   * Attaches an inline policy to the role.
   *
   * @param id construct id below the identity; unique among its policies
   */
  allow(id: string, statements: readonly PolicyStatement[]): void {
    new IamRolePolicy(this, id, {
      name: id,
      role: this.role.name,
      policy: policyDocument(statements),
    });
  }
}

import { EksAccessEntry } from '@cdktf/provider-aws/lib/eks-access-entry';
import { EksAccessPolicyAssociation } from '@cdktf/provider-aws/lib/eks-access-policy-association';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import type { Construct } from 'constructs';
import type { ClusterAccess } from '../cloud/cluster';
import { partitionOf } from './context';

/** Who may use the Kubernetes API, and from where. */
export interface ClusterAccessProps {
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** Name of the cluster; may be a token. */
  readonly clusterName: string;
  /** ARNs of IAM principals with all rights. */
  readonly administrators: readonly string[];
  /** From where the API is reached. */
  readonly access: ClusterAccess;
  /** Range of the network. */
  readonly cidr: string;
  /** The security group that EKS makes. */
  readonly clusterSecurityGroupId: string;
}

/**
 * Access entries of administrators, and the way to the private endpoint for whoever deploys inside the network.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
 */
export function addClusterAccess(scope: Construct, props: ClusterAccessProps): void {
  props.administrators.forEach((principalArn, index) => {
    const entry = new EksAccessEntry(scope, `Administrator${index}`, {
      clusterName: props.clusterName,
      principalArn,
      type: 'STANDARD',
    });
    new EksAccessPolicyAssociation(scope, `Administrator${index}Policy`, {
      clusterName: props.clusterName,
      principalArn: entry.principalArn,
      policyArn: `arn:${partitionOf(props.region)}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy`,
      accessScope: { type: 'cluster' },
    });
  });
  if (props.access.publicCidrs.length === 0) {
    new VpcSecurityGroupIngressRule(scope, 'ApiFromNetwork', {
      securityGroupId: props.clusterSecurityGroupId,
      description: 'Kubernetes API from inside the network',
      cidrIpv4: props.cidr,
      ipProtocol: 'tcp',
      fromPort: 443,
      toPort: 443,
    });
  }
}

/** Lets machines with the role join the cluster. Managed node groups have theirs written by EKS. */
export function addNodeAccess(
  scope: Construct,
  id: string,
  props: { readonly clusterName: string; readonly roleArn: string },
): void {
  new EksAccessEntry(scope, id, { clusterName: props.clusterName, principalArn: props.roleArn, type: 'EC2_LINUX' });
}

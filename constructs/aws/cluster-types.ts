import type { ClusterConnection, ICluster } from '../cloud/cluster';

/** Marks the EKS clusters of this folder. */
export const CLUSTER_BRAND = Symbol.for('lnmt/aws/cluster');

/** What node pools take from their cluster. */
export interface NodeFoundation {
  /** Subnets of nodes. @default - adopted clusters may have none */
  readonly subnetIds?: readonly string[];
  /** Zones of the subnets. @default - unknown for an adopted network */
  readonly availabilityZones?: readonly string[];
  /** Role of the nodes that Karpenter launches. @default - adopted clusters may have none */
  readonly karpenterRoleName?: string;
  /** Role of the nodes of managed node groups. @default - adopted clusters may have none */
  readonly managedRoleArn?: string;
}

/** An EKS cluster, created here or adopted. */
export interface IEksCluster extends ICluster {
  /** Code of the region that it lives in. */
  readonly region: string;
  /** ARN of the cluster. */
  readonly clusterArn: string;
  /** The security group that EKS makes for control plane and nodes; everything inside it may talk. */
  readonly clusterSecurityGroupId: string;
  /** What node pools need of it. */
  readonly nodes: NodeFoundation;
}

/** A connection whose credential the AWS CLI prints when it is needed: a token of ours would expire after 15 minutes. */
export function execConnection(
  region: string,
  clusterName: string,
  host: string,
  certificateAuthorityData: string,
): ClusterConnection {
  return {
    kind: 'exec',
    host,
    certificateAuthorityData,
    command: 'aws',
    args: ['eks', 'get-token', '--region', region, '--cluster-name', clusterName],
  };
}

/** Command that adds the cluster to a person's kubeconfig. */
export function kubeconfigCommand(region: string, clusterName: string): string {
  return `aws eks update-kubeconfig --region ${region} --name ${clusterName}`;
}

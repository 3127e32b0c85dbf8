import { DataAwsEksCluster } from '@cdktf/provider-aws/lib/data-aws-eks-cluster';
import { Construct } from 'constructs';
import { literal } from '../checks';
import type { ClusterConnection } from '../cloud/cluster';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { KubernetesVersion } from '../versions';
import { kubernetesVersion } from '../versions';
import { CLUSTER_BRAND, execConnection, kubeconfigCommand } from './cluster-types';
import type { IEksCluster, NodeFoundation } from './cluster-types';
import { AWS, brand } from './context';
import { checkRegion } from './regions';

/** Props of an adopted EKS cluster. */
export interface ImportedClusterProps {
  /** Name of the cluster; may be a token. */
  readonly clusterName: string;
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** Kubernetes minor that it runs; the deployment stops when it runs another. */
  readonly version: KubernetesVersion;
  /** URL of the Kubernetes API. @default - read from the cluster */
  readonly endpoint?: string;
  /** Private subnets for nodes. @default - none: no pool can be added */
  readonly subnetIds?: readonly string[];
  /** Name of the role of nodes that Karpenter launches. @default - none: no pool can be added */
  readonly karpenterRoleName?: string;
  /** ARN of the role of managed node groups. @default - none: no pool with fixed nodes can be added */
  readonly managedRoleArn?: string;
  /** Whether it serves `metrics.k8s.io`. @default false: metrics-server is installed */
  readonly servesResourceMetrics?: boolean;
}

/** An EKS cluster that was created elsewhere. */
export class ImportedEksCluster extends Construct implements IEksCluster {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly region: string;
  readonly version: KubernetesVersion;
  readonly clusterName: string;
  readonly clusterArn: string;
  readonly clusterSecurityGroupId: string;
  readonly connection: ClusterConnection;
  readonly kubeconfigCommand: string;
  readonly servesResourceMetrics: boolean;
  readonly nodes: NodeFoundation;

  constructor(scope: Construct, id: string, props: ImportedClusterProps) {
    super(scope, id);
    brand(this, CLUSTER_BRAND);
    this.region = checkRegion(this, 'region', props.region);
    this.version = kubernetesVersion(props.version, this);
    const data = new DataAwsEksCluster(this, 'Resource', { name: props.clusterName });
    data.lifecycle = {
      postcondition: [
        {
          condition: `\${self.version == "${this.version}"}`,
          errorMessage: `LNMT1005: the adopted cluster does not run Kubernetes ${this.version}; pass the version that it runs`,
        },
      ],
    };
    this.clusterName = data.name;
    this.clusterArn = data.arn;
    this.clusterSecurityGroupId = data.vpcConfig.get(0).clusterSecurityGroupId;
    const certificate = data.certificateAuthority.get(0).data;
    this.connection = execConnection(this.region, this.clusterName, props.endpoint ?? data.endpoint, certificate);
    this.kubeconfigCommand = kubeconfigCommand(this.region, this.clusterName);
    this.servesResourceMetrics = props.servesResourceMetrics ?? false;
    this.nodes = {
      subnetIds: props.subnetIds && literal(this, 'subnetIds', props.subnetIds),
      karpenterRoleName: props.karpenterRoleName,
      managedRoleArn: props.managedRoleArn,
    };
  }
}

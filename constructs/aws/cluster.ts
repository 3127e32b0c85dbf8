import { EksCluster as EksClusterResource } from '@cdktf/provider-aws/lib/eks-cluster';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import type { ClusterConnection, ClusterProps, ICluster } from '../cloud/cluster';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { legalName } from '../names';
import { stateful } from '../stateful';
import type { KubernetesVersion } from '../versions';
import { addAddonsAfterNodes, addAddonsBeforeNodes } from './cluster-addons';
import { addClusterAccess, addNodeAccess } from './cluster-access';
import { ImportedEksCluster } from './cluster-import';
import type { ImportedClusterProps } from './cluster-import';
import { controlPlaneRole, nodeRole } from './cluster-roles';
import type { AttachedRole } from './cluster-roles';
import { CLUSTER_BRAND, execConnection, kubeconfigCommand } from './cluster-types';
import type { IEksCluster, NodeFoundation } from './cluster-types';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { defaultStorageClass } from './default-storage-class';
import { KmsKey } from './encryption-key';
import { KarpenterController } from './karpenter-controller';
import { logGroup, logRetentionDays } from './log-group';
import { AWS_NAMES } from './names';
import { VpcNetwork } from './network';
import type { IVpcNetwork } from './network';
import { expectRegion } from './regions';
import { systemNodes } from './system-nodes';

const LOG_TYPES = ['api', 'audit', 'authenticator', 'controllerManager', 'scheduler'];

/** Props of an EKS cluster. */
export interface EksClusterProps extends ClusterProps, AwsContext {}

/**
 * An EKS cluster: access entries, private endpoint, encrypted secrets, all control-plane logs, a tainted system pool, and
 * Karpenter for every other node.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/clusters.html
 */
export class EksCluster extends Construct implements IEksCluster {
  /**
   * Adopts a cluster that has Karpenter, the Pod Identity agent and the EBS CSI driver.
   *
   * @throws LNMT2001 for a malformed region, LNMT1005 for an unsupported version
   */
  static fromCluster(scope: Construct, id: string, props: ImportedClusterProps): IEksCluster {
    return new ImportedEksCluster(scope, id, props);
  }

  /** Narrows a neutral cluster. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this class */
  static expect(scope: IConstruct, cluster: ICluster, property = 'cluster'): IEksCluster {
    return expectBrand<IEksCluster>(scope, property, cluster, CLUSTER_BRAND, 'EksCluster');
  }

  readonly cloud = AWS;
  readonly region: string;
  readonly version: KubernetesVersion;
  readonly clusterName: string;
  readonly clusterArn: string;
  readonly clusterSecurityGroupId: string;
  readonly connection: ClusterConnection;
  readonly kubeconfigCommand: string;
  readonly kubernetes: KubernetesParts;
  /** True: metrics-server is one of the add-ons that EKS keeps. */
  readonly servesResourceMetrics = true;
  readonly nodes: NodeFoundation;

  constructor(scope: Construct, id: string, props: EksClusterProps) {
    super(scope, id);
    brand(this, CLUSTER_BRAND);
    this.region = props.region;
    this.version = props.version;
    const network = VpcNetwork.expect(this, props.network);
    expectRegion(this, 'network', network, this.region);
    const resource = this.controlPlane(props, network);
    this.clusterName = resource.name;
    this.clusterArn = resource.arn;
    this.clusterSecurityGroupId = resource.vpcConfig.clusterSecurityGroupId;
    const certificate = resource.certificateAuthority.get(0).data;
    this.connection = execConnection(this.region, this.clusterName, resource.endpoint, certificate);
    this.kubeconfigCommand = kubeconfigCommand(this.region, this.clusterName);
    addClusterAccess(this, {
      region: this.region,
      clusterName: this.clusterName,
      clusterSecurityGroupId: this.clusterSecurityGroupId,
      administrators: props.administrators ?? [],
      access: props.access,
      cidr: network.cidr,
    });
    const systemRole = nodeRole(this, 'SystemNode', props);
    const karpenterRole = nodeRole(this, 'KarpenterNode', props);
    addNodeAccess(this, 'KarpenterNodeAccess', {
      clusterName: this.clusterName,
      roleArn: karpenterRole.role.arn,
    });
    this.addSystemNodes(props, network, resource, systemRole);
    const karpenter = new KarpenterController(this, 'Karpenter', {
      naming: props.naming,
      region: props.region,
      cluster: this,
      nodeRoleArn: karpenterRole.role.arn,
    });
    this.kubernetes = { addons: karpenter.addons, objects: [defaultStorageClass()] };
    this.nodes = {
      subnetIds: network.privateSubnetIds,
      availabilityZones: network.availabilityZones,
      karpenterRoleName: karpenterRole.role.name,
      managedRoleArn: systemRole.role.arn,
    };
  }

  private controlPlane(props: EksClusterProps, network: IVpcNetwork): EksClusterResource {
    const key = props.encryptionKey ? KmsKey.expect(this, props.encryptionKey) : undefined;
    const name = legalName(AWS_NAMES.cluster, props.naming, this);
    const logs = logGroup(this, 'Logs', {
      name: `/aws/eks/${name}/cluster`,
      retentionDays: logRetentionDays(this, 'logRetentionDays', props.logRetentionDays ?? 365),
      kmsKeyArn: key?.keyId,
    });
    const { role, attachments } = controlPlaneRole(this, { ...props, keyArn: key?.keyId });
    const onRemoval = props.onRemoval ?? 'retain';
    const cluster = new EksClusterResource(this, 'Resource', {
      name,
      version: props.version,
      roleArn: role.arn,
      bootstrapSelfManagedAddons: false,
      enabledClusterLogTypes: LOG_TYPES,
      deletionProtection: onRemoval === 'retain',
      accessConfig: {
        authenticationMode: 'API',
        bootstrapClusterCreatorAdminPermissions: (props.administrators ?? []).length === 0,
      },
      upgradePolicy: { supportType: 'STANDARD' },
      zonalShiftConfig: { enabled: true },
      vpcConfig: {
        subnetIds: [...network.privateSubnetIds],
        endpointPrivateAccess: true,
        endpointPublicAccess: props.access.publicCidrs.length > 0,
        publicAccessCidrs: props.access.publicCidrs.length > 0 ? [...props.access.publicCidrs] : undefined,
      },
      encryptionConfig: key ? { provider: { keyArn: key.keyId }, resources: ['secrets'] } : undefined,
      dependsOn: [logs, ...attachments],
    });
    // Read only when the cluster is created: without this, naming administrators later would replace it.
    cluster.lifecycle = { ignoreChanges: ['access_config[0].bootstrap_cluster_creator_admin_permissions'] };
    return stateful(cluster, [...props.naming, 'cluster'], onRemoval);
  }

  private addSystemNodes(
    props: EksClusterProps,
    network: IVpcNetwork,
    resource: EksClusterResource,
    { role, attachments }: AttachedRole,
  ): void {
    const shared = { cluster: this, naming: props.naming, region: props.region };
    const addons = addAddonsBeforeNodes(this, shared);
    const nodes = systemNodes(this, {
      naming: props.naming,
      clusterName: this.clusterName,
      version: resource.version,
      nodeRoleArn: role.arn,
      subnetIds: network.privateSubnetIds,
      options: props.systemNodes ?? {},
      tags: props.tags ?? {},
      dependsOn: [...attachments, ...addons],
    });
    addAddonsAfterNodes(this, { ...shared, nodes });
  }
}

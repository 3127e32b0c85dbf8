import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import { Construct } from 'constructs';
import type { ICluster } from '../cloud/cluster';
import type { INetwork } from '../cloud/network';
import { legalName } from '../names';
import { EksCluster } from './cluster';
import { AWS_NAMES } from './names';
import { VpcNetwork } from './network';
import { expectRegion } from './regions';

/** TCP ports from the first to the last. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Props of a group that only the nodes of one cluster reach. */
export interface NodesOnlyProps {
  readonly naming: readonly string[];
  readonly network: INetwork;
  readonly cluster: ICluster;
  /** What listens, for people, e.g. `PostgreSQL`. */
  readonly service: string;
  readonly ports: readonly PortRange[];
  /** Members of the group reach each other on the same ports, as the servers of a Lustre file system must. @default false */
  readonly amongThemselves?: boolean;
}

/** A security group in which a managed service hides: it is reached from the nodes of one cluster, on its ports, and reaches nothing. */
export class NodesOnly extends Construct {
  /** Id of the group, as a token. */
  readonly securityGroupId: string;
  /** Private subnets of the network, one a zone. */
  readonly subnetIds: readonly string[];

  constructor(scope: Construct, id: string, props: NodesOnlyProps) {
    super(scope, id);
    const network = VpcNetwork.expect(this, props.network);
    const cluster = EksCluster.expect(this, props.cluster);
    expectRegion(this, 'network', network, cluster.region);
    this.subnetIds = network.privateSubnetIds;
    const group = new SecurityGroup(this, 'Resource', {
      name: legalName(AWS_NAMES.securityGroup, props.naming, this),
      description: `${props.service} for the nodes of the cluster`,
      vpcId: network.vpcId,
    });
    this.securityGroupId = group.id;
    for (const ports of props.ports) {
      this.open(ports, `${props.service} from nodes`, 'Nodes', cluster.clusterSecurityGroupId);
      if (props.amongThemselves) this.open(ports, `${props.service} among its servers`, 'Servers', group.id, true);
    }
  }

  private open(ports: PortRange, description: string, who: string, source: string, bothWays = false): void {
    const rule = {
      securityGroupId: this.securityGroupId,
      referencedSecurityGroupId: source,
      description,
      ipProtocol: 'tcp',
      fromPort: ports.from,
      toPort: ports.to,
    };
    new VpcSecurityGroupIngressRule(this, `From${who}-${ports.from}`, rule);
    if (bothWays) new VpcSecurityGroupEgressRule(this, `To${who}-${ports.from}`, rule);
  }
}

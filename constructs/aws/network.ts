import { isIPv4 } from 'node:net';
import { DataAwsAvailabilityZones } from '@cdktf/provider-aws/lib/data-aws-availability-zones';
import { DefaultSecurityGroup } from '@cdktf/provider-aws/lib/default-security-group';
import { Subnet } from '@cdktf/provider-aws/lib/subnet';
import { Vpc } from '@cdktf/provider-aws/lib/vpc';
import { propertyAccess } from 'cdktf';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { literal, oneOf, wholeNumber } from '../checks';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { INetwork, NetworkProps } from '../cloud/network';
import { legalName } from '../names';
import { unusableCidr } from '../errors';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { emptyList, tooFewSubnets, tooFewZones } from './errors';
import { logRetentionDays } from './log-group';
import { AWS_NAMES } from './names';
import { addNetworkEndpoints } from './network-endpoints';
import { addFlowLogs } from './network-flow-logs';
import { addRouting } from './network-routing';
import { DEFAULT_ZONES, checkRegion, zonesOf } from './regions';
import { planSubnets } from './subnets';
import type { SubnetPlan } from './subnets';

const BRAND = Symbol.for('lnmt/aws/network');
/** EKS wants two zones. */
const MIN_SUBNETS = 2;

/** A VPC, created here or adopted. */
export interface IVpcNetwork extends INetwork {
  /** Code of the region that it lives in. */
  readonly region: string;
  /** Id of the VPC. */
  readonly vpcId: string;
  /** One subnet a zone, without public addresses. */
  readonly privateSubnetIds: readonly string[];
  /** Zones of the subnets, in their order. @default - unknown for an adopted network */
  readonly availabilityZones?: readonly string[];
}

/** Props of a VPC. */
export interface VpcNetworkProps extends NetworkProps, AwsContext {
  /** Names of the zones to use. @default - the first ones that AWS offers to the account */
  readonly availabilityZones?: readonly string[];
}

/** Props of an adopted VPC. */
export interface ImportedVpcProps {
  /** Id of the VPC. */
  readonly vpcId: string;
  /** IPv4 range of the VPC. */
  readonly cidr: string;
  /** Ids of subnets for nodes and data, in at least two zones, with a route to the internet or to private endpoints. */
  readonly privateSubnetIds: readonly string[];
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
}

/**
 * Zones in which EKS cannot place its control plane.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
 */
const ZONES_WITHOUT_EKS = ['use1-az3', 'usw1-az2', 'cac1-az3'];

/**
 * A VPC with private subnets for nodes and data, NAT, flow logs, and private endpoints of the services that are used.
 * Nothing in it has a public address but the NAT gateways.
 *
 * @see https://docs.aws.amazon.com/eks/latest/best-practices/subnets.html
 */
export class VpcNetwork extends Construct implements IVpcNetwork {
  /** Adopts a VPC. @throws LNMT2001 for a malformed region, LNMT2007 without subnets, LNMT2014 with one, LNMT1004 for a list that is a token, LNMT1014 for a malformed range */
  static fromVpc(scope: Construct, id: string, props: ImportedVpcProps): IVpcNetwork {
    return new ImportedVpcNetwork(scope, id, props);
  }

  /** Narrows a neutral network. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this class */
  static expect(scope: IConstruct, network: INetwork, property = 'network'): IVpcNetwork {
    return expectBrand<IVpcNetwork>(scope, property, network, BRAND, 'VpcNetwork');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly region: string;
  readonly cidr: string;
  readonly vpcId: string;
  readonly privateSubnetIds: readonly string[];
  readonly availabilityZones: readonly string[];
  private readonly naming: readonly string[];

  constructor(scope: Construct, id: string, props: VpcNetworkProps) {
    super(scope, id);
    brand(this, BRAND);
    this.naming = props.naming;
    this.region = props.region;
    this.cidr = props.cidr ?? '10.0.0.0/16';
    const zones = zoneCount(this, props);
    const plan = planSubnets(this.cidr, zones, this);
    const retentionDays = logRetentionDays(this, 'flowLogRetentionDays', props.flowLogRetentionDays ?? 365);
    const natGateways = oneOf(this, 'natGateways', props.natGateways ?? 'per-zone', ['per-zone', 'single']);
    const vpc = new Vpc(this, 'Resource', {
      cidrBlock: this.cidr,
      enableDnsSupport: true,
      enableDnsHostnames: true,
      tags: this.nameTag(),
    });
    this.vpcId = vpc.id;
    this.availabilityZones = props.availabilityZones?.slice(0, zones) ?? this.discoverZones(zones);
    new DefaultSecurityGroup(this, 'DefaultSecurityGroup', { vpcId: this.vpcId, tags: this.nameTag('closed') });
    const privateSubnets = this.subnets('Private', plan, {
      'kubernetes.io/role/internal-elb': '1',
      'karpenter.sh/discovery': legalName(AWS_NAMES.tagValue, props.naming, this),
    });
    const publicSubnets = this.subnets('Public', plan, {});
    this.privateSubnetIds = privateSubnets.map((subnet) => subnet.id);
    const { privateRouteTableIds } = addRouting(this, {
      naming: props.naming,
      vpcId: this.vpcId,
      privateSubnetIds: this.privateSubnetIds,
      publicSubnetIds: publicSubnets.map((subnet) => subnet.id),
      natGateways,
    });
    addNetworkEndpoints(this, {
      naming: props.naming,
      region: this.region,
      vpcId: this.vpcId,
      cidr: this.cidr,
      privateSubnetIds: this.privateSubnetIds,
      privateRouteTableIds,
    });
    addFlowLogs(this, { naming: props.naming, region: this.region, vpcId: this.vpcId, retentionDays });
  }

  private discoverZones(count: number): string[] {
    const zones = new DataAwsAvailabilityZones(this, 'Zones', {
      state: 'available',
      filter: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }],
      excludeZoneIds: ZONES_WITHOUT_EKS,
    });
    zones.lifecycle = {
      postcondition: [
        {
          condition: `\${length(self.names) >= ${count}}`,
          errorMessage: `LNMT2004: ${this.region} offers this account fewer than ${count} zones; set zones of the network to what it offers`,
        },
      ],
    };
    return Array.from({ length: count }, (_, index) => propertyAccess(zones.names, [index]).toString());
  }

  private subnets(kind: 'Private' | 'Public', plan: SubnetPlan, tags: Readonly<Record<string, string>>): Subnet[] {
    const cidrs = kind === 'Private' ? plan.private : plan.public;
    return cidrs.map(
      (cidrBlock, index) =>
        new Subnet(this, `${kind}Subnet${index}`, {
          vpcId: this.vpcId,
          cidrBlock,
          availabilityZone: this.availabilityZones[index],
          mapPublicIpOnLaunch: false,
          tags: { ...this.nameTag(kind.toLowerCase(), String(index)), ...tags },
        }),
    );
  }

  private nameTag(...role: readonly string[]): Record<string, string> {
    return { Name: legalName(AWS_NAMES.tagValue, [...this.naming, ...role], this) };
  }
}

function zoneCount(scope: IConstruct, props: VpcNetworkProps): number {
  const offered = props.availabilityZones?.length ?? zonesOf(props.region);
  const wanted = props.zones ?? Math.min(DEFAULT_ZONES, offered);
  wholeNumber(scope, 'zones', wanted, { min: 2, max: DEFAULT_ZONES });
  if (wanted > offered) throw tooFewZones(scope, 'zones', wanted, props.region, offered);
  return wanted;
}

class ImportedVpcNetwork extends Construct implements IVpcNetwork {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly region: string;
  readonly cidr: string;
  readonly vpcId: string;
  readonly privateSubnetIds: readonly string[];

  constructor(scope: Construct, id: string, props: ImportedVpcProps) {
    super(scope, id);
    brand(this, BRAND);
    if (props.privateSubnetIds.length === 0) throw emptyList(this, 'privateSubnetIds');
    this.region = checkRegion(this, 'region', props.region);
    this.cidr = vpcRange(this, props.cidr);
    this.vpcId = props.vpcId;
    const subnets = literal(this, 'privateSubnetIds', props.privateSubnetIds);
    if (new Set(subnets).size < MIN_SUBNETS) throw tooFewSubnets(this, 'privateSubnetIds', subnets);
    this.privateSubnetIds = subnets;
  }
}

// What a VPC can have; one that only Terraform knows is passed on.
function vpcRange(scope: IConstruct, cidr: string): string {
  const [address = '', bits = '', ...more] = cidr.split('/');
  const prefix = /^\d{2}$/.test(bits) ? Number(bits) : 0;
  if (cidr.includes('${') || (isIPv4(address) && prefix >= 16 && prefix <= 28 && more.length === 0)) return cidr;
  throw unusableCidr(scope, 'cidr', cidr, 'the IPv4 range of the VPC, from /16 to /28, such as 10.20.0.0/16');
}

import { Eip } from '@cdktf/provider-aws/lib/eip';
import { InternetGateway } from '@cdktf/provider-aws/lib/internet-gateway';
import { NatGateway } from '@cdktf/provider-aws/lib/nat-gateway';
import { Route } from '@cdktf/provider-aws/lib/route';
import { RouteTable } from '@cdktf/provider-aws/lib/route-table';
import { RouteTableAssociation } from '@cdktf/provider-aws/lib/route-table-association';
import type { Construct } from 'constructs';
import { legalName } from '../names';
import { AWS_NAMES } from './names';

/** Subnets to be connected; lists are in the order of zones. */
export interface RoutingProps {
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Id of the VPC. */
  readonly vpcId: string;
  /** Ids of the private subnets, in the order of zones. */
  readonly privateSubnetIds: readonly string[];
  /** Ids of the public subnets, in the order of zones. */
  readonly publicSubnetIds: readonly string[];
  /** One a zone, or a single one. */
  readonly natGateways: 'per-zone' | 'single';
}

const EVERYWHERE = '0.0.0.0/0';

/** Gives public subnets the internet gateway and private subnets a NAT gateway: that of their own zone, or the only one. */
export function addRouting(
  scope: Construct,
  props: RoutingProps,
): { readonly privateRouteTableIds: readonly string[] } {
  const natIds = addNatGateways(scope, props);
  const privateRouteTableIds = props.privateSubnetIds.map((subnetId, index) => {
    const table = new RouteTable(scope, `PrivateRoutes${index}`, {
      vpcId: props.vpcId,
      tags: nameTag(scope, props, 'private', String(index)),
    });
    new Route(scope, `PrivateDefaultRoute${index}`, {
      routeTableId: table.id,
      destinationCidrBlock: EVERYWHERE,
      natGatewayId: natIds[index] ?? natIds[0],
    });
    new RouteTableAssociation(scope, `PrivateAssociation${index}`, { subnetId, routeTableId: table.id });
    return table.id;
  });
  return { privateRouteTableIds };
}

function addNatGateways(scope: Construct, props: RoutingProps): string[] {
  const gateway = new InternetGateway(scope, 'InternetGateway', { vpcId: props.vpcId, tags: nameTag(scope, props) });
  const table = new RouteTable(scope, 'PublicRoutes', {
    vpcId: props.vpcId,
    tags: nameTag(scope, props, 'public'),
  });
  new Route(scope, 'PublicDefaultRoute', {
    routeTableId: table.id,
    destinationCidrBlock: EVERYWHERE,
    gatewayId: gateway.id,
  });
  props.publicSubnetIds.forEach((subnetId, index) => {
    new RouteTableAssociation(scope, `PublicAssociation${index}`, { subnetId, routeTableId: table.id });
  });
  const subnets = props.natGateways === 'single' ? props.publicSubnetIds.slice(0, 1) : props.publicSubnetIds;
  return subnets.map((subnetId, index) => {
    const tags = nameTag(scope, props, 'nat', String(index));
    const address = new Eip(scope, `NatAddress${index}`, { domain: 'vpc', tags });
    return new NatGateway(scope, `Nat${index}`, {
      subnetId,
      allocationId: address.id,
      tags,
      dependsOn: [gateway],
    }).id;
  });
}

function nameTag(scope: Construct, props: RoutingProps, ...role: readonly string[]): Record<string, string> {
  return { Name: legalName(AWS_NAMES.tagValue, [...props.naming, ...role], scope) };
}

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
  readonly naming: readonly string[];
  readonly vpcId: string;
  readonly privateSubnetIds: readonly string[];
  readonly publicSubnetIds: readonly string[];
  readonly natGateways: 'per-zone' | 'single';
}

const EVERYWHERE = '0.0.0.0/0';

/** Gives public subnets the internet gateway and private subnets a NAT gateway: that of their own zone, or the only one. */
export function addRouting(
  scope: Construct,
  props: RoutingProps,
): { readonly privateRouteTableIds: readonly string[] } {
  const tags = (...role: readonly string[]): Record<string, string> => ({
    Name: legalName(AWS_NAMES.tagValue, [...props.naming, ...role], scope),
  });
  const gateway = new InternetGateway(scope, 'InternetGateway', { vpcId: props.vpcId, tags: tags() });
  const publicTable = new RouteTable(scope, 'PublicRoutes', { vpcId: props.vpcId, tags: tags('public') });
  new Route(scope, 'PublicDefaultRoute', {
    routeTableId: publicTable.id,
    destinationCidrBlock: EVERYWHERE,
    gatewayId: gateway.id,
  });
  props.publicSubnetIds.forEach((subnetId, index) => {
    new RouteTableAssociation(scope, `PublicAssociation${index}`, { subnetId, routeTableId: publicTable.id });
  });
  const natSubnets = props.natGateways === 'single' ? props.publicSubnetIds.slice(0, 1) : props.publicSubnetIds;
  const natIds = natSubnets.map((subnetId, index) => {
    const address = new Eip(scope, `NatAddress${index}`, { domain: 'vpc', tags: tags('nat', String(index)) });
    const nat = new NatGateway(scope, `Nat${index}`, {
      subnetId,
      allocationId: address.id,
      tags: tags('nat', String(index)),
      dependsOn: [gateway],
    });
    return nat.id;
  });
  const privateRouteTableIds = props.privateSubnetIds.map((subnetId, index) => {
    const table = new RouteTable(scope, `PrivateRoutes${index}`, {
      vpcId: props.vpcId,
      tags: tags('private', String(index)),
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

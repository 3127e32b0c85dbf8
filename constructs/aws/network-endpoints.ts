import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { VpcEndpoint } from '@cdktf/provider-aws/lib/vpc-endpoint';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import type { Construct } from 'constructs';
import { legalName } from '../names';
import { AWS_NAMES } from './names';

/** Services that are reached through the route tables, free of charge. */
const GATEWAYS: Readonly<Record<string, string>> = { S3Endpoint: 's3', DynamoDbEndpoint: 'dynamodb' };

/**
 * Services that nodes, pods and Session Manager call, each with an interface in every private subnet.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html
 */
const INTERFACES: Readonly<Record<string, string>> = {
  EcrApiEndpoint: 'ecr.api',
  EcrDockerEndpoint: 'ecr.dkr',
  StsEndpoint: 'sts',
  EksEndpoint: 'eks',
  EksAuthEndpoint: 'eks-auth',
  Ec2Endpoint: 'ec2',
  LogsEndpoint: 'logs',
  SqsEndpoint: 'sqs',
  KmsEndpoint: 'kms',
  SecretsManagerEndpoint: 'secretsmanager',
  SsmEndpoint: 'ssm',
  SsmMessagesEndpoint: 'ssmmessages',
};

/** Where the endpoints go. */
export interface NetworkEndpointsProps {
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** Id of the VPC. */
  readonly vpcId: string;
  /** IPv4 range of the VPC. */
  readonly cidr: string;
  /** Ids of the private subnets, in the order of zones. */
  readonly privateSubnetIds: readonly string[];
  /** Ids of the route tables of the private subnets. */
  readonly privateRouteTableIds: readonly string[];
}

/** Private endpoints of the AWS services that a platform uses, so that their traffic never leaves the network. */
export function addNetworkEndpoints(scope: Construct, props: NetworkEndpointsProps): void {
  const serviceName = (service: string): string =>
    // China has endpoints of its own for most services, under the other prefix.
    `${props.region.startsWith('cn-') && service !== 's3' && service !== 'dynamodb' ? 'cn.' : ''}com.amazonaws.${props.region}.${service}`;
  const tags = (service: string): Record<string, string> => ({
    Name: legalName(AWS_NAMES.tagValue, [...props.naming, service], scope),
  });
  for (const [id, service] of Object.entries(GATEWAYS)) {
    new VpcEndpoint(scope, id, {
      vpcId: props.vpcId,
      serviceName: serviceName(service),
      vpcEndpointType: 'Gateway',
      routeTableIds: [...props.privateRouteTableIds],
      tags: tags(service),
    });
  }
  const group = endpointSecurityGroup(scope, props);
  for (const [id, service] of Object.entries(INTERFACES)) {
    new VpcEndpoint(scope, id, {
      vpcId: props.vpcId,
      serviceName: serviceName(service),
      vpcEndpointType: 'Interface',
      privateDnsEnabled: true,
      subnetIds: [...props.privateSubnetIds],
      securityGroupIds: [group.id],
      tags: tags(service),
    });
  }
}

function endpointSecurityGroup(scope: Construct, props: NetworkEndpointsProps): SecurityGroup {
  const name = legalName(AWS_NAMES.securityGroup, [...props.naming, 'endpoints'], scope);
  const group = new SecurityGroup(scope, 'EndpointSecurityGroup', {
    vpcId: props.vpcId,
    name,
    description: 'HTTPS from the network to private endpoints of AWS services',
    tags: { Name: name },
  });
  new VpcSecurityGroupIngressRule(scope, 'EndpointIngress', {
    securityGroupId: group.id,
    description: 'HTTPS from the network',
    cidrIpv4: props.cidr,
    ipProtocol: 'tcp',
    fromPort: 443,
    toPort: 443,
  });
  return group;
}

import type { IConstruct } from 'constructs';
import { LnmtError } from '../errors';
import type { ErrorTable } from '../errors';

/** Codes of the AWS folder, 2000 to 2099. */
export const AWS_ERRORS = {
  LNMT2001: {
    title: 'the region cannot be used',
    explanation:
      'AwsCloud takes the code of a region, such as eu-west-1, not a zone (eu-west-1a) and not a display name. The list of your account is printed by `aws ec2 describe-regions`.',
  },
  LNMT2002: {
    title: 'a stack is bound to two regions',
    explanation:
      'One Terraform stack has one AWS provider, so that a resource cannot land in a region by accident. Make one stack a region.',
  },
  LNMT2003: {
    title: 'a block was not made by the AWS constructs',
    explanation:
      'The AWS constructs read resource attributes of one another (role names, subnet ids). A block that only claims to be of AWS has none of them. Adopt existing resources with the fromXxx factory of the class that the message names.',
  },
  LNMT2004: {
    title: 'the region has fewer zones',
    explanation: 'A network cannot have a subnet in more availability zones than the region offers.',
  },
  LNMT2005: {
    title: 'a Capacity Block shares its ladder',
    explanation:
      'EKS attaches a Capacity Block to a managed node group, which has one kind of capacity. Karpenter rungs cannot stand beside it in the same pool. Make one pool for the block and another for the rest.',
  },
  LNMT2006: {
    title: 'an adopted cluster lacks a part',
    explanation:
      'Node pools need the node role, the security group and the subnets of the cluster. EksCluster.fromCluster takes them as properties.',
  },
  LNMT2007: {
    title: 'a list is empty',
    explanation: 'The property needs at least one entry.',
  },
  LNMT2008: {
    title: 'a reservation id is malformed',
    explanation:
      'Capacity reservations and Capacity Blocks have ids such as cr-0123456789abcdef0; `aws ec2 describe-capacity-reservations` lists them.',
  },
  LNMT2009: {
    title: 'fixed nodes cannot be made as asked',
    explanation:
      'minNodes and Capacity Blocks are managed node groups of EKS, because Karpenter has no minimum. A managed node group takes a reservation by its id, and an image of Amazon.',
  },
  LNMT2010: {
    title: 'a bastion has no open port',
    explanation:
      'People reach a bastion through Session Manager, which needs no inbound port. Only an edge gateway takes HTTPS.',
  },
  LNMT2011: {
    title: 'the zones cannot be used',
    explanation:
      'AwsCloud takes two or more different zones of its region by name. EKS needs two, and a platform three to survive the loss of one.',
  },
  LNMT2012: {
    title: 'a pool name is taken',
    explanation:
      'The name of a pool is the label of its nodes and the name of its objects in the cluster. `system` is the pool of the cluster’s own add-ons.',
  },
  LNMT2013: {
    title: 'a block of another region',
    explanation:
      'Clusters, nodes and machines live in the network of their region: one that was adopted from another region has no address that they could take.',
  },
  LNMT2014: {
    title: 'an adopted VPC has too few subnets',
    explanation:
      'EKS places its control plane in at least two zones, and a platform survives the loss of one only with nodes in others. Pass the ids of two or more different subnets, each in a zone of its own.',
  },
  LNMT2015: {
    title: 'the name of a bucket cannot be one',
    explanation:
      'Buckets of S3 have 3 to 63 lower-case letters, digits, hyphens and dots, begin and end with a letter or digit, and have no two dots in a row. A bucket is named without s3:// and without a path.',
  },
} as const satisfies ErrorTable;

/** The region is malformed. */
export function unusableRegion(scope: IConstruct | undefined, property: string, value: string): LnmtError {
  return new LnmtError('LNMT2001', scope, {
    what: `${property} is not the code of an AWS region`,
    got: JSON.stringify(value),
    allowed: 'a code such as eu-west-1, us-east-2 or us-gov-west-1',
    remedy: 'choose one that `aws ec2 describe-regions` lists',
  });
}

/** The stack already has a provider for another region. */
export function secondRegion(scope: IConstruct | undefined, region: string, bound: string): LnmtError {
  return new LnmtError('LNMT2002', scope, {
    what: 'the stack is bound to another region already',
    got: region,
    allowed: bound,
    remedy: 'create another TerraformStack for the second region',
  });
}

/** The block has the right cloud name and the wrong class. */
export function foreignConstruct(
  scope: IConstruct | undefined,
  property: string,
  path: string,
  expected: string,
): LnmtError {
  return new LnmtError('LNMT2003', scope, {
    what: `${property} was not made by the AWS constructs`,
    got: path,
    allowed: `a construct of class ${expected}`,
    remedy: `create it with AwsCloud, or adopt it with the fromXxx factory of ${expected}`,
  });
}

/** More zones are asked for than there are. */
export function tooFewZones(
  scope: IConstruct | undefined,
  property: string,
  wanted: number,
  region: string,
  offered: number,
): LnmtError {
  return new LnmtError('LNMT2004', scope, {
    what: `${property} asks for more zones than ${region} has`,
    got: `${wanted} zones`,
    allowed: `at most ${offered} zones`,
    remedy: `lower ${property} or choose another region`,
  });
}

/** A Capacity Block is one of several rungs. */
export function blockSharesLadder(scope: IConstruct | undefined, rungs: readonly string[]): LnmtError {
  return new LnmtError('LNMT2005', scope, {
    what: 'capacity holds a Capacity Block beside other rungs',
    got: rungs.join(', '),
    allowed: 'a Capacity Block alone',
    remedy: 'make one pool for the block and another pool for the other rungs',
  });
}

/** The adopted VPC has one subnet, perhaps several times. */
export function tooFewSubnets(scope: IConstruct | undefined, property: string, ids: readonly string[]): LnmtError {
  return new LnmtError('LNMT2014', scope, {
    what: `${property} holds too few subnets`,
    got: ids.join(', '),
    allowed: 'two or more different ones, each in a zone of its own',
    remedy: 'add the private subnets of the other zones, or create some',
  });
}

/** The bucket cannot have this name. */
export function unusableBucketName(scope: IConstruct | undefined, property: string, name: string): LnmtError {
  return new LnmtError('LNMT2015', scope, {
    what: `${property} is not the name of a bucket`,
    got: JSON.stringify(name),
    allowed: '3 to 63 lower-case letters, digits, hyphens and dots, such as ml-models-eu',
    remedy: `pass the name that \`aws s3 ls\` lists`,
  });
}

/** The adopted cluster was imported without something that is needed now. */
export function adoptedClusterLacks(scope: IConstruct | undefined, property: string, neededBy: string): LnmtError {
  return new LnmtError('LNMT2006', scope, {
    what: `${neededBy} needs ${property} of the adopted cluster`,
    remedy: `pass ${property} to EksCluster.fromCluster`,
  });
}

/** A list has no entry. */
export function emptyList(scope: IConstruct | undefined, property: string): LnmtError {
  return new LnmtError('LNMT2007', scope, {
    what: `${property} is empty`,
    allowed: 'one entry or more',
    remedy: `give ${property} at least one entry`,
  });
}

/** The id is not one of a capacity reservation. */
export function unusableReservation(scope: IConstruct | undefined, id: string): LnmtError {
  return new LnmtError('LNMT2008', scope, {
    what: 'capacity names a reservation that cannot exist',
    got: JSON.stringify(id),
    allowed: 'cr- followed by lower-case letters and digits',
    remedy: 'copy the id from `aws ec2 describe-capacity-reservations`',
  });
}

/** Why a managed node group cannot hold the minimum or the block. */
export function noManagedGroup(scope: IConstruct | undefined, reason: string, remedy: string): LnmtError {
  return new LnmtError('LNMT2009', scope, {
    what: `minNodes or a Capacity Block needs a managed node group, ${reason}`,
    remedy,
  });
}

/** Ranges are given for a machine that takes no traffic. */
export function bastionHasNoPort(scope: IConstruct | undefined): LnmtError {
  return new LnmtError('LNMT2010', scope, {
    what: 'ingressCidrs is given for a bastion',
    allowed: "ingressCidrs with purpose 'edge-gateway' only",
    remedy: 'drop ingressCidrs and use the connectCommand, or change purpose',
  });
}

/** The zones are too few, repeated, or not of the region. */
export function unusableZones(zones: readonly string[], region: string): LnmtError {
  return new LnmtError('LNMT2011', undefined, {
    what: 'zones cannot be used',
    got: JSON.stringify(zones),
    allowed: `two or more different zones of ${region}, such as ${region}a`,
    remedy: 'choose zones that `aws ec2 describe-availability-zones` lists, or leave zones out',
  });
}

/** Another pool of the cluster has the name. */
export function poolNameTaken(scope: IConstruct | undefined, name: string, taken: readonly string[]): LnmtError {
  return new LnmtError('LNMT2012', scope, {
    what: 'name is that of another pool of the cluster',
    got: JSON.stringify(name),
    allowed: `any but ${taken.join(', ')}`,
    remedy: 'give the pool another name',
  });
}

/** The block lives in another region than what is to use it. */
export function otherRegion(
  scope: IConstruct | undefined,
  property: string,
  region: string,
  expected: string,
): LnmtError {
  return new LnmtError('LNMT2013', scope, {
    what: `${property} is in another region`,
    got: region,
    allowed: expected,
    remedy: `adopt one of ${expected}, or change the region of AwsCloud`,
  });
}

import fc from 'fast-check';
import { App, Fn, Token } from 'cdktf';
import { Block, ClusterAccess, LnmtPlatform } from 'lnmt';
import { AwsCloud, VpcNetwork } from 'lnmt/aws';
import { LnmtStack } from 'lnmt/stacks';
import { describe, expect, it } from 'vitest';
import { logRetentionDays } from '../../../constructs/aws/log-group';
import { planSubnets } from '../../../constructs/aws/subnets';
import { ComputeStack, REGION, codeOf, statements, text } from './compute-stack';
import { ForeignBlock } from './data-stack';

interface Range {
  readonly first: number;
  readonly last: number;
}

function range(cidr: string): Range {
  const [address = '', prefix = ''] = cidr.split('/');
  const first = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  return { first, last: first + 2 ** (32 - Number(prefix)) - 1 };
}

const privateNetworks = fc
  .record({
    base: fc.constantFrom('10', '172', '192'),
    prefix: fc.integer({ min: 16, max: 20 }),
    bits: fc.integer({ min: 0, max: 2 ** 20 - 1 }),
  })
  .map(({ base, prefix, bits }) => {
    const [start, fixed] = {
      '10': [10 * 2 ** 24, 8],
      '172': [172 * 2 ** 24 + 16 * 2 ** 16, 12],
      '192': [192 * 2 ** 24 + 168 * 2 ** 16, 16],
    }[base] as [number, number];
    const size = 2 ** (32 - prefix);
    const offset = (bits % 2 ** (prefix - fixed)) * size;
    const address = start + offset;
    const octets = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
    return `${octets.join('.')}/${prefix}`;
  });

describe('dividing a network', () => {
  it('gives aligned subnets that do not overlap and lie inside it, whatever the range', () => {
    fc.assert(
      fc.property(privateNetworks, fc.integer({ min: 2, max: 3 }), (cidr, zones) => {
        const plan = planSubnets(cidr, zones);
        const whole = range(cidr);
        const parts = [...plan.private, ...plan.public].map(range).sort((a, b) => a.first - b.first);
        expect(parts).toHaveLength(zones * 2);
        parts.forEach((part, index) => {
          expect(part.first % (part.last - part.first + 1)).toBe(0);
          expect(part.first).toBeGreaterThan(parts[index - 1]?.last ?? -1);
          expect(part.first).toBeGreaterThanOrEqual(whole.first);
          expect(part.last).toBeLessThanOrEqual(whole.last);
          expect(part.last - part.first).toBeGreaterThanOrEqual(15);
        });
      }),
    );
  });

  it('keeps the subnets of two zones when a third one comes', () => {
    const two = planSubnets('10.0.0.0/16', 2);
    const three = planSubnets('10.0.0.0/16', 3);
    expect(three.private.slice(0, 2)).toEqual(two.private);
    expect(three.public.slice(0, 2)).toEqual(two.public);
  });

  it('gives nodes a quarter of the network each and NAT little', () => {
    expect(planSubnets('10.0.0.0/16', 3)).toEqual({
      private: ['10.0.0.0/18', '10.0.64.0/18', '10.0.128.0/18'],
      public: ['10.0.192.0/24', '10.0.193.0/24', '10.0.194.0/24'],
    });
  });

  it.each([
    '10.0.0.0/21',
    '10.0.0.0/8',
    '10.0.0.1/16',
    '11.0.0.0/16',
    '172.32.0.0/16',
    '192.169.0.0/16',
    '10.0.0.256/16',
    '10.0.0.0',
    '10.0/16',
    'fd00::/48',
    '',
  ])('refuses %j', (cidr) => {
    expect(codeOf(() => planSubnets(cidr, 3))).toBe('LNMT1014');
  });

  it('refuses a range that only Terraform knows', () => {
    expect(codeOf(() => planSubnets(Fn.cidrsubnet('10.0.0.0/8', 8, 1), 3))).toBe('LNMT1004');
  });
});

describe('a VPC', () => {
  it('spans three zones that AWS names, without those that EKS cannot use', () => {
    const test = new ComputeStack();
    const network = test.network();
    expect(network.availabilityZones).toHaveLength(3);
    const zones = test.only('aws_availability_zones', 'data');
    expect(zones).toMatchObject({
      state: 'available',
      filter: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }],
      exclude_zone_ids: ['use1-az3', 'usw1-az2', 'cac1-az3'],
      lifecycle: { postcondition: [{ condition: '${length(self.names) >= 3}' }] },
    });
    const subnets = test.all('aws_subnet');
    expect(subnets).toHaveLength(6);
    expect(new Set(subnets.map((subnet) => subnet['availability_zone'])).size).toBe(3);
  });

  it('gives no machine a public address', () => {
    const test = new ComputeStack();
    test.network();
    expect(test.all('aws_subnet').map((subnet) => subnet['map_public_ip_on_launch'])).toEqual(Array(6).fill(false));
  });

  it('marks private subnets for internal load balancers and Karpenter, and public ones for nobody', () => {
    const test = new ComputeStack();
    test.network();
    const marked = test.all('aws_subnet').filter((subnet) => 'karpenter.sh/discovery' in (subnet['tags'] as object));
    expect(marked.map((subnet) => subnet['cidr_block'])).toEqual(['10.0.0.0/18', '10.0.64.0/18', '10.0.128.0/18']);
    expect(marked[0]?.['tags']).toMatchObject({
      'kubernetes.io/role/internal-elb': '1',
      'karpenter.sh/discovery': 'ml',
    });
  });

  it('sends each private subnet through the NAT gateway of its own zone', () => {
    const test = new ComputeStack();
    test.network();
    expect(test.all('aws_nat_gateway')).toHaveLength(3);
    const routes = test.all('aws_route').filter((route) => route['nat_gateway_id'] !== undefined);
    expect(new Set(routes.map((route) => route['nat_gateway_id'])).size).toBe(3);
  });

  it('has a single NAT gateway when asked', () => {
    const test = new ComputeStack();
    test.network({ natGateways: 'single' });
    expect(test.all('aws_nat_gateway')).toHaveLength(1);
    const routes = test.all('aws_route').filter((route) => route['nat_gateway_id'] !== undefined);
    expect(new Set(routes.map((route) => route['nat_gateway_id'])).size).toBe(1);
    expect(routes).toHaveLength(3);
  });

  it('closes its default security group', () => {
    const test = new ComputeStack();
    test.network();
    const group = test.only('aws_default_security_group');
    expect(group['ingress']).toBeUndefined();
    expect(group['egress']).toBeUndefined();
  });

  it('records all traffic in an encrypted log group that only flow logs of the account may write', () => {
    const test = new ComputeStack();
    test.network({ flowLogRetentionDays: 100 });
    expect(test.only('aws_flow_log')).toMatchObject({ traffic_type: 'ALL', log_destination_type: 'cloud-watch-logs' });
    const group = test.only('aws_cloudwatch_log_group');
    expect(group).toMatchObject({ name: expect.stringMatching(/^\/aws\/vpc\/ml-/) as string, retention_in_days: 120 });
    expect(group['kms_key_id']).toMatch(/^\$\{aws_kms_key\.ml_.*\.arn\}$/);
    const role = statements(test.only('aws_iam_role')['assume_role_policy'])[0];
    expect(role).toMatchObject({
      Principal: { Service: ['vpc-flow-logs.amazonaws.com'] },
      Condition: { StringEquals: { 'aws:SourceAccount': expect.stringContaining('aws_caller_identity') as string } },
    });
    const key = statements(test.only('aws_kms_key')['policy']);
    expect(key['Logs']).toMatchObject({ Principal: { Service: `logs.${REGION}.amazonaws.com` } });
  });

  it('keeps S3 and DynamoDB on gateway endpoints and the other services on private interfaces', () => {
    const test = new ComputeStack();
    test.network();
    const endpoints = test.all('aws_vpc_endpoint');
    const names = (type: string): string[] =>
      endpoints
        .filter((endpoint) => endpoint['vpc_endpoint_type'] === type)
        .map((endpoint) => text(endpoint['service_name']).replace(`com.amazonaws.${REGION}.`, ''))
        .sort();
    expect(names('Gateway')).toEqual(['dynamodb', 's3']);
    expect(names('Interface')).toEqual(
      'ec2 ecr.api ecr.dkr eks eks-auth kms logs secretsmanager sqs ssm ssmmessages sts'.split(' '),
    );
    const sts = endpoints.find((endpoint) => text(endpoint['service_name']).endsWith('.sts'));
    expect(sts).toMatchObject({ private_dns_enabled: true });
    expect(sts?.['subnet_ids']).toHaveLength(3);
  });

  it('lets only the network itself reach its endpoints, by HTTPS', () => {
    const test = new ComputeStack();
    test.network();
    expect(test.only('aws_vpc_security_group_ingress_rule')).toMatchObject({
      cidr_ipv4: '10.0.0.0/16',
      from_port: 443,
      to_port: 443,
      ip_protocol: 'tcp',
    });
    expect(test.all('aws_vpc_security_group_egress_rule')).toEqual([]);
  });

  it('uses the zones that AwsCloud was given', () => {
    const test = new ComputeStack({ zones: ['eu-west-1b', 'eu-west-1c'] });
    expect(test.network().availabilityZones).toEqual(['eu-west-1b', 'eu-west-1c']);
    expect(test.all('aws_availability_zones', 'data')).toEqual([]);
    expect(test.all('aws_subnet')).toHaveLength(4);
  });

  it('spans two zones in a region that has no third one', () => {
    const test = new ComputeStack({ region: 'us-west-1' });
    expect(test.network().availabilityZones).toHaveLength(2);
  });

  it('refuses more zones than the region has', () => {
    const test = new ComputeStack({ region: 'us-west-1' });
    expect(() => test.network({ zones: 3 })).toThrow(
      'LNMT2004 [ml-infra/network]: zones asks for more zones than us-west-1 has; got 3 zones; allowed: at most 2 zones; lower zones or choose another region',
    );
  });

  it.each([1, 4, 2.5])('refuses %d zones', (zones) => {
    expect(codeOf(() => new ComputeStack().network({ zones }))).toBe('LNMT1002');
  });

  it('refuses an unknown arrangement of NAT gateways', () => {
    const natGateways = 'none' as 'single';
    expect(codeOf(() => new ComputeStack().network({ natGateways }))).toBe('LNMT1016');
  });

  it('takes the endpoint names of China in China', () => {
    const test = new ComputeStack({ region: 'cn-northwest-1' });
    test.network();
    const names = test.all('aws_vpc_endpoint').map((endpoint) => endpoint['service_name']);
    expect(names).toContain('cn.com.amazonaws.cn-northwest-1.sts');
    expect(names).toContain('com.amazonaws.cn-northwest-1.s3');
  });
});

describe('an adopted VPC', () => {
  it('creates nothing and is recognised', () => {
    const test = new ComputeStack();
    const network = test.adoptedNetwork();
    expect(VpcNetwork.expect(test.stack, network).privateSubnetIds).toEqual(['subnet-1', 'subnet-2', 'subnet-3']);
    expect(test.document().resource).toBeUndefined();
  });

  const vpc = { vpcId: 'vpc-1', cidr: '10.0.0.0/16', region: REGION };

  it('refuses to be without subnets', () => {
    const test = new ComputeStack();
    expect(() => VpcNetwork.fromVpc(test.stack, 'network', { ...vpc, privateSubnetIds: [] })).toThrow(
      'LNMT2007 [ml-infra/network]: privateSubnetIds is empty; allowed: one entry or more; give privateSubnetIds at least one entry',
    );
  });

  it.each([[['subnet-1']], [['subnet-1', 'subnet-1']]])(
    'refuses %j: a zone of its own is not two',
    (privateSubnetIds) => {
      const test = new ComputeStack();
      expect(() => VpcNetwork.fromVpc(test.stack, 'network', { ...vpc, privateSubnetIds })).toThrow(
        /^LNMT2014 \[ml-infra\/network\]: privateSubnetIds holds too few subnets; got subnet-1/,
      );
    },
  );

  it.each(['10.20.0.0/33', '10.20.0.0', '10.20.0.0/8', '999.1.1.0/16', 'fd00::/56', '', '10.0.0.0/16/16'])(
    'refuses the range %j',
    (cidr) => {
      const test = new ComputeStack();
      const props = { ...vpc, cidr, privateSubnetIds: ['subnet-1'] };
      expect(() => VpcNetwork.fromVpc(test.stack, 'network', props)).toThrow(
        `LNMT1014 [ml-infra/network]: cidr cannot be used; got ${JSON.stringify(cidr)}; allowed: the IPv4 range of the VPC, from /16 to /28`,
      );
    },
  );

  it('takes a range that only Terraform knows', () => {
    const test = new ComputeStack();
    const cidr = Fn.trimspace('${var.cidr}');
    const network = VpcNetwork.fromVpc(test.stack, 'network', {
      ...vpc,
      cidr,
      privateSubnetIds: ['subnet-1', 'subnet-2'],
    });
    expect(network.cidr).toBe(cidr);
  });

  it('refuses to carry what lives in another region', () => {
    const build = (): void => {
      const infra = new LnmtStack(new App(), 'infra');
      const props = { ...vpc, region: 'us-east-1', privateSubnetIds: ['subnet-1', 'subnet-2'] };
      const network = VpcNetwork.fromVpc(infra, 'network', props);
      const cloud = new AwsCloud({ region: REGION });
      new LnmtPlatform(infra, 'ml', { cloud, access, network: Block.existing(network) });
    };
    const access = ClusterAccess.insideNetwork();
    expect(build).toThrow(
      `LNMT2013 [infra/ml/cluster]: network is in another region; got us-east-1; allowed: ${REGION}; adopt one of ${REGION}, or change the region of AwsCloud`,
    );
  });

  it('refuses a list of subnets that only Terraform knows', () => {
    const test = new ComputeStack();
    const privateSubnetIds = Token.asList('${var.subnets}');
    expect(codeOf(() => VpcNetwork.fromVpc(test.stack, 'network', { ...vpc, privateSubnetIds }))).toBe('LNMT1004');
  });

  it('refuses a network of another cloud, and one that only says that it is of this one', () => {
    const test = new ComputeStack();
    const network = (id: string, cloud: string): never => new ForeignBlock(test.stack, id, cloud) as never;
    expect(codeOf(() => VpcNetwork.expect(test.stack, network('a', 'onprem')))).toBe('LNMT1008');
    expect(() => VpcNetwork.expect(test.stack, network('b', 'aws'))).toThrow(
      'LNMT2003 [ml-infra]: network was not made by the AWS constructs; got ml-infra/b; allowed: a construct of class VpcNetwork; create it with AwsCloud, or adopt it with the fromXxx factory of VpcNetwork',
    );
  });
});

describe('how long logs are kept', () => {
  it('is never shorter than asked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3653 }), (days) => {
        expect(logRetentionDays(undefined, 'days', days)).toBeGreaterThanOrEqual(days);
      }),
    );
  });

  it('refuses more than CloudWatch sells', () => {
    expect(codeOf(() => logRetentionDays(undefined, 'days', 3654))).toBe('LNMT1002');
  });
});

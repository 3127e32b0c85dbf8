import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { Lazy, TerraformStack, Testing } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { AWS_ERRORS } from '../../../constructs/aws/errors';
import { AwsCloud } from '../../../constructs/aws/aws-cloud';
import { checkRegion } from '../../../constructs/aws/regions';
import { ComputeStack, codeOf } from './compute-stack';

describe('AwsCloud', () => {
  it('binds a stack to one provider, with its region and all tags, however often it is asked', () => {
    const test = new ComputeStack({ tags: { team: 'research' } });
    test.cloud.bind(test.stack, { 'lnmt:platform': 'ml' });
    expect(test.document().provider).toEqual({
      aws: [{ region: 'eu-west-1', default_tags: [{ tags: { 'lnmt:platform': 'ml', team: 'research' } }] }],
    });
  });

  it('asks for a range of provider versions instead of the exact one of the bindings', () => {
    const test = new ComputeStack();
    expect(test.document().terraform?.['required_providers']).toEqual({
      aws: { source: 'aws', version: '>= 6.25.0, < 7.0.0' },
    });
  });

  it('offers GPU and CPU shapes under unique names', () => {
    const names = new AwsCloud({ region: 'eu-west-1' }).nodeShapes.map((shape) => shape.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(['p5.48xlarge', 'g6.xlarge', 'm7i.large', 'm7g.xlarge']));
  });

  it('binds two stacks of one app to two regions', () => {
    const test = new ComputeStack();
    const second = new TerraformStack(test.app, 'other');
    new AwsCloud({ region: 'us-east-1' }).bind(second, {});
    expect(codeOf(() => test.cloud.bind(test.stack, {}))).toBe('accepted');
  });

  it('uses the provider that a stack has already, and leaves others beside it alone', () => {
    const { app, cloud } = new ComputeStack();
    const stack = new TerraformStack(app, 'own');
    new AwsProvider(stack, 'replica', { region: 'us-east-1', alias: 'replica' });
    new AwsProvider(stack, 'mine', { region: 'eu-west-1', profile: 'ml' });
    cloud.bind(stack, { 'lnmt:platform': 'ml' });
    const { provider } = JSON.parse(Testing.synth(stack)) as { readonly provider: unknown };
    expect(provider).toEqual({
      aws: [
        { region: 'us-east-1', alias: 'replica' },
        { region: 'eu-west-1', profile: 'ml' },
      ],
    });
  });

  it('refuses a second region in one stack', () => {
    const test = new ComputeStack();
    const other = new AwsCloud({ region: 'us-east-1' });
    expect(() => other.bind(test.stack, {})).toThrow(
      'LNMT2002 [ml-infra]: the stack is bound to another region already; got us-east-1; allowed: eu-west-1; create another TerraformStack for the second region',
    );
  });

  it.each(['eu-west-1a', 'Ireland', '', 'eu_west_1', 'EU-WEST-1', 'europe-west4', 'eu-west-1 '])(
    'refuses %j as a region',
    (region) => {
      expect(codeOf(() => new AwsCloud({ region }))).toBe('LNMT2001');
    },
  );

  it.each(['us-gov-west-1', 'cn-north-1', 'ap-southeast-5', 'mx-central-1', 'us-isob-east-1'])(
    'accepts %s as a region',
    (region) => {
      expect(checkRegion(undefined, 'region', region)).toBe(region);
    },
  );

  it('refuses a region that only Terraform knows', () => {
    expect(codeOf(() => new AwsCloud({ region: Lazy.stringValue({ produce: () => 'eu-west-1' }) }))).toBe('LNMT1004');
  });

  it.each([[['eu-west-1a']], [['eu-west-1a', 'eu-west-1a']], [['eu-west-1a', 'us-east-1b']], [[]]])(
    'refuses %j as its zones',
    (zones) => {
      expect(codeOf(() => new AwsCloud({ region: 'eu-west-1', zones }))).toBe('LNMT2011');
    },
  );

  it('explains each of its codes', () => {
    for (const [code, { title, explanation }] of Object.entries(AWS_ERRORS)) {
      expect(code).toMatch(/^LNMT20\d\d$/);
      expect(title).toMatch(/^[a-z].*[^.]$/);
      expect(explanation).toMatch(/\.$/);
    }
  });
});

describe('what every pod with an identity may reach on AWS', () => {
  const rules = new AwsCloud({ region: 'eu-west-1' }).security.egress;

  it('is the Pod Identity agent on port 80', () => {
    expect(rules[0]).toMatchObject({ cidrs: ['169.254.170.23/32'], ports: [{ port: 80, protocol: 'TCP' }] });
  });

  it('is HTTPS besides, to private endpoints and to public addresses', () => {
    expect(rules.slice(1).map((rule) => rule.ports)).toEqual([
      [{ port: 443, protocol: 'TCP' }],
      [{ port: 443, protocol: 'TCP' }],
    ]);
    expect(rules[1]?.cidrs).toEqual(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']);
  });

  it('is never the metadata service of the node, nor a private address under the name of a public one', () => {
    const covers = (address: string): boolean => (rules[2]?.cidrs ?? []).some((cidr) => contains(cidr, address));
    const closed = ['169.254.169.254', '10.1.2.3', '172.20.0.1', '192.168.1.1', '127.0.0.1', '100.64.0.1', '224.0.0.1'];
    expect(closed.filter(covers)).toEqual([]);
    const open = ['52.218.0.1', '3.5.0.1', '9.255.255.255', '11.0.0.0', '172.32.0.0', '223.255.255.255', '1.0.0.0'];
    expect(open.filter((address) => !covers(address))).toEqual([]);
  });
});

function contains(cidr: string, address: string): boolean {
  const [base = '', prefix = '32'] = cidr.split('/');
  const number = (text: string): number => text.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(prefix));
  return Math.floor(number(base) / size) === Math.floor(number(address) / size);
}

import { describe, expect, it } from 'vitest';
import { Route53Zone } from '../../../constructs/aws/dns-zone';
import type { Route53ZoneProps } from '../../../constructs/aws/dns-zone';
import { DataStack, REGION, codeOf, statement } from './data-stack';

function zoneIn(data: DataStack, props: Partial<Route53ZoneProps> = {}): Route53Zone {
  return new Route53Zone(data.stack, 'zone', {
    naming: ['ml', 'zone'],
    region: REGION,
    domainName: 'ml.example.com',
    ...props,
  });
}

describe('Route53Zone', () => {
  it('is pinned and kept with its records', () => {
    const data = new DataStack();
    zoneIn(data);
    expect(data.resources('aws_route53_zone')['ml_zone']).toMatchObject({
      name: 'ml.example.com',
      force_destroy: false,
      lifecycle: { prevent_destroy: true },
    });
  });

  it('has a certificate for the domain and everything in it, validated through the zone', () => {
    const data = new DataStack();
    zoneIn(data);
    expect(data.only('aws_acm_certificate')).toMatchObject({
      domain_name: 'ml.example.com',
      subject_alternative_names: ['*.ml.example.com'],
      validation_method: 'DNS',
      lifecycle: { create_before_destroy: true },
    });
    expect(data.only('aws_route53_record')).toMatchObject({
      zone_id: '${aws_route53_zone.ml_zone.zone_id}',
      name: expect.stringContaining('resource_record_name') as string,
      allow_overwrite: true,
    });
  });

  it('waits for the certificate only when asked, because the parent zone has to know the name servers first', () => {
    const data = new DataStack();
    zoneIn(data);
    expect(data.types()).not.toContain('aws_acm_certificate_validation');
    const waiting = new DataStack();
    zoneIn(waiting, { waitForCertificate: true });
    expect(waiting.types()).toContain('aws_acm_certificate_validation');
  });

  it('logs its queries in the region of Route 53, for this zone only', () => {
    const data = new DataStack();
    zoneIn(data);
    expect(data.only('aws_cloudwatch_log_group')).toMatchObject({
      name: '/aws/route53/ml-zone',
      region: 'us-east-1',
      retention_in_days: 365,
    });
    expect(statement(data.only('aws_cloudwatch_log_resource_policy'), 'QueryLog', 'policy_document')).toMatchObject({
      Principal: { Service: 'route53.amazonaws.com' },
      Condition: {
        ArnLike: { 'aws:SourceArn': 'arn:aws:route53:::hostedzone/${aws_route53_zone.ml_zone.zone_id}' },
      },
    });
  });

  it('names no region where the platform is in that of Route 53', () => {
    const data = new DataStack();
    zoneIn(data, { region: 'us-east-1', dnssec: true });
    expect(data.only('aws_cloudwatch_log_group')['region']).toBeUndefined();
    expect(data.only('aws_kms_key')['region']).toBeUndefined();
  });

  it('is signed when asked, with a key that signs and is kept', () => {
    const data = new DataStack();
    zoneIn(data, { dnssec: true });
    expect(data.resources('aws_kms_key')['ml_zone_dnssec']).toMatchObject({
      region: 'us-east-1',
      key_usage: 'SIGN_VERIFY',
      customer_master_key_spec: 'ECC_NIST_P256',
      lifecycle: { prevent_destroy: true },
    });
    expect(data.only('aws_route53_hosted_zone_dnssec')['depends_on']).toHaveLength(1);
  });

  it('is neither signed nor logged when told so', () => {
    const data = new DataStack();
    zoneIn(data, { queryLog: false });
    expect(data.types()).toEqual(['aws_acm_certificate', 'aws_route53_record', 'aws_route53_zone']);
  });

  it.each(['example', '*.example.com', 'https://example.com', 'example.com.', 'Example.com', ''])(
    'refuses the domain %j',
    (domainName) => {
      expect(codeOf(() => zoneIn(new DataStack(), { domainName }))).toBe('LNMT2105');
    },
  );

  it('adopts a zone and its certificate without creating anything', () => {
    const data = new DataStack();
    const existing = {
      domainName: 'ml.example.com',
      zoneId: 'Z1',
      certificateArn: 'arn:aws:acm:eu-west-1:111122223333:certificate/c',
    };
    expect(data.added(() => Route53Zone.fromZone(data.stack, 'old', existing))).toEqual([]);
    expect(Route53Zone.fromZone(data.stack, 'again', existing)).toMatchObject({
      zoneId: 'Z1',
      certificate: existing.certificateArn,
      nameServers: [],
    });
  });

  it('refuses to adopt a certificate by an ARN of another service', () => {
    const existing = {
      domainName: 'ml.example.com',
      zoneId: 'Z1',
      certificateArn: 'arn:aws:iam::1:server-certificate/c',
    };
    expect(codeOf(() => Route53Zone.fromZone(new DataStack().stack, 'old', existing))).toBe('LNMT2100');
  });
});

import { KmsKey } from '@cdktf/provider-aws/lib/kms-key';
import { Route53HostedZoneDnssec } from '@cdktf/provider-aws/lib/route53-hosted-zone-dnssec';
import { Route53KeySigningKey } from '@cdktf/provider-aws/lib/route53-key-signing-key';
import type { Construct } from 'constructs';
import { legalName } from '../names';
import { stateful } from '../stateful';
import type { RemovalPolicy } from '../stateful';
import { accountIdOf, partitionOf } from './context';
import { policyDocument } from './iam';
import { AWS_DATA_NAMES } from './names-data';
import { inRoute53Region } from './query-log';

const SIGNER = 'dnssec-route53.amazonaws.com';

/** What the signing of a zone needs. */
export interface ZoneSigningProps {
  readonly naming: readonly string[];
  readonly region: string;
  readonly zoneId: string;
  readonly onRemoval: RemovalPolicy;
}

/**
 * Signs a zone with a key of its own. Keys that sign cannot rotate by themselves.
 *
 * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-configuring-dnssec.html
 */
export function signZone(scope: Construct, props: ZoneSigningProps): void {
  const key = new KmsKey(scope, 'SigningKey', {
    ...inRoute53Region(props.region),
    description: 'Signs the DNS zone of the platform',
    customerMasterKeySpec: 'ECC_NIST_P256',
    keyUsage: 'SIGN_VERIFY',
    deletionWindowInDays: 30,
    policy: signingPolicy(scope, props),
  });
  stateful(key, [...props.naming, 'dnssec'], props.onRemoval);
  const signing = new Route53KeySigningKey(scope, 'KeySigningKey', {
    name: legalName(AWS_DATA_NAMES.keySigningKey, props.naming, scope),
    hostedZoneId: props.zoneId,
    keyManagementServiceArn: key.arn,
  });
  new Route53HostedZoneDnssec(scope, 'Dnssec', { hostedZoneId: props.zoneId, dependsOn: [signing] });
}

function signingPolicy(scope: Construct, props: ZoneSigningProps): string {
  const account = accountIdOf(scope);
  return policyDocument([
    {
      sid: 'AccountDecidesByIam',
      principals: { AWS: `arn:${partitionOf(props.region)}:iam::${account}:root` },
      actions: ['kms:*'],
      resources: ['*'],
    },
    {
      sid: 'Sign',
      principals: { Service: SIGNER },
      actions: ['kms:DescribeKey', 'kms:GetPublicKey', 'kms:Sign'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': account } },
    },
    {
      sid: 'Grant',
      principals: { Service: SIGNER },
      actions: ['kms:CreateGrant'],
      resources: ['*'],
      conditions: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    },
  ]);
}

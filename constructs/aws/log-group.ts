import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { KmsKey } from '@cdktf/provider-aws/lib/kms-key';
import type { Construct, IConstruct } from 'constructs';
import { wholeNumber } from '../checks';
import { stateful } from '../stateful';
import { accountIdOf, dnsSuffixOf, partitionOf } from './context';
import { policyDocument } from './iam';

/** Retention periods that CloudWatch sells, in days. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

/** The shortest period on sale that keeps logs at least so long. @throws LNMT1002 above ten years, LNMT1004 for a token */
export function logRetentionDays(scope: IConstruct | undefined, property: string, days: number): number {
  wholeNumber(scope, property, days, { min: 1, max: 3653, unit: 'days' });
  return RETENTION_DAYS.find((offered) => offered >= days) ?? 3653;
}

/** What a log group needs. */
export interface LogGroupProps {
  /** Full name, e.g. `/aws/eks/ml/cluster`. */
  readonly name: string;
  /** One of the periods that {@link logRetentionDays} returns. */
  readonly retentionDays: number;
  /** ARN of the key that encrypts it. @default - CloudWatch's own key */
  readonly kmsKeyArn?: string;
}

/** A log group that exists before its service writes to it, so that the service cannot create an unmanaged one. */
export function logGroup(scope: Construct, id: string, props: LogGroupProps): CloudwatchLogGroup {
  return new CloudwatchLogGroup(scope, id, {
    name: props.name,
    retentionInDays: props.retentionDays,
    kmsKeyId: props.kmsKeyArn,
  });
}

/**
 * A key that encrypts the log groups below one path, for blocks that are given no key.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
 */
export function logKey(
  scope: Construct,
  id: string,
  props: { readonly region: string; readonly naming: readonly string[]; readonly logGroupPath: string },
): KmsKey {
  const account = accountIdOf(scope);
  const arn = (service: string, rest: string): string =>
    `arn:${partitionOf(props.region)}:${service}:${props.region}:${account}:${rest}`;
  const key = new KmsKey(scope, id, {
    description: `Logs below ${props.logGroupPath}`,
    enableKeyRotation: true,
    deletionWindowInDays: 30,
    policy: policyDocument([
      {
        sid: 'Account',
        principals: { AWS: `arn:${partitionOf(props.region)}:iam::${account}:root` },
        actions: ['kms:*'],
        resources: ['*'],
      },
      {
        sid: 'Logs',
        principals: { Service: `logs.${props.region}.${dnsSuffixOf(props.region)}` },
        actions: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
        resources: ['*'],
        conditions: {
          ArnLike: { 'kms:EncryptionContext:aws:logs:arn': arn('logs', `log-group:${props.logGroupPath}*`) },
        },
      },
    ]),
  });
  return stateful(key, [...props.naming, 'logs-key'], 'destroy');
}

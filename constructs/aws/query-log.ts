import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { CloudwatchLogResourcePolicy } from '@cdktf/provider-aws/lib/cloudwatch-log-resource-policy';
import { Route53QueryLog } from '@cdktf/provider-aws/lib/route53-query-log';
import type { Construct } from 'constructs';
import { legalName } from '../names';
import { accountIdOf, partitionOf } from './context';
import { policyDocument } from './iam';
import { AWS_NAMES } from './names';

const RETENTION_DAYS = 365;

/** Region that the control plane of Route 53 lives in. @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html */
export const ROUTE53_REGION = 'us-east-1';

/** The argument that puts one resource into Route 53's region, where the platform is in another one. */
export function inRoute53Region(region: string): { readonly region?: string } {
  return region === ROUTE53_REGION ? {} : { region: ROUTE53_REGION };
}

/** What a query log needs. */
export interface QueryLogProps {
  readonly naming: readonly string[];
  readonly region: string;
  readonly zoneId: string;
}

/** Logs the queries of a public zone. Route 53 writes to log groups of one region only, whose names begin with `/aws/route53/`. */
export function addQueryLog(scope: Construct, props: QueryLogProps): void {
  const place = inRoute53Region(props.region);
  const name = legalName(AWS_NAMES.policy, props.naming, scope);
  const group = new CloudwatchLogGroup(scope, 'QueryLogGroup', {
    ...place,
    name: `/aws/route53/${name}`,
    retentionInDays: RETENTION_DAYS,
  });
  const policy = new CloudwatchLogResourcePolicy(scope, 'QueryLogPolicy', {
    ...place,
    policyName: legalName(AWS_NAMES.policy, [...props.naming, 'route53-query-log'], scope),
    policyDocument: policyDocument([
      {
        sid: 'QueryLog',
        principals: { Service: 'route53.amazonaws.com' },
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [`${group.arn}:*`],
        conditions: {
          StringEquals: { 'aws:SourceAccount': accountIdOf(scope) },
          ArnLike: { 'aws:SourceArn': `arn:${partitionOf(props.region)}:route53:::hostedzone/${props.zoneId}` },
        },
      },
    ]),
  });
  new Route53QueryLog(scope, 'QueryLog', {
    zoneId: props.zoneId,
    cloudwatchLogGroupArn: group.arn,
    dependsOn: [policy],
  });
}

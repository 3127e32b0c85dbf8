import type { DbInstanceConfig } from '@cdktf/provider-aws/lib/db-instance';
import { DbParameterGroup } from '@cdktf/provider-aws/lib/db-parameter-group';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import type { Construct } from 'constructs';
import { oneOf, wholeNumber } from '../checks';
import type { RelationalDatabaseProps } from '../cloud/relational-database';
import { legalName } from '../names';
import { managedPolicyArn } from './context';
import type { AwsContext } from './context';
import { serviceRole } from './iam';
import { DATABASE_CLASSES, selectClass } from './instance-classes';
import { logGroup } from './log-group';
import { AWS_DATA_NAMES } from './names-data';

const LOGS = ['postgresql', 'upgrade'] as const;
const LOG_RETENTION_DAYS = 365;
const INSIGHTS_RETENTION_DAYS = 7;
const MONITORING_INTERVAL_SECONDS = 60;
/** Storage grows by itself up to so many times its first size. */
const GROWTH = 4;
/** Slower statements are logged. */
const STATEMENT_MILLISECONDS = '1000';

type Sizing = Pick<
  DbInstanceConfig,
  | 'engine'
  | 'engineVersion'
  | 'instanceClass'
  | 'allocatedStorage'
  | 'maxAllocatedStorage'
  | 'storageType'
  | 'multiAz'
  | 'backupRetentionPeriod'
  | 'parameterGroupName'
>;

/** Engine, class, storage and retention. @throws LNMT1002, LNMT1016 or LNMT2102 for what RDS does not sell */
export function sizing(scope: Construct, props: RelationalDatabaseProps): Sizing {
  const engineVersion = oneOf(scope, 'version', props.version ?? '17', ['16', '17']);
  const storageGiB = wholeNumber(scope, 'storageGiB', props.storageGiB ?? 100, { min: 20, max: 16384, unit: 'GiB' });
  const vcpus = wholeNumber(scope, 'vcpus', props.vcpus ?? 2, { min: 1 });
  const memoryGiB = wholeNumber(scope, 'memoryGiB', props.memoryGiB ?? 8, { min: 1, unit: 'GiB' });
  return {
    engine: 'postgres',
    engineVersion,
    instanceClass: selectClass(scope, 'RDS for PostgreSQL', DATABASE_CLASSES, { vcpus, memoryGiB }),
    allocatedStorage: storageGiB,
    maxAllocatedStorage: storageGiB * GROWTH,
    storageType: 'gp3',
    multiAz: props.highlyAvailable ?? true,
    backupRetentionPeriod: wholeNumber(scope, 'backupRetentionDays', props.backupRetentionDays ?? 14, {
      min: 14,
      max: 35,
      unit: 'days',
    }),
    parameterGroupName: parameterGroup(scope, engineVersion, props.naming).name,
  };
}

function parameterGroup(scope: Construct, version: string, naming: readonly string[]): DbParameterGroup {
  return new DbParameterGroup(scope, 'Parameters', {
    namePrefix: `${legalName(AWS_DATA_NAMES.parameterGroupPrefix, naming, scope)}-`,
    description: 'TLS only, with slow statements and changes of the schema in the log',
    family: `postgres${version}`,
    parameter: [
      { name: 'rds.force_ssl', value: '1' },
      { name: 'log_statement', value: 'ddl' },
      { name: 'log_min_duration_statement', value: STATEMENT_MILLISECONDS },
    ],
    // A new major needs a group of another family before the old one can go.
    lifecycle: { createBeforeDestroy: true },
  });
}

type Monitoring = Pick<
  DbInstanceConfig,
  | 'dependsOn'
  | 'enabledCloudwatchLogsExports'
  | 'monitoringInterval'
  | 'monitoringRoleArn'
  | 'performanceInsightsEnabled'
  | 'performanceInsightsKmsKeyId'
  | 'performanceInsightsRetentionPeriod'
>;

/**
 * Logs, enhanced monitoring and insights, under the key that is given. The log groups exist before RDS can make unmanaged
 * ones, and the role may monitor before RDS checks that it may.
 */
export function monitoring(
  scope: Construct,
  props: RelationalDatabaseProps & AwsContext,
  identifier: string,
  keyArn: string | undefined,
): Monitoring {
  const role = serviceRole(scope, 'MonitoringRole', {
    naming: [...props.naming, 'monitoring'],
    region: props.region,
    services: ['monitoring.rds.amazonaws.com'],
    description: 'Enhanced monitoring of the database',
  });
  const policy = new IamRolePolicyAttachment(scope, 'MonitoringPolicy', {
    role: role.name,
    policyArn: managedPolicyArn(props.region, 'service-role/AmazonRDSEnhancedMonitoringRole'),
  });
  const groups = LOGS.map((log) =>
    logGroup(scope, `Logs-${log}`, {
      name: `/aws/rds/instance/${identifier}/${log}`,
      retentionDays: LOG_RETENTION_DAYS,
      ...(keyArn === undefined ? {} : { kmsKeyArn: keyArn }),
    }),
  );
  return {
    enabledCloudwatchLogsExports: [...LOGS],
    monitoringInterval: MONITORING_INTERVAL_SECONDS,
    monitoringRoleArn: role.arn,
    performanceInsightsEnabled: true,
    performanceInsightsKmsKeyId: keyArn,
    performanceInsightsRetentionPeriod: INSIGHTS_RETENTION_DAYS,
    dependsOn: [...groups, policy],
  };
}

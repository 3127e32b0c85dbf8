import { BackupRestoreTestingPlan } from '@cdktf/provider-aws/lib/backup-restore-testing-plan';
import { BackupRestoreTestingSelection } from '@cdktf/provider-aws/lib/backup-restore-testing-selection';
import type { Construct } from 'constructs';
import type { IBuildingBlock } from '../cloud/building-block';
import { legalName } from '../names';
import { AWS_DATA_NAMES } from './names-data';

const FIRST_OF_MONTH = 'cron(0 5 1 * ? *)';
const START_WINDOW_HOURS = 4;
const SELECTION_WINDOW_DAYS = 7;
/** Something that is backed up. */
export interface BackedUp {
  readonly block: IBuildingBlock;
  readonly arn: string;
}

/** What a restore test needs. */
export interface RestoreTestsProps {
  readonly naming: readonly string[];
  readonly backups: readonly BackedUp[];
  readonly vaultArn: string;
  readonly roleArn: string;
}

/**
 * A monthly restore of the newest recovery points; AWS deletes the copies after its checks.
 *
 * @see https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html
 */
export function addRestoreTests(scope: Construct, props: RestoreTestsProps): void {
  const selections = ['DynamoDB', 'RDS', 'Aurora'].flatMap((type) => {
    const arns = props.backups.filter((backup) => typeOf(backup) === type).map((backup) => backup.arn);
    return arns.length > 0 ? [{ type, arns }] : [];
  });
  if (selections.length === 0) return;
  const plan = new BackupRestoreTestingPlan(scope, 'RestoreTests', {
    name: legalName(AWS_DATA_NAMES.restoreTesting, props.naming, scope),
    scheduleExpression: FIRST_OF_MONTH,
    startWindowHours: START_WINDOW_HOURS,
    recoveryPointSelection: [
      {
        algorithm: 'LATEST_WITHIN_WINDOW',
        includeVaults: [props.vaultArn],
        recoveryPointTypes: ['SNAPSHOT'],
        selectionWindowDays: SELECTION_WINDOW_DAYS,
      },
    ],
  });
  for (const { type, arns } of selections) {
    new BackupRestoreTestingSelection(scope, `RestoreTest-${type}`, {
      name: type.toLowerCase(),
      restoreTestingPlanName: plan.name,
      protectedResourceType: type,
      protectedResourceArns: arns,
      iamRoleArn: props.roleArn,
    });
  }
}

// Buckets and file systems are too large to copy for a test.
function typeOf({ block, arn }: BackedUp): string | undefined {
  if ('tableArn' in block) return 'DynamoDB';
  if (!('databaseName' in block)) return undefined;
  return arn.includes(':cluster:') ? 'Aurora' : 'RDS';
}

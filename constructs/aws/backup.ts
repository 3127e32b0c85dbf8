import { BackupPlan } from '@cdktf/provider-aws/lib/backup-plan';
import { BackupSelection } from '@cdktf/provider-aws/lib/backup-selection';
import { BackupVault } from '@cdktf/provider-aws/lib/backup-vault';
import { BackupVaultLockConfiguration } from '@cdktf/provider-aws/lib/backup-vault-lock-configuration';
import type { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import { Construct } from 'constructs';
import { wholeNumber } from '../checks';
import type { BackupProps, IBackup } from '../cloud/backup';
import { expectCloud } from '../cloud/building-block';
import type { IBuildingBlock } from '../cloud/building-block';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { AWS, accountIdOf, managedPolicyArn } from './context';
import type { AwsContext } from './context';
import { keyArnOf } from './encryption-key';
import { notBackedUp } from './errors-data';
import { serviceRole } from './iam';
import { AWS_DATA_NAMES } from './names-data';
import { addRestoreTests } from './restore-tests';

const SHORTEST_RETENTION_DAYS = 7;
const LONGEST_RETENTION_DAYS = 365;
const START_WINDOW_MINUTES = 60;
const COMPLETION_WINDOW_MINUTES = 480;
const POLICIES = [
  'service-role/AWSBackupServiceRolePolicyForBackup',
  'service-role/AWSBackupServiceRolePolicyForRestores',
  'AWSBackupServiceRolePolicyForS3Backup',
  'AWSBackupServiceRolePolicyForS3Restore',
];

/** Props of backups on AWS. */
export interface AwsBackupProps extends BackupProps, AwsContext {
  /** Restore the newest backup of each table and database once a month, and throw the copy away. @default true */
  readonly restoreTests?: boolean;
}

/**
 * Daily backups of named resources into a locked vault: nobody but a principal who may change the lock (governance mode) can
 * delete a recovery point early, and tables and databases are restored once a month as a test.
 *
 * @see https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html
 */
export class AwsBackup extends Construct implements IBackup {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly retentionDays: number;

  /**
   * @throws LNMT1002 for a retention or hour out of range, LNMT1008 for a target of another cloud, LNMT2101 for one that
   * AWS Backup cannot copy
   */
  constructor(scope: Construct, id: string, props: AwsBackupProps) {
    super(scope, id);
    expectCloud(this, 'cluster', props.cluster, AWS);
    const onRemoval = props.onRemoval ?? 'retain';
    this.retentionDays = wholeNumber(this, 'retentionDays', props.retentionDays ?? 35, {
      min: SHORTEST_RETENTION_DAYS,
      max: LONGEST_RETENTION_DAYS,
      unit: 'days',
    });
    const hour = wholeNumber(this, 'hour', props.hour ?? 3, { min: 0, max: 23 });
    const backups = props.targets.map((block) => ({ block, arn: backupArnOf(this, block) }));
    const name = legalName(AWS_DATA_NAMES.backupVault, props.naming, this);
    const vault = new BackupVault(this, 'Resource', {
      name,
      kmsKeyArn: keyArnOf(this, props.encryptionKey),
      forceDestroy: onRemoval === 'destroy',
    });
    stateful(vault, props.naming, onRemoval);
    if (onRemoval === 'retain') {
      new BackupVaultLockConfiguration(this, 'Lock', {
        backupVaultName: vault.name,
        minRetentionDays: SHORTEST_RETENTION_DAYS,
        maxRetentionDays: LONGEST_RETENTION_DAYS,
      });
    }
    const plan = new BackupPlan(this, 'Plan', {
      name,
      rule: [
        {
          ruleName: 'daily',
          targetVaultName: vault.name,
          schedule: `cron(0 ${hour} * * ? *)`,
          startWindow: START_WINDOW_MINUTES,
          completionWindow: COMPLETION_WINDOW_MINUTES,
          lifecycle: { deleteAfter: this.retentionDays },
        },
      ],
    });
    if (backups.length === 0) return;
    const role = this.role(props);
    new BackupSelection(this, 'Selection', {
      name: legalName(AWS_DATA_NAMES.backupSelection, props.naming, this),
      planId: plan.id,
      iamRoleArn: role.arn,
      resources: backups.map((backup) => backup.arn),
    });
    if (props.restoreTests ?? true)
      addRestoreTests(this, { ...props, backups, vaultArn: vault.arn, roleArn: role.arn });
  }

  private role(props: AwsBackupProps): IamRole {
    const role = serviceRole(this, 'Role', {
      naming: [...props.naming, 'backup'],
      region: props.region,
      services: ['backup.amazonaws.com'],
      description: 'Backs up and restores the stateful parts of the platform',
      conditions: { StringEquals: { 'aws:SourceAccount': accountIdOf(this) } },
    });
    POLICIES.forEach((policy, index) => {
      new IamRolePolicyAttachment(this, `RolePolicy${index}`, {
        role: role.name,
        policyArn: managedPolicyArn(props.region, policy),
      });
    });
    return role;
  }
}

function backupArnOf(scope: Construct, target: IBuildingBlock): string {
  const block: IBuildingBlock & { readonly backupArn?: unknown } = expectCloud(scope, 'targets', target, AWS);
  if (typeof block.backupArn !== 'string') throw notBackedUp(scope, target.node.path);
  return block.backupArn;
}

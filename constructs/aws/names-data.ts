import type { NameRule } from '../names';

/** What AWS accepts as names of storage, data, security and operations resources. Suffixes of the provider are left room for. */
export const AWS_DATA_NAMES = {
  /** `bucket_prefix`: the provider appends 26 characters to at most 37. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
  bucketPrefix: { maxLength: 36 },
  /** What follows `alias/`. @see https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html */
  keyAlias: { maxLength: 200, letterFirst: false },
  /** @see https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html */
  creationToken: { maxLength: 64 },
  /** @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html */
  database: { maxLength: 63 },
  /** @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html */
  databaseSnapshot: { maxLength: 200 },
  /** The provider appends 26 characters. @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html */
  parameterGroupPrefix: { maxLength: 200 },
  /** @see https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html */
  subnetGroup: { maxLength: 200 },
  /** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html */
  table: { maxLength: 255 },
  /** @see https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html */
  replicationGroup: { maxLength: 40 },
  /** @see https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateUser.html */
  cacheUser: { maxLength: 40 },
  /** @see https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateSnapshot.html */
  cacheSnapshot: { maxLength: 200 },
  /** One part of the path of a secret. @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html */
  secretPart: { maxLength: 100, letterFirst: false },
  /** @see https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
  repositoryPrefix: { maxLength: 128 },
  /** @see https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html */
  topic: { maxLength: 256 },
  /** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html */
  alarm: { maxLength: 255 },
  /** @see https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html */
  backupVault: { maxLength: 50 },
  /** @see https://docs.aws.amazon.com/aws-backup/latest/devguide/API_BackupSelection.html */
  backupSelection: { maxLength: 50 },
  /** Letters, digits and underscores only. @see https://docs.aws.amazon.com/aws-backup/latest/devguide/API_RestoreTestingPlanForCreate.html */
  restoreTesting: { maxLength: 50, separator: '_' },
  /** @see https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateKeySigningKey.html */
  keySigningKey: { maxLength: 128, separator: '_' },
} as const satisfies Record<string, NameRule>;

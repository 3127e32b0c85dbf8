import type { NameRule } from '../names';

/** What AWS accepts as names, by kind of resource. Suffixes that the provider or the service appends are left room for. */
export const AWS_NAMES = {
  /** Letters and digits first. @see https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html */
  cluster: { maxLength: 100 },
  /** @see https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html */
  nodeGroup: { maxLength: 63 },
  /** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
  role: { maxLength: 64 },
  /** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
  policy: { maxLength: 128 },
  /** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html */
  securityGroup: { maxLength: 255 },
  /** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html */
  launchTemplate: { maxLength: 128 },
  /** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreatePlacementGroup.html */
  placementGroup: { maxLength: 255 },
  /** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html */
  queue: { maxLength: 80 },
  /** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html */
  eventRule: { maxLength: 64 },
  /** One part of a log group's path. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html */
  logGroup: { maxLength: 255 },
  /** Value of a tag, `Name` among them. @see https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html */
  tagValue: { maxLength: 255 },
  /** S3 buckets share one namespace world-wide. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
  bucket: { maxLength: 63 },
} as const satisfies Record<string, NameRule>;

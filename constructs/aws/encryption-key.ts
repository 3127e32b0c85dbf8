import { KmsAlias } from '@cdktf/provider-aws/lib/kms-alias';
import { KmsKey as KmsKeyResource } from '@cdktf/provider-aws/lib/kms-key';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { wholeNumber } from '../checks';
import type { EncryptionKeyProps, IEncryptionKey } from '../cloud/encryption-key';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { expectArn } from './arn';
import { AWS, accountIdOf, brand, dnsSuffixOf, expectBrand, partitionOf } from './context';
import type { AwsContext } from './context';
import { policyDocument } from './iam';
import type { PolicyStatement } from './iam';
import { AWS_DATA_NAMES } from './names-data';

const BRAND = Symbol.for('lnmt/aws/encryption-key');
const DELETION_WINDOW_DAYS = 30;

/** What `KmsKey.fromKey` needs to know. */
export interface ExistingKmsKey {
  /** ARN of the key, not of an alias; may be a token. */
  readonly keyArn: string;
}

/**
 * A customer-managed KMS key that rotates by itself, with an alias and an explicit policy: the account delegates to IAM,
 * CloudWatch Logs may encrypt log groups of this account and region, CloudWatch alarms may publish to encrypted topics.
 *
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
 */
export class KmsKey extends Construct implements IEncryptionKey {
  /**
   * Adopts a key. Its policy has to let CloudWatch Logs use it.
   *
   * @throws LNMT2100 for what is not an ARN of KMS
   */
  static fromKey(scope: Construct, id: string, existing: ExistingKmsKey): IEncryptionKey {
    return new ImportedKey(scope, id, existing);
  }

  /** Narrows a neutral key. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, key: IEncryptionKey, property = 'encryptionKey'): IEncryptionKey {
    return expectBrand<IEncryptionKey & Construct>(scope, property, key, BRAND, 'KmsKey');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  /** ARN of the key. */
  readonly keyId: string;

  /** @throws LNMT1002 for `rotationDays` outside 90 to 2560 */
  constructor(scope: Construct, id: string, props: EncryptionKeyProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const rotationDays = wholeNumber(this, 'rotationDays', props.rotationDays ?? 365, {
      min: 90,
      max: 2560,
      unit: 'days',
    });
    const resource = new KmsKeyResource(this, 'Resource', {
      description: props.description,
      enableKeyRotation: true,
      rotationPeriodInDays: rotationDays,
      deletionWindowInDays: DELETION_WINDOW_DAYS,
      policy: policyDocument(keyPolicy(this, props.region)),
    });
    stateful(resource, props.naming, props.onRemoval ?? 'retain');
    new KmsAlias(this, 'Alias', {
      name: `alias/${legalName(AWS_DATA_NAMES.keyAlias, props.naming, this)}`,
      targetKeyId: resource.keyId,
    });
    this.keyId = resource.arn;
  }
}

class ImportedKey extends Construct implements IEncryptionKey {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly keyId: string;

  constructor(scope: Construct, id: string, existing: ExistingKmsKey) {
    super(scope, id);
    brand(this, BRAND);
    this.keyId = expectArn(this, 'keyArn', existing.keyArn, 'kms');
  }
}

/** ARN of an optional key. @throws LNMT1008 for a key of another cloud */
export function keyArnOf(scope: IConstruct, key: IEncryptionKey | undefined): string | undefined {
  return key === undefined ? undefined : KmsKey.expect(scope, key).keyId;
}

/**
 * The statement that lets an identity use a key through one service only; nothing for the service's own key, whose policy
 * admits the whole account.
 *
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
 */
export function keyUse(
  keyArn: string | undefined,
  region: string,
  service: string,
  actions: readonly string[],
): readonly PolicyStatement[] {
  if (keyArn === undefined) return [];
  return [
    {
      sid: 'UseKey',
      actions,
      resources: [keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `${service}.${region}.${dnsSuffixOf(region)}` } },
    },
  ];
}

// In a key policy, resource * is the key itself: there is no narrower way to write it.
function keyPolicy(scope: IConstruct, region: string): readonly PolicyStatement[] {
  const account = accountIdOf(scope);
  const partition = partitionOf(region);
  return [
    {
      sid: 'AccountDecidesByIam',
      principals: { AWS: `arn:${partition}:iam::${account}:root` },
      actions: ['kms:*'],
      resources: ['*'],
    },
    {
      sid: 'LogGroups',
      principals: { Service: `logs.${region}.${dnsSuffixOf(region)}` },
      actions: [
        'kms:Encrypt',
        'kms:Decrypt',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
        'kms:GenerateDataKey*',
        'kms:DescribeKey',
      ],
      resources: ['*'],
      conditions: {
        ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:log-group:*` },
      },
    },
    {
      sid: 'Alarms',
      principals: { Service: 'cloudwatch.amazonaws.com' },
      actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': account } },
    },
  ];
}

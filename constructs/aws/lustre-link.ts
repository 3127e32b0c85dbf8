import { FsxDataRepositoryAssociation } from '@cdktf/provider-aws/lib/fsx-data-repository-association';
import { KmsGrant } from '@cdktf/provider-aws/lib/kms-grant';
import type { Construct } from 'constructs';
import { accountIdOf, partitionOf } from './context';
import type { IS3ObjectStore } from './object-store';

const EVENTS = ['NEW', 'CHANGED', 'DELETED'];

/** What is linked with what. */
export interface LustreLinkProps {
  readonly region: string;
  readonly fileSystemId: string;
  readonly bucket: IS3ObjectStore;
}

/**
 * Makes the objects of a bucket appear as files below `/` and the other way round, as they change.
 *
 * @see https://docs.aws.amazon.com/fsx/latest/LustreGuide/create-dra-linked-data-repo.html
 */
export function linkBucket(scope: Construct, props: LustreLinkProps): void {
  const association = new FsxDataRepositoryAssociation(scope, 'Link', {
    fileSystemId: props.fileSystemId,
    dataRepositoryPath: props.bucket.uri,
    fileSystemPath: '/',
    batchImportMetaDataOnCreate: true,
    s3: { autoImportPolicy: { events: EVENTS }, autoExportPolicy: { events: EVENTS } },
  });
  if (props.bucket.keyArn === undefined) return;
  // FSx makes one role a file system together with its first link, so that only a grant can name it.
  const role = `role/aws-service-role/s3.data-source.lustre.fsx.amazonaws.com/AWSServiceRoleForFSxS3Access_${props.fileSystemId}`;
  new KmsGrant(scope, 'LinkKey', {
    name: 'lustre-link',
    keyId: props.bucket.keyArn,
    granteePrincipal: `arn:${partitionOf(props.region)}:iam::${accountIdOf(scope)}:${role}`,
    operations: ['Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey', 'ReEncryptFrom', 'ReEncryptTo'],
    dependsOn: [association],
  });
}

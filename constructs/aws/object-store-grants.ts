import type { Construct } from 'constructs';
import { literal } from '../checks';
import type { IObjectStoreGrants } from '../cloud/object-store';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import { keyUse } from './encryption-key';
import { unusablePrefix } from './errors-data';
import { grantTo } from './grant';
import type { PolicyStatement } from './iam';

const READ = ['s3:GetObject', 's3:GetObjectVersion'];
const WRITE = ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'];

/** What a grant has to know of a bucket. */
export interface GrantedBucket extends Construct {
  readonly bucketArn: string;
  readonly keyArn?: string;
}

/** Inline policies with the exact ARNs of one bucket and its key, attached to the role of the identity. */
export class BucketGrants implements IObjectStoreGrants {
  constructor(
    private readonly bucket: GrantedBucket,
    private readonly region: string,
  ) {}

  read(identity: IWorkloadIdentity, prefix = ''): void {
    const folder = this.folder(prefix);
    grantTo(this.bucket, identity, ['Read', folder], this.statements(folder, READ, ['kms:Decrypt']));
  }

  readWrite(identity: IWorkloadIdentity, prefix = ''): void {
    const folder = this.folder(prefix);
    const key = ['kms:Decrypt', 'kms:GenerateDataKey'];
    grantTo(this.bucket, identity, ['ReadWrite', folder], this.statements(folder, [...READ, ...WRITE], key));
  }

  private statements(folder: string, actions: readonly string[], keyActions: readonly string[]): PolicyStatement[] {
    const { bucketArn, keyArn } = this.bucket;
    const listing: PolicyStatement = { sid: 'List', actions: ['s3:ListBucket'], resources: [bucketArn] };
    return [
      folder === '' ? listing : { ...listing, conditions: { StringLike: { 's3:prefix': [folder, `${folder}/*`] } } },
      { sid: 'Objects', actions, resources: [folder === '' ? `${bucketArn}/*` : `${bucketArn}/${folder}/*`] },
      ...keyUse(keyArn, this.region, 's3', keyActions),
    ];
  }

  private folder(prefix: string): string {
    literal(this.bucket, 'prefix', prefix);
    if (prefix.startsWith('/') || /[*?$]/.test(prefix)) throw unusablePrefix(this.bucket, prefix);
    return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  }
}

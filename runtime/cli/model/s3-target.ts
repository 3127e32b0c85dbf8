import fs from 'node:fs';
import type * as Sdk from '@aws-sdk/client-s3';
import { MODEL_STORE, modelStorePath } from '../../contract';
import { packageMissing, storeFailed, versionTaken } from '../errors';
import type { LocalModelFile } from './files';
import { multipartUpload } from './s3-multipart';
import type { PushOutcome, PushRequest, PushTarget } from './push';

/** The S3 client as far as it is used; tests give another. */
export type S3Sdk = Pick<
  typeof Sdk,
  | 'S3Client'
  | 'GetObjectCommand'
  | 'PutObjectCommand'
  | 'CreateMultipartUploadCommand'
  | 'UploadPartCommand'
  | 'CompleteMultipartUploadCommand'
  | 'AbortMultipartUploadCommand'
>;

/** Which bucket, and how it is reached. */
export interface S3TargetOptions {
  readonly bucket: string;
  /** Folder inside the bucket; empty for its root. */
  readonly prefix: string;
  /** URL of a store other than AWS. @default - AWS */
  readonly endpoint?: string;
  /** @default - what the environment says */
  readonly region?: string;
}

const PACKAGE = '@aws-sdk/client-s3';
/** Region that S3-compatible stores accept when they have none. */
const ANY_REGION = 'us-east-1';
/** Above this an object goes up in parts. */
const SINGLE_PUT_BYTES = 64 * 1024 * 1024;

async function importSdk(): Promise<S3Sdk> {
  try {
    return await import('@aws-sdk/client-s3');
  } catch {
    throw packageMissing(PACKAGE, 'pushing to s3://');
  }
}

/** A store in a bucket of S3 or of a store that speaks its API. */
export class S3Target implements PushTarget {
  /** @param load imports the S3 client, which is a package of its own */
  constructor(
    private readonly options: S3TargetOptions,
    private readonly load: () => Promise<S3Sdk> = importSdk,
  ) {}

  async push(request: PushRequest): Promise<PushOutcome> {
    const sdk = await this.load();
    const { endpoint, region } = this.options;
    const client = new sdk.S3Client({
      ...(region ? { region } : {}),
      ...(endpoint ? { endpoint, forcePathStyle: true, region: region ?? ANY_REGION } : {}),
    });
    try {
      return await this.pushWith(sdk, client, request);
    } catch (error) {
      if (error instanceof Error && 'exitCode' in error) throw error;
      throw storeFailed(`s3://${this.options.bucket}`, describe(error));
    } finally {
      client.destroy();
    }
  }

  private async pushWith(sdk: S3Sdk, client: Sdk.S3Client, request: PushRequest): Promise<PushOutcome> {
    const existing = await this.manifestOf(sdk, client, request);
    if (existing !== undefined) return compare(request, existing);
    for (const file of request.files) await this.putFile(sdk, client, request, file);
    return this.publish(sdk, client, request);
  }

  private async manifestOf(sdk: S3Sdk, client: Sdk.S3Client, request: PushRequest): Promise<string | undefined> {
    try {
      const command = new sdk.GetObjectCommand(this.address(request, MODEL_STORE.manifest));
      return await (await client.send(command)).Body?.transformToString();
    } catch (error) {
      if (error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)) return undefined;
      throw error;
    }
  }

  private async putFile(sdk: S3Sdk, client: Sdk.S3Client, request: PushRequest, file: LocalModelFile): Promise<void> {
    const address = this.address(request, file.path);
    if (file.bytes > SINGLE_PUT_BYTES) return multipartUpload(sdk, client, address, file);
    await client.send(new sdk.PutObjectCommand({ ...address, Body: fs.readFileSync(file.source) }));
  }

  // Conditional, so that of two pushes at the same time one wins and the other hears of it.
  private async publish(sdk: S3Sdk, client: Sdk.S3Client, request: PushRequest): Promise<PushOutcome> {
    const address = this.address(request, MODEL_STORE.manifest);
    try {
      await client.send(new sdk.PutObjectCommand({ ...address, Body: request.manifest, IfNoneMatch: '*' }));
      return 'pushed';
    } catch (error) {
      if (!(error instanceof Error && error.name === 'PreconditionFailed')) throw error;
      return compare(request, (await this.manifestOf(sdk, client, request)) ?? '');
    }
  }

  private address({ name, version }: PushRequest, file: string): { readonly Bucket: string; readonly Key: string } {
    const { bucket, prefix } = this.options;
    const key = modelStorePath(name, version, file);
    return { Bucket: bucket, Key: prefix === '' ? key : `${prefix}/${key}` };
  }
}

function compare({ name, version, manifest }: PushRequest, existing: string): PushOutcome {
  if (existing === manifest) return 'unchanged';
  throw versionTaken(name, version, 'with other content');
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

import fs from 'node:fs/promises';
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
  | 'HeadObjectCommand'
  | 'PutObjectCommand'
  | 'CreateMultipartUploadCommand'
  | 'UploadPartCommand'
  | 'CompleteMultipartUploadCommand'
  | 'AbortMultipartUploadCommand'
>;

/** A client with its commands. */
export interface Connection {
  readonly sdk: S3Sdk;
  readonly client: Sdk.S3Client;
}

interface Address {
  readonly Bucket: string;
  readonly Key: string;
}

type Conditions = Pick<Sdk.PutObjectCommandInput, 'IfMatch' | 'IfNoneMatch'>;

/** Where an object goes, and what must be there. */
export type Place = Address & Conditions;

/** What a store says of an object. */
type Stored = Pick<Sdk.HeadObjectCommandOutput, 'ContentLength' | 'ETag' | 'Metadata'>;

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
/** Metadata of an object with the SHA-256 of its content: what stores compute themselves differs between them. */
const DIGEST = 'sha256';

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
      return await this.pushWith({ sdk, client }, request);
    } catch (error) {
      if (error instanceof Error && 'exitCode' in error) throw error;
      throw storeFailed(`s3://${this.options.bucket}`, describe(error));
    } finally {
      client.destroy();
    }
  }

  private async pushWith(connection: Connection, request: PushRequest): Promise<PushOutcome> {
    const existing = await this.manifestOf(connection, request);
    if (existing !== undefined) compare(request, existing);
    let news = 0;
    for (const file of request.files) {
      if (await this.bring(connection, request, file, existing !== undefined)) news += 1;
    }
    if (existing !== undefined) return news > 0 ? 'pushed' : 'unchanged';
    return this.publish(connection, request);
  }

  private async manifestOf({ sdk, client }: Connection, request: PushRequest): Promise<string | undefined> {
    const command = new sdk.GetObjectCommand(this.address(request, MODEL_STORE.manifest));
    return orAbsent(async () => (await client.send(command)).Body?.transformToString());
  }

  /**
   * Puts a file where it belongs; false where it lies there already. Once there it stays, as the manifest of whoever
   * pushed it may be on its way; only what differs from a published manifest is replaced.
   */
  private async bring(
    connection: Connection,
    request: PushRequest,
    file: LocalModelFile,
    published: boolean,
  ): Promise<boolean> {
    const address = this.address(request, file.path);
    let stored = await storedAt(connection, address);
    if (stored === undefined || (published && !isSame(stored, file, published))) {
      try {
        await upload(connection, { ...address, ...conditionOn(stored) }, file);
        return true;
      } catch (error) {
        if (!isLost(error)) throw error;
        stored = await storedAt(connection, address);
      }
    }
    if (stored !== undefined && isSame(stored, file, published)) return false;
    const why = `${file.path} lies there, as another push leaves it that is under way or broke off`;
    throw versionTaken(request.name, request.version, why);
  }

  // Conditional, so that of two pushes at the same time one wins and the other hears of it.
  private async publish(connection: Connection, request: PushRequest): Promise<PushOutcome> {
    const { sdk, client } = connection;
    const address = this.address(request, MODEL_STORE.manifest);
    try {
      await client.send(new sdk.PutObjectCommand({ ...address, Body: request.manifest, ...conditionOn(undefined) }));
      return 'pushed';
    } catch (error) {
      if (!isLost(error)) throw error;
      compare(request, (await this.manifestOf(connection, request)) ?? '');
      return 'unchanged';
    }
  }

  private address({ name, version }: PushRequest, file: string): Address {
    const { bucket, prefix } = this.options;
    const key = modelStorePath(name, version, file);
    return { Bucket: bucket, Key: prefix === '' ? key : `${prefix}/${key}` };
  }
}

async function orAbsent<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Error && ['NoSuchKey', 'NotFound'].includes(error.name)) return undefined;
    throw error;
  }
}

const storedAt = ({ sdk, client }: Connection, address: Address): Promise<Stored | undefined> =>
  orAbsent(() => client.send(new sdk.HeadObjectCommand(address)));

/** @param published whether its digest may be unknown: earlier releases wrote none */
function isSame({ ContentLength, Metadata }: Stored, { bytes, sha256 }: LocalModelFile, published: boolean): boolean {
  return ContentLength === bytes && (Metadata?.[DIGEST] ?? (published ? sha256 : undefined)) === sha256;
}

/** Holds a write to what was seen of its place. */
const conditionOn = (stored: Stored | undefined): Conditions =>
  stored?.ETag === undefined ? { IfNoneMatch: '*' } : { IfMatch: stored.ETag };

/** True when somebody else wrote first. */
const isLost = (error: unknown): boolean =>
  error instanceof Error && ['PreconditionFailed', 'ConditionalRequestConflict'].includes(error.name);

async function upload(connection: Connection, place: Place, file: LocalModelFile): Promise<void> {
  const Metadata = { [DIGEST]: file.sha256 };
  if (file.bytes > SINGLE_PUT_BYTES) return multipartUpload(connection, { ...place, Metadata }, file);
  const Body = await fs.readFile(file.source);
  await connection.client.send(new connection.sdk.PutObjectCommand({ ...place, Metadata, Body }));
}

function compare({ name, version, manifest }: PushRequest, existing: string): void {
  if (existing !== manifest) throw versionTaken(name, version, 'with other content');
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

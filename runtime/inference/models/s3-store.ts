import type { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { ModelError } from '../errors';
import { SILENCE_MS } from './guarded-http';
import { gather } from './pages';
import { CannotResume, ContentChanged } from './store';
import type { ModelStore, StoreEntry } from './store';

/** Which bucket, and how it is reached. Credentials come from the default chain: the pod's identity, or variables. */
export interface S3StoreOptions {
  readonly bucket: string;
  /** Folder inside the bucket; empty for its root. */
  readonly prefix: string;
  /** URL of a store other than AWS; its buckets are addressed by path. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  /** Milliseconds that the store may be silent. @default - that of the stores behind HTTP */
  readonly silenceMs?: number | undefined;
}

/** The S3 client as far as it is used; tests give another. */
export type S3Sdk = Pick<typeof Sdk, 'S3Client' | 'GetObjectCommand' | 'ListObjectsV2Command'>;

const CONNECT_MS = 5_000;
const ATTEMPTS = 4;
/** Region that S3-compatible stores accept when they have none. */
const ANY_REGION = 'us-east-1';

function statusOf(error: unknown): number | undefined {
  const { $metadata } = (error ?? {}) as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}

function translate(error: unknown, key: string): ModelError {
  if (error instanceof ModelError) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === 'NoSuchKey' || name === 'NotFound') return new ModelError('LNMT8301', `no object ${key}`, false, error);
  if (name === 'NoSuchBucket') return new ModelError('LNMT8301', `no bucket for ${key}`, false, error);
  if (statusOf(error) === 412) return new ContentChanged(key, error);
  if (statusOf(error) === 416) return new CannotResume(key, error);
  return new ModelError('LNMT8304', `${key}: ${name}: ${message}`, true, error);
}

/** A store in a bucket of S3 or of a store that speaks its API. */
export class S3Store implements ModelStore {
  private client: Sdk.S3Client | undefined;

  /** @param load imports the S3 client, which is an optional dependency */
  constructor(
    private readonly options: S3StoreOptions,
    private readonly load: () => Promise<S3Sdk> = () => import('@aws-sdk/client-s3'),
  ) {}

  async open(file: string, start = 0, tag?: string): Promise<Readable> {
    const key = this.key(file);
    const sdk = await this.sdk();
    this.client ??= this.connect(sdk);
    const part = {
      ...(start > 0 ? { Range: `bytes=${start}-` } : {}),
      ...(tag === undefined ? {} : { IfMatch: tag }),
    };
    try {
      const command = new sdk.GetObjectCommand({ Bucket: this.options.bucket, Key: key, ...part });
      const { Body, ContentRange } = await this.client.send(command);
      if (Body === undefined) throw new Error('empty answer');
      const body = Body as Readable;
      if (start === 0 || ContentRange?.startsWith(`bytes ${start}-`)) return body;
      body.destroy();
      throw new CannotResume(key);
    } catch (error) {
      throw translate(error, key);
    }
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    const prefix = folder === '' && this.options.prefix === '' ? '' : `${this.key(folder).replace(/\/+$/, '')}/`;
    const sdk = await this.sdk();
    this.client ??= this.connect(sdk);
    try {
      return await gather(folder, this.pages(this.client, sdk, prefix));
    } catch (error) {
      throw translate(error, prefix);
    }
  }

  /** What lies right below a prefix, at most 1000 objects and folders at a time. */
  private async *pages(client: Sdk.S3Client, sdk: S3Sdk, prefix: string): AsyncGenerator<readonly StoreEntry[]> {
    for (let token: string | undefined; ;) {
      const ask = { Bucket: this.options.bucket, Prefix: prefix, Delimiter: '/', ContinuationToken: token };
      const page = await client.send(new sdk.ListObjectsV2Command(ask));
      const folders = (page.CommonPrefixes ?? []).map(({ Prefix = '' }) => ({
        name: Prefix.slice(prefix.length).replace(/\/$/, ''),
      }));
      const objects = (page.Contents ?? [])
        .filter(({ Key }) => Key !== prefix)
        .map(({ Key = '', Size = 0, ETag = '' }) => ({ name: Key.slice(prefix.length), bytes: Size, tag: ETag }));
      yield [...folders, ...objects];
      token = page.NextContinuationToken;
      if (!token) return;
    }
  }

  private key(file: string): string {
    const { prefix } = this.options;
    return prefix === '' ? file : `${prefix}/${file}`;
  }

  private async sdk(): Promise<S3Sdk> {
    try {
      return await this.load();
    } catch (error) {
      throw new ModelError('LNMT8305', 'the store is s3://', false, error);
    }
  }

  private connect({ S3Client: Client }: S3Sdk): Sdk.S3Client {
    const { endpoint, region, silenceMs = SILENCE_MS } = this.options;
    return new Client({
      maxAttempts: ATTEMPTS,
      // A limit of the request would be a warning only, and would not hold for what comes after the head.
      requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: silenceMs },
      ...(region ? { region } : {}),
      ...(endpoint ? { endpoint, forcePathStyle: true, region: region ?? ANY_REGION } : {}),
    });
  }
}

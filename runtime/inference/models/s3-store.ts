import type { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { ModelError } from '../errors';
import { MAX_ENTRIES } from './store';
import type { ModelStore, StoreEntry } from './store';

/** Which bucket, and how it is reached. Credentials come from the default chain: the pod's identity, or variables. */
export interface S3StoreOptions {
  readonly bucket: string;
  /** Folder inside the bucket; empty for its root. */
  readonly prefix: string;
  /** URL of a store other than AWS; its buckets are addressed by path. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
}

/** The S3 client as far as it is used; tests give another. */
export type S3Sdk = Pick<typeof Sdk, 'S3Client' | 'GetObjectCommand' | 'ListObjectsV2Command'>;

const CONNECT_MS = 5_000;
const SILENCE_MS = 30_000;
const ATTEMPTS = 4;
/** Region that S3-compatible stores accept when they have none. */
const ANY_REGION = 'us-east-1';

function translate(error: unknown, key: string): ModelError {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === 'NoSuchKey' || name === 'NotFound') return new ModelError('LNMT8301', `no object ${key}`, false, error);
  if (name === 'NoSuchBucket') return new ModelError('LNMT8301', `no bucket for ${key}`, false, error);
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

  async open(file: string, start = 0): Promise<Readable> {
    const key = this.key(file);
    const sdk = await this.sdk();
    this.client ??= this.connect(sdk);
    const range = start > 0 ? { Range: `bytes=${start}-` } : {};
    try {
      const command = new sdk.GetObjectCommand({ Bucket: this.options.bucket, Key: key, ...range });
      const { Body } = await this.client.send(command);
      if (Body === undefined) throw new Error('empty answer');
      return Body as Readable;
    } catch (error) {
      throw translate(error, key);
    }
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    const prefix = folder === '' && this.options.prefix === '' ? '' : `${this.key(folder).replace(/\/+$/, '')}/`;
    const sdk = await this.sdk();
    this.client ??= this.connect(sdk);
    const entries: StoreEntry[] = [];
    try {
      for (let token: string | undefined; ;) {
        const ask = { Bucket: this.options.bucket, Prefix: prefix, Delimiter: '/', ContinuationToken: token };
        const page = await this.client.send(new sdk.ListObjectsV2Command(ask));
        for (const { Prefix = '' } of page.CommonPrefixes ?? []) {
          entries.push({ name: Prefix.slice(prefix.length).replace(/\/$/, '') });
        }
        for (const { Key = '', Size = 0, ETag = '' } of page.Contents ?? []) {
          if (Key !== prefix) entries.push({ name: Key.slice(prefix.length), bytes: Size, tag: ETag });
        }
        token = page.NextContinuationToken;
        if (token === undefined || entries.length > MAX_ENTRIES) return entries;
      }
    } catch (error) {
      throw translate(error, prefix);
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
    const { endpoint, region } = this.options;
    return new Client({
      maxAttempts: ATTEMPTS,
      requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: SILENCE_MS },
      ...(region ? { region } : {}),
      ...(endpoint ? { endpoint, forcePathStyle: true, region: region ?? ANY_REGION } : {}),
    });
  }
}

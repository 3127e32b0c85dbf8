import { PassThrough, pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import type * as Sdk from '@google-cloud/storage' with { 'resolution-mode': 'import' };
import { ModelError } from '../errors';
import { gather } from './pages';
import { CannotResume, ContentChanged } from './store';
import type { ModelStore, StoreEntry } from './store';

/** Which bucket, and how it is reached. Credentials are the application's default ones: the identity of the pod. */
export interface GcsStoreOptions {
  readonly bucket: string;
  /** Folder inside the bucket; empty for its root. */
  readonly prefix: string;
  /** URL of an emulator, which is asked without credentials. */
  readonly endpoint: string | undefined;
}

/** What the API says beside the objects. */
interface ListAnswer {
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
}

/** The client of Cloud Storage as far as it is used. */
export type GcsSdk = Pick<typeof Sdk, 'Storage'>;

/** A file in its bucket, of one generation where it was listed. */
const generationOf = (tag: string | undefined): { readonly generation?: string } =>
  tag !== undefined && /^\d+$/.test(tag) ? { generation: tag } : {};

function translate(error: unknown, key: string, tag?: string): ModelError {
  if (error instanceof ModelError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // Of a generation that was replaced it says that there is no such object.
  if (code === 404 && tag !== undefined) return new ContentChanged(key, error);
  if (code === 404) return new ModelError('LNMT8301', `no object ${key}`, false, error);
  if (code === 416) return new CannotResume(key, error);
  return new ModelError('LNMT8304', `${key}: ${error instanceof Error ? error.message : String(error)}`, true, error);
}

/** What lies right below a prefix; the API gives at most 1000 objects and folders at a time. */
async function* pagesOf(bucket: Sdk.Bucket, prefix: string): AsyncGenerator<readonly StoreEntry[]> {
  for (let pageToken: string | undefined; ;) {
    const query = { prefix, delimiter: '/', autoPaginate: false, ...(pageToken === undefined ? {} : { pageToken }) };
    // Where the client turns the pages itself, it says nothing of the folders.
    const [files, , answer] = await bucket.getFiles(query);
    const { prefixes = [], nextPageToken } = (answer ?? {}) as ListAnswer;
    const folders = prefixes.map((each) => ({ name: each.slice(prefix.length).replace(/\/$/, '') }));
    const objects = files
      .filter(({ name }) => name !== prefix)
      .map(({ name, metadata }) => ({
        name: name.slice(prefix.length),
        bytes: Number(metadata.size ?? 0),
        tag: String(metadata.generation ?? ''),
      }));
    yield [...folders, ...objects];
    if (!nextPageToken) return;
    pageToken = nextPageToken;
  }
}

/** A store in a bucket of Google Cloud Storage. */
export class GcsStore implements ModelStore {
  private bucket: Sdk.Bucket | undefined;

  /** @param load imports the client, which is an optional package */
  constructor(
    private readonly options: GcsStoreOptions,
    private readonly load: () => Promise<GcsSdk> = () => import('@google-cloud/storage'),
  ) {}

  async open(file: string, start = 0, tag?: string): Promise<Readable> {
    const key = this.key(file);
    const bucket = await this.connect();
    const source = bucket
      .file(key, generationOf(tag))
      // Of an empty object there is no first byte to begin at.
      .createReadStream({ ...(start > 0 ? { start } : {}), decompress: false, validation: false });
    // It asks for nothing before it is read, and only the answer tells whether there is such an object.
    const through = new PassThrough();
    return new Promise((resolve, reject) => {
      source.once('response', ({ statusCode }: { readonly statusCode?: number }) => {
        if (start > 0 && statusCode === 200) source.destroy(new CannotResume(key));
      });
      source.once('error', (error) => reject(translate(error, key, tag)));
      through.once('readable', () => resolve(through));
      pipeline(source, through, () => undefined);
    });
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    const prefix = folder === '' && this.options.prefix === '' ? '' : `${this.key(folder).replace(/\/+$/, '')}/`;
    const bucket = await this.connect();
    try {
      return await gather(folder, pagesOf(bucket, prefix));
    } catch (error) {
      throw translate(error, prefix);
    }
  }

  private key(file: string): string {
    const { prefix } = this.options;
    return prefix === '' ? file : `${prefix}/${file}`;
  }

  private async connect(): Promise<Sdk.Bucket> {
    if (this.bucket !== undefined) return this.bucket;
    let sdk: GcsSdk;
    try {
      sdk = await this.load();
    } catch (error) {
      throw new ModelError('LNMT8311', 'the store is gs://; install @google-cloud/storage', false, error);
    }
    const { endpoint, bucket } = this.options;
    const emulator =
      endpoint === undefined ? {} : { apiEndpoint: endpoint, projectId: 'emulator', customEndpoint: true };
    // What fails is tried again by whoever asks: its own pauses would hold up a start for minutes.
    const retryOptions = { autoRetry: false, maxRetries: 0 };
    this.bucket = new sdk.Storage({ ...emulator, retryOptions }).bucket(bucket);
    return this.bucket;
  }
}

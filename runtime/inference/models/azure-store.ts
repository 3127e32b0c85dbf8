import type { Readable } from 'node:stream';
import type * as Identity from '@azure/identity' with { 'resolution-mode': 'import' };
import type * as Sdk from '@azure/storage-blob' with { 'resolution-mode': 'import' };
import { ModelError } from '../errors';
import { gather } from './pages';
import { CannotResume, ContentChanged } from './store';
import type { ModelStore, StoreEntry } from './store';

/** Which container, and how it is reached. Credentials are the default ones: the identity of the workload. */
export interface AzureStoreOptions {
  readonly account: string;
  readonly container: string;
  /** Folder inside the container; empty for its root. */
  readonly prefix: string;
  /** URL of an emulator or of a cloud other than the public one, with the account. */
  readonly endpoint: string | undefined;
  /** Key of the account, where there is no identity. */
  readonly accountKey: string | undefined;
}

/** The clients as far as they are used. */
export interface AzureSdk {
  readonly blob: Pick<typeof Sdk, 'ContainerClient' | 'StorageSharedKeyCredential'>;
  readonly identity: () => Promise<Pick<typeof Identity, 'DefaultAzureCredential'>>;
}

async function loadSdk(): Promise<AzureSdk> {
  return { blob: await import('@azure/storage-blob'), identity: () => import('@azure/identity') };
}

function translate(error: unknown, key: string): ModelError {
  if (error instanceof ModelError) return error;
  const { message, statusCode } = error as { readonly message?: unknown; readonly statusCode?: unknown };
  if (statusCode === 404) return new ModelError('LNMT8301', `no blob ${key}`, false, error);
  if (statusCode === 412) return new ContentChanged(key, error);
  if (statusCode === 416) return new CannotResume(key, error);
  return new ModelError('LNMT8304', `${key}: ${String(message)}`, true, error);
}

/** What lies right below a prefix, as many blobs and folders at a time as the service likes. */
async function* pagesOf(client: Sdk.ContainerClient, prefix: string): AsyncGenerator<readonly StoreEntry[]> {
  const nameOf = (name: string): string => name.slice(prefix.length).replace(/\/$/, '');
  for await (const { segment } of client.listBlobsByHierarchy('/', { prefix }).byPage()) {
    const folders = (segment.blobPrefixes ?? []).map(({ name }) => ({ name: nameOf(name) }));
    const blobs = segment.blobItems.map(({ name, properties: { contentLength = 0, etag } }) => ({
      ...{ name: nameOf(name), bytes: contentLength, tag: etag },
    }));
    yield [...folders, ...blobs];
  }
}

/** A store in a container of Azure Blob Storage. */
export class AzureStore implements ModelStore {
  private client: Sdk.ContainerClient | undefined;

  /** @param load imports the clients, which are optional packages */
  constructor(
    private readonly options: AzureStoreOptions,
    private readonly load: () => Promise<AzureSdk> = loadSdk,
  ) {}

  async open(file: string, start = 0, tag?: string): Promise<Readable> {
    const key = this.key(file);
    const client = await this.connect();
    try {
      // Listings write it without the quotes that a header has.
      const conditions = tag === undefined ? {} : { conditions: { ifMatch: `"${tag.replaceAll('"', '')}"` } };
      const { readableStreamBody, contentRange } = await client
        .getBlobClient(key)
        .download(start, undefined, conditions);
      if (readableStreamBody === undefined) throw new Error('empty answer');
      const body = readableStreamBody as Readable;
      if (start === 0 || contentRange?.startsWith(`bytes ${start}-`)) return body;
      body.destroy();
      throw new CannotResume(key);
    } catch (error) {
      throw translate(error, key);
    }
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    const prefix = folder === '' && this.options.prefix === '' ? '' : `${this.key(folder).replace(/\/+$/, '')}/`;
    const client = await this.connect();
    try {
      return await gather(folder, pagesOf(client, prefix));
    } catch (error) {
      throw translate(error, prefix);
    }
  }

  private key(file: string): string {
    const { prefix } = this.options;
    return prefix === '' ? file : `${prefix}/${file}`;
  }

  private async connect(): Promise<Sdk.ContainerClient> {
    if (this.client !== undefined) return this.client;
    const { account, container, endpoint, accountKey } = this.options;
    const url = `${endpoint ?? `https://${account}.blob.core.windows.net`}/${container}`;
    try {
      const { blob, identity } = await this.load();
      const credential =
        accountKey === undefined
          ? new (await identity()).DefaultAzureCredential()
          : new blob.StorageSharedKeyCredential(account, accountKey);
      // What fails is tried again by whoever asks: its own pauses would hold up a start for minutes.
      this.client = new blob.ContainerClient(url, credential, { retryOptions: { maxTries: 1 } });
      return this.client;
    } catch (error) {
      throw new ModelError(
        'LNMT8311',
        'the store is az://; install @azure/storage-blob and @azure/identity',
        false,
        error,
      );
    }
  }
}

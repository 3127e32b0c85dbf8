import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { INFERENCE_ENV } from '../../../runtime/contract';
import type { EnvSettings } from '../../../runtime/contract';
import { startMoto } from '../moto';
import { freePort, runOk, start, waitFor } from '../processes';
import type { Daemon } from '../processes';
import type { Checks } from '../suite';
import { installedTool, programOnPath } from '../tools';

/** Folder that models lie in. Its name has what services and URIs write in different ways. */
export const PREFIX = 'team a/models+1';
const BUCKET = 'lnmt-models';
const TYPES = { manifest: 'application/vnd.oci.image.manifest.v1+json', empty: 'application/vnd.oci.empty.v1+json' };

/** A store of others that runs. */
export interface RealStore {
  readonly uri: string;
  /** Settings of a server that reads from it. */
  readonly settings: EnvSettings<typeof INFERENCE_ENV>;
  /** Variables of that server, beside its settings. */
  readonly env?: Readonly<Record<string, string>>;
  readonly daemon: Daemon;
  /** Brings the files of a version: paths below {@link PREFIX} and what they hold, in this order. */
  readonly push: (files: ReadonlyMap<string, Uint8Array>) => Promise<void>;
}

const uriPath = (file: string): string => file.split('/').map(encodeURIComponent).join('/');

/** What was sent to a service must have been taken. */
async function send(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

const eachFile =
  (put: (key: string, content: Uint8Array) => Promise<unknown>): RealStore['push'] =>
  async (files) => {
    for (const [file, content] of files) await put(`${PREFIX}/${file}`, content);
  };

/** S3, as moto emulates it. */
export async function s3(checks: Checks): Promise<RealStore> {
  const { env, url, server: daemon } = await startMoto(checks);
  await send(`${url}/${BUCKET}`, { method: 'PUT' });
  return {
    uri: `s3://${BUCKET}/${uriPath(PREFIX)}`,
    settings: { s3Endpoint: url, s3Region: 'us-east-1' },
    env,
    daemon,
    push: eachFile((key, body) => send(`${url}/${BUCKET}/${uriPath(key)}`, { method: 'PUT', body: Buffer.from(body) })),
  };
}

const installed = (file: string): string =>
  installedTool(`object-stores-3.37.0-2026.7.19/${file}`, 'install-object-stores.sh');

/** Azure Blob Storage, as Microsoft's Azurite emulates it. */
export async function azure(checks: Checks): Promise<RealStore> {
  const main = installed('azure/node_modules/azurite/dist/src/blob/main.js');
  const [port, account, key] = [await freePort(), 'lnmt', randomBytes(64).toString('base64')];
  const listening = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--skipApiVersionCheck'];
  const args = [main, ...listening, '--location', path.join(checks.folder, 'azurite')];
  const daemon = start('azurite', process.execPath, args, path.join(checks.folder, 'azurite.log'), {
    env: { AZURITE_ACCOUNTS: `${account}:${key}` },
  });
  const endpoint = `http://127.0.0.1:${port}/${account}`;
  const client = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, key)).getContainerClient(
    BUCKET,
  );
  await waitFor('azurite', 60_000, () => client.createIfNotExists());
  return {
    uri: `az://${account}/${BUCKET}/${uriPath(PREFIX)}`,
    settings: { azureEndpoint: endpoint, azureAccountKey: key },
    daemon,
    push: eachFile((name, content) => client.getBlockBlobClient(name).uploadData(content)),
  };
}

/** Google Cloud Storage, as an emulator has it. */
export async function gcs(checks: Checks): Promise<RealStore> {
  const program = installed('gcs/bin/gcp-storage-emulator');
  const port = await freePort();
  const args = ['start', '--host', '127.0.0.1', '--port', String(port), '--in-memory', '--default-bucket', BUCKET];
  const daemon = start('gcp-storage-emulator', program, args, path.join(checks.folder, 'gcs.log'));
  const url = `http://127.0.0.1:${port}`;
  await waitFor('the emulator', 60_000, async () => (await fetch(`${url}/storage/v1/b/${BUCKET}`)).ok);
  const upload = `${url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=`;
  return {
    uri: `gs://${BUCKET}/${uriPath(PREFIX)}`,
    settings: { gcsEndpoint: url },
    daemon,
    push: eachFile((key, body) =>
      send(upload + encodeURIComponent(key), {
        method: 'POST',
        body: Buffer.from(body),
        headers: { 'content-type': 'application/octet-stream' },
      }),
    ),
  };
}

/** A registry of container images that knows one user. */
class Registry {
  constructor(
    private readonly url: string,
    private readonly authorization: string,
  ) {}

  async isUp(): Promise<boolean> {
    return (await fetch(`${this.url}/v2/`, { headers: { authorization: this.authorization } })).ok;
  }

  /** Pushes an artifact with a layer for each file, as ORAS does. */
  async push(repository: string, tag: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const layers = [];
    for (const [title, content] of files) {
      const layer = await this.blob(repository, 'application/octet-stream', content);
      layers.push({ ...layer, annotations: { 'org.opencontainers.image.title': title } });
    }
    const config = await this.blob(repository, TYPES.empty, Buffer.from('{}'));
    await this.send(`/v2/${repository}/manifests/${tag}`, {
      method: 'PUT',
      body: JSON.stringify({ schemaVersion: 2, mediaType: TYPES.manifest, config, layers }),
      headers: { 'content-type': TYPES.manifest },
    });
  }

  private async blob(repository: string, mediaType: string, content: Uint8Array): Promise<object> {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    const begun = await this.send(`/v2/${repository}/blobs/uploads/`, { method: 'POST' });
    const target = new URL(begun.headers.get('location') ?? '', this.url);
    target.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    await this.send(`${target.pathname}${target.search}`, { method: 'PUT', body: Buffer.from(content), headers });
    return { mediaType, digest, size: content.byteLength };
  }

  private send(where: string, init: RequestInit & { readonly headers?: Record<string, string> }): Promise<Response> {
    return send(this.url + where, { ...init, headers: { ...init.headers, authorization: this.authorization } });
  }
}

/** The reference registry of the distribution project, with a password. */
export async function oci(checks: Checks): Promise<RealStore> {
  const program = programOnPath('docker-registry');
  const [port, password] = [await freePort(), randomBytes(12).toString('hex')];
  const hash = await runOk('perl', ['-e', 'print crypt($ARGV[0], q($2b$05$) . $ARGV[1])', password, 'a'.repeat(22)]);
  const file = (name: string, text: string): string => {
    const target = path.join(checks.folder, name);
    fs.writeFileSync(target, text);
    return target;
  };
  const config = file(
    'registry.json',
    JSON.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: path.join(checks.folder, 'registry') } },
      http: { addr: `127.0.0.1:${port}` },
      auth: { htpasswd: { realm: 'models', path: file('htpasswd', `reader:${hash}\n`) } },
    }),
  );
  const daemon = start('docker-registry', program, ['serve', config], path.join(checks.folder, 'registry.log'));
  const auth = Buffer.from(`reader:${password}`).toString('base64');
  const registry = new Registry(`http://127.0.0.1:${port}`, `Basic ${auth}`);
  await waitFor('the registry', 30_000, () => registry.isUp());
  return {
    uri: `oci://127.0.0.1:${port}/team/models`,
    settings: {
      registryAuthFile: file('auth.json', JSON.stringify({ auths: { [`127.0.0.1:${port}`]: { auth } } })),
    },
    daemon,
    push: async (files) => {
      const [first = ''] = files.keys();
      const [model = '', version = ''] = first.split('/');
      const inside = [...files].map(([name, content]) => [name.split('/').slice(2).join('/'), content] as const);
      await registry.push(`team/models/${model}`, version, new Map(inside));
    },
  };
}

import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AzureStore } from '../../../../runtime/inference/models/azure-store';
import { GcsStore } from '../../../../runtime/inference/models/gcs-store';
import { isForbidden } from '../../../../runtime/inference/models/guarded-http';
import { HttpStore } from '../../../../runtime/inference/models/http-store';
import { parseModelUri } from '../../../../runtime/inference/models/location';
import { openStore } from '../../../../runtime/inference/models/open-store';
import type { ModelStore } from '../../../../runtime/inference/models/store';

/** Objects by key. */
const OBJECTS: Readonly<Record<string, string>> = {
  'p/m/1/manifest.json': '{"files":[]}',
  'p/m/1/w/a b.bin': '0123456789',
  'p/m/config.json': '{}',
  'p/n/2/model.onnx': 'graph',
  'q/x': 'other',
};

interface Level {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/** What a listing with the delimiter `/` shows. */
function levelBelow(prefix: string): Level {
  const below = Object.keys(OBJECTS).filter((key) => key.startsWith(prefix));
  const folders = below.flatMap((key) => /^[^/]*\//.exec(key.slice(prefix.length))?.[0] ?? []);
  return { folders: [...new Set(folders)], files: below.filter((key) => !key.slice(prefix.length).includes('/')) };
}

/** Answers with an object, or a part of it, as stores do. */
function sendObject(key: string, request: IncomingMessage, response: ServerResponse): void {
  const content = OBJECTS[key];
  if (content === undefined) return void response.writeHead(404, { 'x-ms-error-code': 'BlobNotFound' }).end();
  const range = String(request.headers['range'] ?? request.headers['x-ms-range'] ?? '');
  const start = Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? 0);
  const body = content.slice(start);
  const headers = { 'content-length': body.length, etag: '"1"', 'last-modified': new Date(0).toUTCString() };
  const whole = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
  response.writeHead(range === '' ? 200 : 206, range === '' ? headers : { ...headers, ...whole }).end(body);
}

function gcs(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://host');
  const object = /\/o\/(.+)$/.exec(url.pathname)?.[1];
  if (object !== undefined) return sendObject(decodeURIComponent(object), request, response);
  const { folders, files } = levelBelow(url.searchParams.get('prefix') ?? '');
  const prefix = url.searchParams.get('prefix') ?? '';
  const items = files.map((name) => ({ name, bucket: 'b', size: String(OBJECTS[name]?.length), generation: '7' }));
  const body = { kind: 'storage#objects', prefixes: folders.map((each) => prefix + each), items };
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function azure(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://host');
  if (!String(request.headers.authorization).startsWith('SharedKey account:'))
    return void response.writeHead(403).end();
  if (url.searchParams.get('comp') !== 'list') {
    return sendObject(decodeURIComponent(url.pathname.replace('/account/c/', '')), request, response);
  }
  const prefix = url.searchParams.get('prefix') ?? '';
  const { folders, files } = levelBelow(prefix);
  const blobs = files.map(
    (name) =>
      `<Blob><Name>${name}</Name><Properties><Content-Length>${OBJECTS[name]?.length}</Content-Length><Etag>0x1</Etag><BlobType>BlockBlob</BlobType></Properties></Blob>`,
  );
  const prefixes = folders.map((each) => `<BlobPrefix><Name>${prefix}${each}</Name></BlobPrefix>`);
  const list = `<?xml version="1.0"?><EnumerationResults ContainerName="c"><Prefix>${prefix}</Prefix><Blobs>${blobs.join('')}${prefixes.join('')}</Blobs><NextMarker/></EnumerationResults>`;
  response.writeHead(200, { 'content-type': 'application/xml' }).end(list);
}

const plain = (request: IncomingMessage, response: ServerResponse): void =>
  sendObject(decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname.slice(1)), request, response);

let handler = plain;
let server: http.Server;
let base: string;

beforeEach(async () => {
  server = http.createServer((request, response) => handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function text(store: ModelStore, file: string, start?: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.open(file, start)) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const KEY = Buffer.from('secret').toString('base64');

describe.each<[string, typeof handler, string, () => object]>([
  ['Google Cloud Storage', gcs, 'gs://b/p', () => ({ gcsEndpoint: base })],
  ['Azure Blob Storage', azure, 'az://account/c/p', () => ({ azureEndpoint: `${base}/account`, azureAccountKey: KEY })],
])('a store in %s', (_title, answer, uri, settings) => {
  beforeEach(() => void (handler = answer));

  const open = (): ModelStore => {
    const location = parseModelUri(uri);
    if (location === undefined) throw new Error('no location');
    return openStore(location, settings());
  };

  it('is read by path, from the beginning and from the middle', async () => {
    expect(await text(open(), 'm/1/w/a b.bin')).toBe('0123456789');
    expect(await text(open(), 'm/1/w/a b.bin', 4)).toBe('456789');
  });

  it('is listed by folder', async () => {
    expect((await open().list('')).map(({ name, bytes }) => [name, bytes])).toEqual([
      ['m', undefined],
      ['n', undefined],
    ]);
    const entries = await open().list('m');
    expect(entries.map(({ name, bytes }) => [name, bytes]).sort()).toEqual([
      ['1', undefined],
      ['config.json', 2],
    ]);
    expect(entries.find(({ name }) => name === 'config.json')?.tag).toBeTruthy();
  });

  it('says that a file is absent', async () => {
    await expect(text(open(), 'm/1/no')).rejects.toMatchObject({ code: 'LNMT8301', retryable: false });
  });
});

describe('a client that is not installed', () => {
  const absent = (): Promise<never> => Promise.reject(new Error('cannot find package'));

  it('is named with the command that installs it', async () => {
    const bucket = { bucket: 'b', prefix: '', endpoint: undefined };
    await expect(new GcsStore(bucket, absent).open('x')).rejects.toThrow(/LNMT8311.*@google-cloud\/storage/);
    const container = { account: 'a', container: 'c', prefix: '', endpoint: undefined, accountKey: undefined };
    await expect(new AzureStore(container, absent).open('x')).rejects.toThrow(/LNMT8311.*@azure\/storage-blob/);
  });
});

describe('a store behind HTTP', () => {
  beforeEach(() => void (handler = plain));

  const open = (headers?: Record<string, string>): HttpStore => new HttpStore(new URL(`${base}/p`), headers);

  it('is read by path, from the middle too', async () => {
    expect(await text(open(), 'm/1/w/a b.bin')).toBe('0123456789');
    expect(await text(open(), 'm/1/w/a b.bin', 4)).toBe('456789');
  });

  it('has no folders', async () => {
    await expect(open().list('m')).rejects.toMatchObject({ code: 'LNMT8309' });
  });

  it.each([
    [404, 'LNMT8301', false],
    [403, 'LNMT8304', false],
    [429, 'LNMT8304', true],
    [500, 'LNMT8304', true],
  ])('is judged by its status %i', async (status, code, retryable) => {
    handler = (_request, response) => void response.writeHead(status).end();
    await expect(open().open('x')).rejects.toMatchObject({ code, retryable });
  });

  it('is taken from the beginning when it cannot be taken from the middle', async () => {
    handler = (_request, response) => void response.writeHead(200).end('all');
    await expect(open().open('x', 3)).rejects.toThrow('cannot resume');
  });

  it('may send elsewhere three times, on the same host', async () => {
    let hops = 0;
    handler = (request, response) => {
      if (hops++ < 3) response.writeHead(302, { location: `/p/hop${hops}` }).end();
      else response.end(`at ${request.url}`);
    };
    expect(await text(open(), 'x')).toBe('at /p/hop3');
    hops = -5;
    await expect(open().open('x')).rejects.toThrow('more than 3 redirects');
  });

  it.each([
    ['http://169.254.169.254/latest/meta-data', '169.254.169.254 is not allowed'],
    ['http://localhost:1/', 'the address is not allowed'],
    ['http://[::1]:1/', '::1 is not allowed'],
    ['http://2130706433/', '127.0.0.1 is not allowed'],
    ['http://0x7f.1/', '127.0.0.1 is not allowed'],
    ['http://[::ffff:10.0.0.1]/', 'is not allowed'],
    ['http://user:secret@127.0.0.1/', 'a place that is not allowed'],
    ['file:///etc/passwd', 'a place that is not allowed'],
    ['http://[', 'a place that is not allowed'],
  ])('must not send to %s', async (location, message) => {
    handler = (_request, response) => void response.writeHead(302, { location }).end();
    await expect(open().open('x')).rejects.toThrow(message);
  });

  it('gets its token, and nobody else does', async () => {
    const seen: unknown[] = [];
    const other = http.createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('x');
    });
    handler = (request, response) => {
      seen.push(request.headers.authorization);
      response.end('x');
    };
    expect(await text(open({ authorization: 'Bearer t' }), 'x')).toBe('x');
    expect(seen).toEqual(['Bearer t']);
    other.close();
  });
});

describe('an address', () => {
  it.each([
    ['169.254.169.254', true, true],
    ['::ffff:169.254.169.254', true, true],
    ['10.1.2.3', true, false],
    ['10.1.2.3', false, true],
    ['::ffff:10.1.2.3', false, true],
    ['fd12::1', false, true],
    ['93.184.216.34', false, false],
  ])('%s is forbidden or not: private allowed %s, forbidden %s', (address, privateAllowed, forbidden) => {
    expect(isForbidden(address, { privateAllowed })).toBe(forbidden);
  });
});

describe('the URI of a repository', () => {
  it.each([
    ['gs://bucket/a/b/', { kind: 'gcs', bucket: 'bucket', prefix: 'a/b' }],
    ['az://account/container/a', { kind: 'azure', account: 'account', container: 'container', prefix: 'a' }],
    ['oci://host/ml/models/', { kind: 'oci', url: 'https://host/ml/models' }],
    ['oci://127.0.0.1:5000/ml', { kind: 'oci', url: 'http://127.0.0.1:5000/ml' }],
    ['https://host/models', { kind: 'http', url: 'https://host/models' }],
    ['http://127.0.0.1:8000/', { kind: 'http', url: 'http://127.0.0.1:8000/' }],
  ])('%s is understood', (uri, location) => {
    expect(parseModelUri(uri)).toEqual(location);
  });

  it.each([
    'http://example.com/',
    'https://user:secret@host/',
    'https://host/?x',
    'az://account',
    'oci://user:secret@host/x',
    'ftp://host/x',
    'x',
  ])('refuses %s', (uri) => {
    expect(parseModelUri(uri)).toBeUndefined();
  });
});

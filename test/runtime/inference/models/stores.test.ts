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
import { gather, MAX_ENTRIES } from '../../../../runtime/inference/models/pages';
import { ContentChanged } from '../../../../runtime/inference/models/store';
import type { ModelStore, StoreEntry } from '../../../../runtime/inference/models/store';

/** Objects by key. */
const OBJECTS: Readonly<Record<string, string>> = {
  'p/m/1/manifest.json': '{"files":[]}',
  'p/m/1/w/a b.bin': '0123456789',
  'p/m/1/empty': '',
  'p/m/config.json': '{}',
  'p/n/2/model.onnx': 'graph',
  'q/x': 'other',
};

interface Level {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Where the next answer begins; undefined after the last one. */
  readonly next: string | undefined;
}

/** Tag of every object. */
const TAG = '"1"';
/** Most entries of an answer. */
let pageSize = 1_000;
/** True for a store that always says that there is more. */
let endless = false;

/** What a listing with the delimiter `/` shows from a place on. */
function levelBelow(prefix: string, token: string | null): Level {
  const below = Object.keys(OBJECTS).filter((key) => key.startsWith(prefix));
  const folders = new Set(below.flatMap((key) => /^[^/]*\//.exec(key.slice(prefix.length))?.[0] ?? []));
  const all = [...folders, ...below.filter((key) => !key.slice(prefix.length).includes('/'))];
  const from = Number(token ?? 0);
  const page = all.slice(from, from + pageSize);
  return {
    folders: page.filter((each) => each.endsWith('/')),
    files: page.filter((each) => !each.endsWith('/')),
    next: endless || from + pageSize < all.length ? String(from + pageSize) : undefined,
  };
}

/** False for a store that gives objects from the beginning only. */
let ranges = true;

/** Answers with an object, or a part of it, as stores do. */
function sendObject(key: string, request: IncomingMessage, response: ServerResponse): void {
  const content = OBJECTS[key];
  const { 'if-match': wanted = TAG } = request.headers;
  if (wanted !== TAG) return void response.writeHead(412, { 'x-ms-error-code': 'ConditionNotMet' }).end();
  if (content === undefined) return void response.writeHead(404, { 'x-ms-error-code': 'BlobNotFound' }).end();
  const range = ranges ? String(request.headers['range'] ?? request.headers['x-ms-range'] ?? '') : '';
  const start = Number(/^bytes=(\d+)-/.exec(range)?.[1] ?? 0);
  if (range !== '' && start >= content.length) return void response.writeHead(416).end();
  const body = content.slice(start);
  const headers = { 'content-length': body.length, etag: TAG, 'last-modified': new Date(0).toUTCString() };
  const whole = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
  response.writeHead(range === '' ? 200 : 206, range === '' ? headers : { ...headers, ...whole }).end(body);
}

function gcs(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://host');
  const object = /\/o\/(.+)$/.exec(url.pathname)?.[1];
  if (![null, '7'].includes(url.searchParams.get('generation'))) return void response.writeHead(404).end();
  if (object !== undefined) return sendObject(decodeURIComponent(object), request, response);
  const prefix = url.searchParams.get('prefix') ?? '';
  const { folders, files, next } = levelBelow(prefix, url.searchParams.get('pageToken'));
  const items = files.map((name) => ({ name, bucket: 'b', size: String(OBJECTS[name]?.length), generation: '7' }));
  const more = next === undefined ? {} : { nextPageToken: next };
  const body = { kind: 'storage#objects', prefixes: folders.map((each) => prefix + each), items, ...more };
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
  const { folders, files, next = '' } = levelBelow(prefix, url.searchParams.get('marker'));
  const blobs = files.map(
    (name) =>
      `<Blob><Name>${name}</Name><Properties><Content-Length>${OBJECTS[name]?.length}</Content-Length><Etag>1</Etag><BlobType>BlockBlob</BlobType></Properties></Blob>`,
  );
  const prefixes = folders.map((each) => `<BlobPrefix><Name>${prefix}${each}</Name></BlobPrefix>`);
  const list = `<?xml version="1.0"?><EnumerationResults ContainerName="c"><Prefix>${prefix}</Prefix><Blobs>${blobs.join('')}${prefixes.join('')}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`;
  response.writeHead(200, { 'content-type': 'application/xml' }).end(list);
}

function s3(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '', 'http://host');
  if (url.searchParams.get('list-type') !== '2') {
    const key = decodeURIComponent(url.pathname.replace('/b/', ''));
    if (OBJECTS[key] !== undefined) return sendObject(key, request, response);
    return void response.writeHead(404).end('<Error><Code>NoSuchKey</Code><Message>no</Message></Error>');
  }
  const prefix = url.searchParams.get('prefix') ?? '';
  const { folders, files, next } = levelBelow(prefix, url.searchParams.get('continuation-token'));
  const contents = files.map(
    (name) =>
      `<Contents><Key>${name}</Key><Size>${OBJECTS[name]?.length}</Size><ETag>${TAG.replaceAll('"', '&quot;')}</ETag></Contents>`,
  );
  const prefixes = folders.map((each) => `<CommonPrefixes><Prefix>${prefix}${each}</Prefix></CommonPrefixes>`);
  const token = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
  const list = `<?xml version="1.0"?><ListBucketResult>${contents.join('')}${prefixes.join('')}${token}</ListBucketResult>`;
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

async function text(store: ModelStore, file: string, start?: number, tag?: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.open(file, start, tag)) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const KEY = Buffer.from('secret').toString('base64');

describe.each<[string, typeof handler, string, () => object]>([
  ['S3', s3, 's3://b/p', () => ({ s3Endpoint: base })],
  ['Google Cloud Storage', gcs, 'gs://b/p', () => ({ gcsEndpoint: base })],
  ['Azure Blob Storage', azure, 'az://account/c/p', () => ({ azureEndpoint: `${base}/account`, azureAccountKey: KEY })],
])('a store in %s', (_title, answer, uri, settings) => {
  beforeEach(() => {
    handler = answer;
    process.env['AWS_ACCESS_KEY_ID'] = 'id';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
  });

  afterEach(() => {
    [pageSize, endless, ranges] = [1_000, false, true];
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
  });

  const open = (): ModelStore => {
    const location = parseModelUri(uri);
    if (location === undefined) throw new Error('no location');
    return openStore(location, settings());
  };

  it('is read by path, from the beginning and from the middle', async () => {
    expect(await text(open(), 'm/1/w/a b.bin')).toBe('0123456789');
    expect(await text(open(), 'm/1/w/a b.bin', 4)).toBe('456789');
  });

  it('gives an empty file', async () => {
    expect(await text(open(), 'm/1/empty')).toBe('');
  });

  it('is taken from the beginning when it cannot be taken from the middle', async () => {
    const refusal = { code: 'LNMT8304', retryable: true, message: expect.stringContaining('cannot resume') as string };
    await expect(text(open(), 'm/1/w/a b.bin', 11)).rejects.toMatchObject(refusal);
    ranges = false;
    await expect(text(open(), 'm/1/w/a b.bin', 4)).rejects.toMatchObject(refusal);
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

  it('is listed over as many answers as it takes', async () => {
    pageSize = 1;
    expect((await open().list('')).map(({ name }) => name)).toEqual(['m', 'n']);
    expect((await open().list('m')).map(({ name }) => name).sort()).toEqual(['1', 'config.json']);
  });

  it('is refused when its listing has no end', async () => {
    endless = true;
    await expect(open().list('m')).rejects.toMatchObject({ code: 'LNMT8316', retryable: false });
  });

  it('opens only the content that was listed', async () => {
    const { tag } = (await open().list('m')).find(({ name }) => name === 'config.json') ?? {};
    expect(await text(open(), 'm/config.json', 0, tag)).toBe('{}');
    const other = tag === '7' ? '8' : '"other"';
    await expect(open().open('m/config.json', 0, other)).rejects.toBeInstanceOf(ContentChanged);
  });

  it.each<[string, typeof handler]>([
    ['breaks off', (request) => void request.socket.destroy()],
    ['is overloaded', (_request, response) => void response.writeHead(503).end()],
  ])('is given up within seconds when it %s: a start from the cache waits for that', async (_what, broken) => {
    handler = broken;
    const began = performance.now();
    await expect(open().list('m')).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
    await expect(text(open(), 'm/config.json')).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  it('says that a file is absent', async () => {
    await expect(text(open(), 'm/1/no')).rejects.toMatchObject({ code: 'LNMT8301', retryable: false });
  });
});

describe('a listing', () => {
  async function* pages(count: number, size: number): AsyncGenerator<readonly StoreEntry[]> {
    for (let page = 0; page < count; page += 1) yield Array.from({ length: size }, () => ({ name: 'x' }));
  }

  it('may have as many entries as it says, and not one more', async () => {
    expect(await gather('m', pages(10, MAX_ENTRIES / 10))).toHaveLength(MAX_ENTRIES);
    await expect(gather('m', pages(1, MAX_ENTRIES + 1))).rejects.toThrow(/LNMT8316.*m has 10001/);
    await expect(gather('', pages(201, 0))).rejects.toThrow(/LNMT8316.*its root.*200 answers/);
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
    [410, 'LNMT8301', false],
    [401, 'LNMT8304', true],
    [403, 'LNMT8304', true],
    [407, 'LNMT8304', true],
    [429, 'LNMT8304', true],
    [500, 'LNMT8304', true],
  ])('is judged by its status %i', async (status, code, retryable) => {
    handler = (_request, response) => void response.writeHead(status).end();
    await expect(open().open('x')).rejects.toMatchObject({ code, retryable });
  });

  it.each([
    ['a refusal without end', 500, {}, 'status 500', 1 << 16],
    ['a refusal byte by byte', 500, {}, 'status 500', 1],
    ['a redirect without end', 302, { location: '/end' }, 'no file x', 1 << 16],
    ['a redirect byte by byte', 302, { location: '/end' }, 'no file x', 1],
  ])('is let go of when it sends %s', async (_title, status, headers, message, bytes) => {
    let closed = false;
    handler = (request, response) => {
      if (request.url === '/end') return void response.writeHead(404).end();
      const more = setInterval(() => response.write(Buffer.alloc(bytes)), 20);
      response.on('close', () => {
        clearInterval(more);
        closed = true;
      });
      response.writeHead(status, headers).flushHeaders();
    };
    await expect(open().open('x')).rejects.toThrow(message);
    await expect.poll(() => closed).toBe(true);
  });

  it('is taken from the beginning when it cannot be taken from the middle', async () => {
    for (const status of [200, 416]) {
      handler = (_request, response) => void response.writeHead(status).end('all');
      await expect(open().open('x', 3)).rejects.toThrow('cannot resume');
    }
  });

  it('is given up when it is silent, before its answer and in the middle of it', async () => {
    const impatient = openStore({ kind: 'http', url: `${base}/p` }, { modelStoreTimeout: 0.2 });
    handler = () => undefined;
    const began = performance.now();
    await expect(impatient.open('x')).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
    handler = (_request, response) => void response.writeHead(200, { 'content-length': 9 }).write('some');
    await expect(text(impatient, 'x')).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(5_000);
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
    ['http://[2002:a00:1::]/', 'is not allowed'],
    ['http://[64:ff9b::a9fe:a9fe]/', 'is not allowed'],
    ['http://user:secret@127.0.0.1/', 'a place that is not allowed'],
    ['file:///etc/passwd', 'a place that is not allowed'],
    ['http://[', 'a place that is not allowed'],
  ])('must not send to %s', async (location, message) => {
    handler = (_request, response) => void response.writeHead(302, { location }).end();
    await expect(open().open('x')).rejects.toThrow(message);
  });

  it('must not send to a private host that another store has a connection to', async () => {
    const elsewhere = base.replace('127.0.0.1', 'localhost');
    handler = (request, response) => {
      if (request.headers.host?.startsWith('localhost')) response.end('inner');
      else response.writeHead(302, { location: `${elsewhere}/p/x` }).end();
    };
    expect(await text(new HttpStore(new URL(`${elsewhere}/p`)), 'x')).toBe('inner');
    await expect(open().open('x')).rejects.toThrow('the address is not allowed');
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
    ['::', false, true],
    ['::1', false, true],
    ['::1', true, false],
    ['fe80::1%eth0', true, true],
    ['::10.0.0.1', false, true],
    ['::ffff:0:10.0.0.1', false, true],
    ['::ffff:93.184.216.34', false, false],
    // 6to4
    ['2002:a00:1::', false, true],
    ['2002:a00:1::', true, false],
    ['2002:a9fe:a9fe::1', true, true],
    ['2002:c0a8:101:5::1', false, true],
    ['2002:5db8:d822::1', false, false],
    // NAT64
    ['64:ff9b::10.0.0.1', false, true],
    ['64:ff9b::7f00:1', false, true],
    ['64:ff9b::a9fe:a9fe', true, true],
    ['64:ff9b::5db8:d822', false, false],
    ['64:ff9b:1::5db8:d822', false, true],
    ['64:ff9b:1:a9fe:a9:fe00::', true, true],
    ['64:ff9b:1:ffff::a9fe:a9fe', true, true],
    ['64:ff9b:1::5db8:d822', true, false],
    // Teredo: its server, and the client whose bits are turned over
    ['2001:0:a9fe:a9fe::1', true, true],
    ['2001:0:5db8:d822:0:0:f5ff:fffe', false, true],
    ['2001:0:5db8:d822:0:0:a247:27dd', false, false],
    // of the Internet
    ['2606:2800:220:1:248:1893:25c8:1946', false, false],
    ['2001:4860:4860::8888', false, false],
  ])('%s is forbidden or not: private allowed %s, forbidden %s', (address, privateAllowed, forbidden) => {
    expect(isForbidden(address, { privateAllowed })).toBe(forbidden);
  });
});

describe('the URI of a repository', () => {
  it.each([
    ['s3://bucket/my%20models/%C3%A9/', { kind: 's3', bucket: 'bucket', prefix: 'my models/é' }],
    ['s3://bucket/my models/100%25', { kind: 's3', bucket: 'bucket', prefix: 'my models/100%' }],
    ['gs://bucket/my%20models', { kind: 'gcs', bucket: 'bucket', prefix: 'my models' }],
    ['az://account/c/my%20models', { kind: 'azure', account: 'account', container: 'c', prefix: 'my models' }],
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
    's3://bucket/%zz',
    'gs://bucket/%zz',
    'az://account/container/%zz',
    'file:///%zz',
    'file:///a%2Fb',
    'file:///a%00b',
    'x',
  ])('refuses %s', (uri) => {
    expect(parseModelUri(uri)).toBeUndefined();
  });
});

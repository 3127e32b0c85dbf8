import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderModelManifest } from '../../../../runtime/contract';
import { ModelCache } from '../../../../runtime/inference/models/cache';
import { isTokenHost, RegistryAccess, storedCredential } from '../../../../runtime/inference/models/oci-auth';
import { GuardedHttp } from '../../../../runtime/inference/models/guarded-http';
import { OciStore } from '../../../../runtime/inference/models/oci-store';
import { Repository } from '../../../../runtime/inference/models/repository';
import { ContentChanged } from '../../../../runtime/inference/models/store';
import type { ModelStore } from '../../../../runtime/inference/models/store';
import { temporaryFolder } from '../../support/temporary';
import { identityModel } from '../../support/models';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');
const TITLE = 'org.opencontainers.image.title';

interface Layer {
  readonly title?: string;
  readonly content: string | Uint8Array;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A registry as the distribution specification describes it: tags, manifests, blobs behind a redirect, tokens. */
class MockRegistry {
  readonly artifacts = new Map<string, Layer[]>();
  readonly asked: string[] = [];
  /** Who may read; everybody when absent. */
  credential: string | undefined;
  /** What each token that holds is for. */
  readonly tokens = new Map<string, string>();
  /** Seconds that a token holds. */
  life: number | undefined = 300;
  /** Most tags of an answer, whatever is asked for. */
  pageSize = 1_000;
  /** The header that leads to the next page. */
  linkTo = (next: string): string => `<${next}>; rel="next"`;
  /** Sends the body of a refusal. */
  refuse = (response: ServerResponse): void => void response.end();
  /** Ending of a path whose answer breaks off. */
  breaksAt = ' ';
  /** What the token service says in place of a token. */
  tokenText: string | undefined;
  base = '';
  private issued = 0;
  private readonly server = http.createServer((request, response) => this.answer(request, response));

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.base = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', this.base);
    this.asked.push(`${url.pathname} ${request.headers.authorization ?? '-'}`);
    if (url.pathname.endsWith(this.breaksAt)) {
      response.writeHead(200, { 'content-length': 100 }).write('{');
      return void setTimeout(() => response.destroy(), 10);
    }
    if (url.pathname === '/token' && this.tokenText !== undefined) return void response.end(this.tokenText);
    if (url.pathname === '/token') return this.token(request, response, url);
    if (url.pathname.startsWith('/bytes/')) return this.bytes(request, response, url.pathname.slice(7));
    const [, name = '', kind, reference = ''] = /^\/v2\/(.+)\/(tags|manifests|blobs)\/(.+)$/.exec(url.pathname) ?? [];
    const scope = `repository:${name}:pull`;
    if (this.credential !== undefined && this.tokens.get(request.headers.authorization ?? '') !== scope) {
      const challenge = `Bearer realm="${this.base}/token",service="reg",scope="${scope}"`;
      return this.refuse(response.writeHead(401, { 'www-authenticate': challenge }));
    }
    if (kind === 'tags') return this.tags(response, name, url.searchParams.get('last') ?? '');
    if (kind === 'manifests') return this.manifest(response, `${name}:${reference}`);
    if (kind === 'blobs') return void response.writeHead(307, { location: `/bytes/${reference}` }).end();
    response.writeHead(404).end();
  }

  private token(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const known = request.headers.authorization === this.credential && url.searchParams.get('service') === 'reg';
    if (!known) return void response.writeHead(401).end();
    this.issued += 1;
    const token = `token-${this.issued}`;
    this.tokens.set(`Bearer ${token}`, url.searchParams.get('scope') ?? '');
    response.end(JSON.stringify({ token, ...(this.life === undefined ? {} : { expires_in: this.life }) }));
  }

  private tags(response: ServerResponse, name: string, last: string): void {
    const all = [...this.artifacts.keys()].filter((key) => key.startsWith(`${name}:`)).map((key) => key.split(':')[1]);
    if (all.length === 0) response.writeHead(404);
    const from = last === '' ? 0 : all.indexOf(last) + 1;
    const tags = all.slice(from, from + this.pageSize);
    const next = `/v2/${name}/tags/list?n=${this.pageSize}&last=${tags.at(-1)}`;
    if (from + this.pageSize < all.length) response.setHeader('link', this.linkTo(next));
    response.end(JSON.stringify({ name, tags }));
  }

  private manifest(response: ServerResponse, key: string): void {
    const layers = this.artifacts.get(key)?.map(({ title, content, more, annotations }) => ({
      mediaType: 'application/octet-stream',
      digest: `sha256:${sha256(content)}`,
      size: content.length,
      ...(title === undefined ? {} : { annotations: { [TITLE]: title, ...annotations } }),
      ...more,
    }));
    if (layers === undefined) return void response.writeHead(404).end('{"errors":[]}');
    response.end(JSON.stringify({ schemaVersion: 2, layers }));
  }

  private bytes(request: IncomingMessage, response: ServerResponse, digest: string): void {
    const all = [...this.artifacts.values()].flat().find(({ content }) => `sha256:${sha256(content)}` === digest);
    if (all === undefined) return void response.writeHead(404).end();
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200).end(Buffer.from(all.content).subarray(start));
  }
}

let registry: MockRegistry;

beforeEach(async () => {
  registry = new MockRegistry();
  await registry.listen();
});

afterEach(() => registry.close());

const open = (authFile?: string): OciStore => new OciStore({ url: `${registry.base}/ml`, authFile });

async function text(store: ModelStore, file: string, start?: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.open(file, start)) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function authFile(auths: Readonly<Record<string, unknown>>): string {
  const file = path.join(temporaryFolder(), 'config.json');
  fs.writeFileSync(file, JSON.stringify({ auths }));
  return file;
}

describe('a store in a registry', () => {
  const graph: Layer = { title: 'model.onnx', content: '0123456789' };

  beforeEach(() => registry.artifacts.set('ml/digits:3', [graph, { title: 'vocabulary.txt', content: 'a' }]));

  it('is read by path, from the beginning and from the middle', async () => {
    expect(await text(open(), 'digits/3/model.onnx')).toBe('0123456789');
    expect(await text(open(), 'digits/3/model.onnx', 4)).toBe('456789');
  });

  it('has a manifest from the digests of the layers where the artifact has none', async () => {
    const rows = [
      { path: 'model.onnx', sha256: sha256('0123456789'), bytes: 10 },
      { path: 'vocabulary.txt', sha256: sha256('a'), bytes: 1 },
    ];
    expect(await text(open(), 'digits/3/manifest.json')).toBe(renderModelManifest(rows));
    registry.artifacts.set('ml/digits:3', [graph, { title: 'manifest.json', content: 'own' }]);
    expect(await text(open(), 'digits/3/manifest.json')).toBe('own');
  });

  it('is listed by tags and layers, and not beyond', async () => {
    registry.artifacts.set('ml/digits:4', [graph]);
    expect(await open().list('digits')).toEqual([{ name: '3' }, { name: '4' }]);
    expect((await open().list('digits/3')).map(({ name }) => name)).toEqual([
      'model.onnx',
      'vocabulary.txt',
      'manifest.json',
    ]);
    expect(await open().list('unknown')).toEqual([]);
    await expect(open().list('')).rejects.toMatchObject({ code: 'LNMT8309' });
  });

  describe('that lists few tags at a time', () => {
    const names = async (): Promise<readonly string[]> => (await open().list('digits')).map(({ name }) => name);

    beforeEach(() => {
      for (let version = 4; version <= 12; version += 1) registry.artifacts.set(`ml/digits:${version}`, [graph]);
      registry.pageSize = 2;
    });

    it('is asked for the next ones until there are none, so that the newest version is the newest', async () => {
      expect(await names()).toEqual(['3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
      expect(registry.asked.filter((line) => line.includes('/tags/list'))).toHaveLength(5);
      const repository = new Repository(open(), new ModelCache(open(), temporaryFolder(), { bare: true }));
      expect((await repository.versions('digits')).at(-1)).toBe('12');
    });

    it.each<[string, (next: string) => string]>([
      ['an address of its own', (next) => `<${registry.base}${next}>; rel="next"`],
      ['a link among others', (next) => `</first>; rel="first", <${next}>; title="a, b"; rel="more next"`],
      ['a link without quotes', (next) => `<${next}>;rel=next`],
    ])('is followed to %s', async (_title, linkTo) => {
      registry.linkTo = linkTo;
      expect(await names()).toHaveLength(10);
    });

    it.each([
      'http://registry.example.com/v2/ml/digits/tags/list',
      'https://127.0.0.1/v2/ml/digits/tags/list',
      '//169.254.169.254/latest',
      'file:///etc/passwd',
      'http://[',
    ])('is not followed to %s', async (place) => {
      registry.linkTo = () => `<${place}>; rel="next"`;
      await expect(names()).rejects.toMatchObject({ code: 'LNMT8304' });
      await expect(names()).rejects.toThrow('a place that is not allowed');
    });

    it('is not followed with a name and a password', async () => {
      registry.linkTo = (next) => `<${registry.base.replace('//', '//me:secret@')}${next}>; rel="next"`;
      await expect(names()).rejects.toThrow('a place that is not allowed');
    });

    it('is refused when it leads in a circle or has no end', async () => {
      registry.linkTo = () => '</v2/ml/digits/tags/list?n=2>; rel="next"';
      await expect(names()).rejects.toMatchObject({ code: 'LNMT8316', retryable: false });
      expect(registry.asked.length).toBeLessThan(300);
    });

    it('is not taken for whole when a page of it is gone', async () => {
      registry.linkTo = () => '</v2/ml/none/tags/list>; rel="next"';
      await expect(names()).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
    });
  });

  it.each(['/tags/list', '/manifests/3'])(
    'is taken for out of reach when its answer at %s breaks off',
    async (place) => {
      registry.breaksAt = place;
      const asked = place === '/tags/list' ? open().list('digits') : open().open('digits/3/model.onnx');
      await expect(asked).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
    },
  );

  it('opens only the content that was listed', async () => {
    const [{ tag = '' } = {}] = await open().list('digits/3');
    await expect(open().open('digits/3/model.onnx', 0, tag)).resolves.toBeDefined();
    await expect(open().open('digits/3/model.onnx', 0, 'other')).rejects.toBeInstanceOf(ContentChanged);
  });

  it.each(['digits/9/model.onnx', 'digits/3/no', 'digits/config.json', 'other/1/model.onnx'])(
    'says that %s is absent',
    async (file) => {
      await expect(open().open(file)).rejects.toMatchObject({ code: 'LNMT8301', retryable: false });
    },
  );

  it.each<[string, Layer]>([
    ['a title that leads elsewhere', { title: '../x', content: 'x' }],
    ['a title that is absolute', { title: '/etc/passwd', content: 'x' }],
    ['a digest of another kind', { title: 'x', content: 'x', more: { digest: `sha512:${'0'.repeat(128)}` } }],
    ['a size that is none', { title: 'x', content: 'x', more: { size: -0.5 } }],
  ])('refuses %s', async (_title, layer) => {
    registry.artifacts.set('ml/digits:3', [graph, layer]);
    await expect(open().open('digits/3/model.onnx')).rejects.toMatchObject({ code: 'LNMT8302' });
  });

  it('passes over layers that are no files', async () => {
    const folder: Layer = { title: 'd', content: 'tar', annotations: { 'io.deis.oras.content.unpack': 'true' } };
    registry.artifacts.set('ml/digits:3', [{ content: '{}' }, folder, graph]);
    expect((await open().list('digits/3')).map(({ name }) => name)).toEqual(['model.onnx', 'manifest.json']);
  });

  it('serves through the cache, verified, a model that was pushed without a manifest', async () => {
    const content = identityModel('FP32');
    registry.artifacts.set('ml/same:1', [{ title: 'model.onnx', content }]);
    const repository = new Repository(open(), new ModelCache(open(), temporaryFolder(), { bare: true }));
    expect(await repository.versions('same')).toEqual(['1']);
    expect(await repository.settings('same')).toEqual({});
    const model = await repository.obtain({ name: 'same', version: '1' });
    expect(fs.readFileSync(model.file)).toEqual(Buffer.from(content));
    expect(model).toMatchObject({ fetched: true, offline: false });
  });
});

describe('a registry that asks who one is', () => {
  beforeEach(() => {
    registry.artifacts.set('ml/digits:3', [{ title: 'model.onnx', content: '0123456789' }]);
    registry.credential = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  });

  const own = (): string => authFile({ [new URL(registry.base).host]: { auth: registry.credential?.slice(6) } });

  it('is answered with a token for the credential of its host, which is used again', async () => {
    const store = open(own());
    expect(await text(store, 'digits/3/model.onnx')).toBe('0123456789');
    expect(await text(store, 'digits/3/model.onnx')).toBe('0123456789');
    expect(registry.asked.filter((line) => line.startsWith('/token'))).toHaveLength(1);
  });

  it('is given the credential that its file holds now, and asked again once the file can be read', async () => {
    const file = own();
    const used = open(file);
    expect(await used.list('digits')).toHaveLength(1);
    registry.credential = `Basic ${Buffer.from('me:new').toString('base64')}`;
    registry.tokens.clear();
    await expect(used.list('digits')).rejects.toMatchObject({ code: 'LNMT8304' });
    fs.writeFileSync(file, '{');
    await expect(used.list('digits')).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
    fs.copyFileSync(own(), file);
    expect(await used.list('digits')).toHaveLength(1);
  });

  it('is let go of when its refusal has no end', async () => {
    let closed = false;
    registry.refuse = (response) => {
      const more = setInterval(() => response.write(Buffer.alloc(1 << 16)), 20);
      response.on('close', () => {
        clearInterval(more);
        closed = true;
      });
    };
    expect(await open(own()).list('digits')).toEqual([{ name: '3' }]);
    await expect.poll(() => closed).toBe(true);
  });

  it('refuses those who are not known', async () => {
    await expect(open().open('digits/3/model.onnx')).rejects.toMatchObject({ code: 'LNMT8304' });
    const other = authFile({ 'other.example.com': { auth: 'eA==' } });
    await expect(open(other).open('digits/3/model.onnx')).rejects.toMatchObject({ code: 'LNMT8304' });
  });

  it('is asked for another token once the first is over', async () => {
    let now = 0;
    const home = new URL(registry.base);
    registry.life = undefined;
    const access = new RegistryAccess(
      home,
      new GuardedHttp(home),
      () => registry.credential,
      () => now,
    );
    const refusal = { headers: { 'www-authenticate': `Bearer realm="${registry.base}/token",service="reg"` } };
    const answer = (refused: string | undefined): Promise<boolean> =>
      access.answerTo(refusal as IncomingMessage, 'digits', refused);
    expect(await answer(registry.credential)).toBe(true);
    expect(access.authorizationFor('digits')).toBe('Bearer token-1');
    now = 60_000;
    expect(access.authorizationFor('digits')).toBe(registry.credential);
    expect(await answer('Bearer token-1')).toBe(true);
    expect(access.authorizationFor('digits')).toBe('Bearer token-2');
  });

  it('is asked for a token for each repository, as one opens no other', async () => {
    registry.artifacts.set('ml/faces:1', [{ title: 'model.onnx', content: 'f' }]);
    const store = open(own());
    for (const model of ['digits', 'faces', 'digits', 'faces']) expect(await store.list(model)).toHaveLength(1);
    expect(registry.asked.filter((line) => line.startsWith('/token'))).toHaveLength(2);
  });

  it('is asked for another token when it refuses one before its time', async () => {
    const store = open(own());
    await store.list('digits');
    registry.tokens.clear();
    expect(await store.list('digits')).toEqual([{ name: '3' }]);
  });

  it('is not asked again for what another request was given meanwhile', async () => {
    const home = new URL(registry.base);
    const access = new RegistryAccess(home, new GuardedHttp(home), () => registry.credential);
    const refusal = { headers: { 'www-authenticate': `Bearer realm="${registry.base}/token",service="reg"` } };
    for (let request = 0; request < 2; request += 1) {
      expect(await access.answerTo(refusal as IncomingMessage, 'digits', registry.credential)).toBe(true);
    }
    expect(registry.asked).toHaveLength(1);
  });

  it.each(['<html>', '[]', '{"token": 1}'])('is asked again later when its token service says %s', async (said) => {
    registry.tokenText = said;
    await expect(open(own()).list('digits')).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
  });

  it.each(['Basic realm="x"', 'Bearer realm="not a url"', 'Bearer realm="ftp://127.0.0.1/"'])(
    'is not followed when it says %s',
    async (header) => {
      const home = new URL(registry.base);
      const access = new RegistryAccess(home, new GuardedHttp(home), () => undefined);
      const refusal = { headers: { 'www-authenticate': header } } as IncomingMessage;
      expect(await access.answerTo(refusal, 'digits', undefined)).toBe(false);
    },
  );
});

describe('a credential of a registry', () => {
  it.each([
    ['registry.example.com', 'registry.example.com', true],
    ['auth.docker.io', 'registry-1.docker.io', true],
    ['gitlab.example.com', 'registry.gitlab.example.com', true],
    ['evil.com', 'registry.example.com', false],
    ['example.com.evil.com', 'registry.example.com', false],
    ['a.com', 'b.com', false],
    ['10.0.0.1', '11.0.0.1', false],
  ])('goes to %s, asked by %s: %s', (host, home, trusted) => {
    expect(isTokenHost(host, home)).toBe(trusted);
  });

  const read = (auths: Readonly<Record<string, unknown>>, home: string): string | undefined =>
    storedCredential(authFile(auths), new URL(home));

  it('is read from a configuration file of Docker', () => {
    const auths = { 'r.example.com': { auth: 'bWU6eA==' }, 'empty.example.com': {} };
    expect(read(auths, 'https://r.example.com/ml')).toBe('Basic bWU6eA==');
    expect(read(auths, 'https://empty.example.com/ml')).toBeUndefined();
    expect(storedCredential(undefined, new URL('https://r.example.com'))).toBeUndefined();
    expect(() => storedCredential('/nowhere', new URL('https://r.example.com'))).toThrow(/LNMT8304.*not readable JSON/);
  });

  it.each([
    ['r.example.com', 'r.example.com'],
    ['https://r.example.com', 'r.example.com'],
    ['https://R.example.com:443/v1/', 'r.example.com'],
    ['r.example.com/v2', 'r.example.com'],
    ['r.example.com/ml/', 'r.example.com/ml/'],
    ['http://r.example.com:5000/v2/ml', 'r.example.com:5000/ml/digits'],
    ['https://index.docker.io/v1/', 'registry-1.docker.io/me'],
    ['docker.io', 'index.docker.io/me'],
  ])('under %s is for %s', (key, home) => {
    expect(read({ [key]: { auth: 'eA==' } }, `https://${home}`)).toBe('Basic eA==');
    expect(read({ [key]: { username: 'u', password: 'p:q' } }, `https://${home}`)).toBe('Basic dTpwOnE=');
  });

  it.each([
    ['r.example.com', 'x.r.example.com'],
    ['r.example.com', 'r.example.com.evil.com'],
    ['r.example.com', 'r.example.com:5000'],
    ['r.example.com:5000', 'r.example.com'],
    ['https://r.example.com@evil.com', 'r.example.com'],
    ['https://r.example.com@evil.com', 'evil.com'],
    ['r.example.com/ml', 'r.example.com'],
    ['r.example.com/ml', 'r.example.com/mlops'],
    ['https://index.docker.io/v1/', 'auth.docker.io'],
    ['https://index.docker.io/v1/', 'docker.io.evil.com'],
    ['', 'r.example.com'],
    ['https://', 'r.example.com'],
  ])('under %s is not for %s', (key, home) => {
    expect(read({ [key]: { auth: 'eA==' } }, `https://${home}`)).toBeUndefined();
  });

  it('is the one of the longest path that leads to the models, and of these of the plain host', () => {
    const auths = { 'https://r.example.com/v1/': { auth: 'MQ==' }, 'r.example.com': { auth: 'Mg==' } };
    expect(read(auths, 'https://r.example.com/ml')).toBe('Basic Mg==');
    expect(read({ ...auths, 'r.example.com/ml': { auth: 'Mw==' } }, 'https://r.example.com/ml/own')).toBe('Basic Mw==');
    expect(read({ ...auths, 'r.example.com/ml': {} }, 'https://r.example.com/ml')).toBe('Basic Mg==');
  });
});

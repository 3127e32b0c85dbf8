import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MODEL_STORE, modelStorePath, renderModelManifest } from '../../../../runtime/contract';
import { ModelError } from '../../../../runtime/inference/errors';
import { ModelCache } from '../../../../runtime/inference/models/cache';
import { DiskBudget } from '../../../../runtime/inference/models/disk-budget';
import { FileStore } from '../../../../runtime/inference/models/file-store';
import { parseManifest } from '../../../../runtime/inference/models/manifest';
import { openStore } from '../../../../runtime/inference/models/open-store';
import { S3Store } from '../../../../runtime/inference/models/s3-store';
import type { ModelStore } from '../../../../runtime/inference/models/store';
import { pushModel } from '../../support/models';
import { sha256, temporaryFolder } from '../../support/temporary';

const MODEL = { name: 'm', version: '1' } as const;
const FILES = { [MODEL_STORE.model]: Buffer.from('graph'), 'weights/part_1.bin': Buffer.alloc(300_000, 7) };

let dir: string;
let store: string;
let cacheDir: string;

beforeEach(() => {
  dir = temporaryFolder();
  store = path.join(dir, 'store');
  cacheDir = path.join(dir, 'cache');
  pushModel(store, MODEL.name, MODEL.version, FILES);
});

afterEach(() => fs.rmSync(dir, { recursive: true }));

const inStore = (file: string): string => path.join(store, modelStorePath(MODEL.name, MODEL.version, file));

/** A store whose files come in pieces, with pauses. */
class Trickling extends FileStore {
  override async open(...args: Parameters<FileStore['open']>): Promise<Readable> {
    const source = await super.open(...args);
    return Readable.from(
      (async function* () {
        for await (const chunk of source as AsyncIterable<Buffer>) {
          await delay(5);
          yield chunk;
        }
      })(),
    );
  }
}

describe('the model cache', () => {
  it('fetches every file once and finds it again', async () => {
    const cache = new ModelCache(new FileStore(store), cacheDir);
    const first = await cache.obtain(MODEL);
    expect(first.fetched).toBe(true);
    expect(fs.readFileSync(first.file, 'utf8')).toBe('graph');
    expect(fs.readFileSync(path.join(path.dirname(first.file), 'weights/part_1.bin'))).toHaveLength(300_000);
    expect(await cache.obtain(MODEL)).toEqual({ ...first, fetched: false });
  });

  it('asks again for a manifest that cannot be had at once, where it knows none', async () => {
    const files = new FileStore(store);
    let tries = 0;
    const flaky: ModelStore = {
      list: (folder) => files.list(folder),
      open: (file, start) => {
        if (file.endsWith(MODEL_STORE.manifest) && ++tries % 3 !== 0)
          throw new ModelError('LNMT8304', 'status 500', true);
        return files.open(file, start);
      },
    };
    const cache = new ModelCache(flaky, cacheDir);
    expect(await cache.obtain(MODEL)).toMatchObject({ fetched: true, offline: false });
    expect(tries).toBe(3);
    // Now it does, and the last word is as good.
    expect(await cache.obtain(MODEL)).toMatchObject({ fetched: false, offline: true });
    expect(tries).toBe(4);
  });

  it('frees the disk again when it is full', async () => {
    const files = new FileStore(store);
    const filling: ModelStore = {
      list: (folder) => files.list(folder),
      open: async (file, start) => {
        if (!file.endsWith('.bin')) return files.open(file, start);
        const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        return Readable.from(
          (function* () {
            yield Buffer.alloc(1_000, 7);
            throw full;
          })(),
        );
      },
    };
    await expect(new ModelCache(filling, cacheDir).obtain(MODEL)).rejects.toMatchObject({ code: 'LNMT8308' });
    expect(fs.readdirSync(cacheDir)).toEqual([]);
  });

  it('leaves what another server has brought meanwhile into the same folder', async () => {
    const files = new FileStore(store);
    const other = new ModelCache(files, cacheDir);
    let brought: { readonly file: string; readonly ino: number } | undefined;
    const slow: ModelStore = {
      list: (folder) => files.list(folder),
      open: async (file, start) => {
        if (file.endsWith('.bin') && brought === undefined) {
          const { file: graph } = await other.obtain(MODEL);
          brought = { file: graph, ino: fs.statSync(graph).ino };
        }
        return files.open(file, start);
      },
    };
    expect((await new ModelCache(slow, cacheDir).obtain(MODEL)).file).toBe(brought?.file);
    expect(fs.statSync(brought?.file ?? '').ino).toBe(brought?.ino);
    expect(fs.readdirSync(cacheDir).filter((name) => !/^\.(known|used)-/.test(name))).toHaveLength(1);
  });

  it('can be filled by several servers at once', async () => {
    const caches = Array.from({ length: 4 }, () => new ModelCache(new FileStore(store), cacheDir));
    const all = await Promise.all(caches.map((cache) => cache.obtain(MODEL)));
    expect(new Set(all.map(({ digest }) => digest)).size).toBe(1);
    for (const each of all) expect(await caches[0]?.intact(each)).toBe(true);
    expect(fs.readdirSync(cacheDir).filter((name) => !/^\.(known|used)-/.test(name))).toHaveLength(1);
  });

  it('removes no file that another server brings while it takes away what is damaged', async () => {
    const other = await new ModelCache(new FileStore(store), cacheDir).obtain(MODEL);
    const folder = path.dirname(other.file);
    const whole = fs.mkdtempSync(path.join(dir, 'whole-'));
    fs.cpSync(folder, whole, { recursive: true });
    fs.writeFileSync(other.file, 'grapf');
    const brought = (): number => fs.statSync(path.join(fs.existsSync(whole) ? whole : folder, MODEL_STORE.model)).ino;
    const theirs = brought();
    for (const verb of ['rm', 'rename'] as const) {
      const real = fs.promises[verb].bind(fs.promises) as (...args: unknown[]) => Promise<void>;
      vi.spyOn(fs.promises, verb).mockImplementation(async (...args: unknown[]) => {
        if (args[0] !== folder) return real(...args);
        // The other one is as far, and a moment faster.
        const isDone = !fs.existsSync(whole);
        if (verb === 'rename') await real(...args);
        if (!isDone) {
          fs.rmSync(folder, { recursive: true, force: true });
          fs.renameSync(whole, folder);
        }
        if (verb === 'rm') await real(...args);
      });
    }
    await new ModelCache(new FileStore(store), cacheDir).obtain(MODEL);
    vi.restoreAllMocks();
    expect(brought()).toBe(theirs);
  });

  it('fetches again what was damaged on the disk', async () => {
    const cache = new ModelCache(new FileStore(store), cacheDir);
    const { file } = await cache.obtain(MODEL);
    fs.writeFileSync(file, 'grapf');
    expect((await cache.obtain(MODEL)).fetched).toBe(true);
    expect(fs.readFileSync(file, 'utf8')).toBe('graph');
  });

  it('holds what it has before it looks at it, as another model may need the room meanwhile', async () => {
    const { digest } = await new ModelCache(new FileStore(store), cacheDir).obtain(MODEL);
    const folder = path.join(cacheDir, digest);
    let others = 1;
    class Crowded extends DiskBudget {
      override async hold(held: string): Promise<void> {
        if (others-- > 0) fs.rmSync(folder, { recursive: true });
        await super.hold(held);
      }
    }
    const cache = new ModelCache(new FileStore(store), cacheDir, { budget: new Crowded(cacheDir, 0) });
    expect(fs.existsSync((await cache.obtain(MODEL)).file)).toBe(true);
    others = 1;
    await expect(cache.obtain(MODEL, true)).rejects.toMatchObject({ code: 'LNMT8301' });
  });

  it('holds nothing of what could not be had', async () => {
    const budget = new DiskBudget(cacheDir, 310_000);
    const cache = new ModelCache(new FileStore(store), cacheDir, { budget });
    const { digest } = await cache.obtain(MODEL);
    cache.release(digest);
    fs.writeFileSync(path.join(cacheDir, digest, MODEL_STORE.model), 'grapf');
    fs.rmSync(inStore('weights/part_1.bin'));
    fs.appendFileSync(path.join(cacheDir, digest, 'weights/part_1.bin'), '!');
    await expect(cache.obtain(MODEL)).rejects.toMatchObject({ code: 'LNMT8301' });
    await budget.makeRoom(310_000);
    expect(fs.readdirSync(cacheDir).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  describe('asked to repair a model', () => {
    const weights = (file: string): string => path.join(path.dirname(file), 'weights/part_1.bin');

    it('counts its bytes as they are then', async () => {
      const budget = new DiskBudget(cacheDir, 1_000_000);
      const cache = new ModelCache(new FileStore(store), cacheDir, { budget });
      const cached = await cache.obtain(MODEL);
      const whole = await budget.bytes();
      const damaged = new DiskBudget(cacheDir, 1_000_000);
      fs.truncateSync(weights(cached.file), 100);
      expect([await budget.bytes(), await damaged.bytes()]).toEqual([whole, whole - 299_900]);
      const mender = new ModelCache(new FileStore(store), cacheDir, { budget: damaged });
      await mender.repair(MODEL, cached);
      expect(await damaged.bytes()).toBe(whole);
    });

    it('fetches what was damaged and nothing else, and leaves whoever has the damaged file open alone', async () => {
      const cache = new ModelCache(new FileStore(store), cacheDir);
      const cached = await cache.obtain(MODEL);
      const graph = fs.statSync(cached.file).ino;
      fs.writeFileSync(weights(cached.file), Buffer.alloc(300_000, 8));
      const open = fs.openSync(weights(cached.file), 'r');
      expect(await cache.intact(cached)).toBe(false);
      await cache.repair(MODEL, cached);
      expect([await cache.intact(cached), fs.statSync(cached.file).ino]).toEqual([true, graph]);
      expect(fs.readFileSync(open)[0]).toBe(8);
      fs.closeSync(open);
      fs.rmSync(path.join(path.dirname(cached.file), 'weights'), { recursive: true });
      await Promise.all([cache.repair(MODEL, cached), cache.repair(MODEL, cached)]);
      expect(await cache.intact(cached)).toBe(true);
      expect(fs.readdirSync(cacheDir).filter((name) => name.startsWith('.partial-'))).toEqual([]);
    });

    it('has the file to itself that it brings, though another server repairs the same one', async () => {
      const [one, two] = [1, 2].map(() => new ModelCache(new Trickling(store), cacheDir));
      const cached = await one?.obtain(MODEL);
      if (cached === undefined) throw new Error('no model');
      fs.writeFileSync(weights(cached.file), 'damaged');
      await Promise.all([one?.repair(MODEL, cached), two?.repair(MODEL, cached)]);
      expect([fs.statSync(weights(cached.file)).size, await one?.intact(cached)]).toEqual([300_000, true]);
      expect(fs.readdirSync(cacheDir).filter((name) => /^\.(staging|partial)-/.test(name))).toEqual([]);
    });

    it.each([
      ['is damaged in its store, too', () => fs.appendFileSync(inStore(MODEL_STORE.model), '!'), 'LNMT8303'],
      ['is gone from its store', () => fs.rmSync(store, { recursive: true }), 'LNMT8301'],
    ])('refuses what %s, and leaves it as it is', async (_title, harm, code) => {
      const cache = new ModelCache(new FileStore(store), cacheDir);
      const cached = await cache.obtain(MODEL);
      fs.writeFileSync(cached.file, 'grapf');
      harm();
      await expect(cache.repair(MODEL, cached)).rejects.toMatchObject({ code });
      expect(await cache.intact(cached)).toBe(false);
    });

    it('reads slowly where nobody waits for it', async () => {
      const cache = new ModelCache(new FileStore(store), cacheDir);
      const cached = await cache.obtain(MODEL);
      const started = performance.now();
      expect(await cache.intact(cached, true)).toBe(true);
      // 300 000 bytes at 16 MiB a second.
      expect(performance.now() - started).toBeGreaterThan(12);
    });
  });

  it.each([
    ['changed', () => fs.writeFileSync(inStore(MODEL_STORE.model), 'grapf'), 'LNMT8303'],
    ['cut', () => fs.writeFileSync(inStore(MODEL_STORE.model), 'gra'), 'LNMT8303'],
    ['longer', () => fs.writeFileSync(inStore(MODEL_STORE.model), 'graphs'), 'LNMT8303'],
    ['missing', () => fs.rmSync(inStore(MODEL_STORE.model)), 'LNMT8301'],
    ['without a manifest', () => fs.rmSync(inStore(MODEL_STORE.manifest)), 'LNMT8301'],
    ['with a manifest that is none', () => fs.writeFileSync(inStore(MODEL_STORE.manifest), '{}'), 'LNMT8302'],
    ['with an endless manifest', () => fs.writeFileSync(inStore(MODEL_STORE.manifest), ' '.repeat(2e6)), 'LNMT8302'],
  ])('refuses a model that is %s in the store, and leaves nothing half-fetched', async (_title, harm, code) => {
    harm();
    await expect(new ModelCache(new FileStore(store), cacheDir).obtain(MODEL)).rejects.toThrow(code);
    expect(fs.existsSync(cacheDir) ? fs.readdirSync(cacheDir) : []).toEqual([]);
  });

  it.each(['.bin', '.json'])(
    'takes a stream of a %s file that breaks off for a reason to try again',
    async (ending) => {
      const files = new FileStore(store);
      async function* broken(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(10);
        throw new Error('connection reset');
      }
      const flaky: ModelStore = {
        open: async (file) => (file.endsWith(ending) ? Readable.from(broken()) : files.open(file)),
        list: (folder) => files.list(folder),
      };
      const obtained = new ModelCache(flaky, cacheDir).obtain(MODEL);
      await expect(obtained).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
      const left = fs.existsSync(cacheDir) ? fs.readdirSync(cacheDir) : [];
      expect(left.filter((name) => !name.startsWith('.partial-'))).toEqual([]);
    },
  );
});

describe('a manifest', () => {
  const file = { path: MODEL_STORE.model, sha256: sha256(''), bytes: 0 };
  const withFiles = (...files: unknown[]): string => JSON.stringify({ files });

  it('is read as it was written, sorted by path', () => {
    const other = { ...file, path: 'a/b.bin' };
    expect(parseManifest(renderModelManifest([file, other]))).toEqual({ files: [other, file] });
    expect(renderModelManifest([file, other])).toBe(renderModelManifest([other, file]));
  });

  it.each([
    '../model.onnx',
    '/etc/passwd',
    'a/../../b',
    './a',
    'a//b',
    'a\\b',
    '.hidden',
    '',
    'a/',
    'C:x',
    'a\u0000b',
    'ａ',
  ])('refuses the path %j', (bad) => {
    expect(() => parseManifest(withFiles(file, { ...file, path: bad }))).toThrow('LNMT8302');
  });

  it.each([
    ['text that is not JSON', '{', 'it is not JSON'],
    ['a missing list', '[]', 'files is not a list'],
    ['a list without the graph', withFiles({ ...file, path: 'x' }), 'model.onnx is not listed'],
    ['an entry that is no object', withFiles(1), 'files[0] is not an object'],
    ['a digest that is none', withFiles({ ...file, sha256: 'x' }), 'files[0].sha256 is not a SHA-256'],
    ['a negative size', withFiles({ ...file, bytes: -1 }), 'files[0].bytes is not a size'],
    [
      'paths that differ in case only',
      withFiles(file, { ...file, path: 'Model.onnx' }),
      'two files have the same path',
    ],
  ])('refuses %s', (_title, text, message) => {
    expect(() => parseManifest(text)).toThrow(message);
  });
});

describe('a store in S3', () => {
  const requests: { url: string; authorization: string | undefined }[] = [];
  let server: http.Server;
  let endpoint: string;
  let failures = 0;

  beforeEach(async () => {
    requests.length = 0;
    server = http.createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://host');
      requests.push({ url: pathname, authorization: request.headers.authorization });
      const file = path.join(store, decodeURIComponent(pathname).replace('/bucket/some/prefix/', ''));
      if (failures-- > 0) response.writeHead(503).end();
      else if (fs.existsSync(file)) fs.createReadStream(file).pipe(response.writeHead(200));
      else response.writeHead(404).end('<Error><Code>NoSuchKey</Code><Message>no</Message></Error>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    process.env['AWS_ACCESS_KEY_ID'] = 'id';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
  });

  afterEach(() => {
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
    server.closeAllConnections();
    server.close();
  });

  const open = (): ModelStore =>
    openStore({ kind: 's3', bucket: 'bucket', prefix: 'some/prefix' }, { s3Endpoint: endpoint });

  it('is read by path at its own endpoint, signed, and tried again when it fails', async () => {
    failures = 1;
    const { file } = await new ModelCache(open(), cacheDir).obtain(MODEL);
    expect(fs.readFileSync(file, 'utf8')).toBe('graph');
    expect(requests[0]?.url).toBe('/bucket/some/prefix/m/1/manifest.json');
    expect(requests[0]?.authorization).toContain('Credential=id/');
  });

  it('says that a model is absent, and does not try again', async () => {
    await expect(new ModelCache(open(), cacheDir).obtain({ name: 'no', version: '1' })).rejects.toMatchObject({
      code: 'LNMT8301',
      retryable: false,
    });
    expect(requests).toHaveLength(1);
  });

  it('says that it cannot be reached, and may be tried again', async () => {
    server.close();
    server.closeAllConnections();
    await expect(open().open('x')).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
  });

  it('is given up when it is silent, before its answer and in the middle of it', async () => {
    let midway = false;
    const silent = http.createServer((_request, response) => {
      if (midway) response.writeHead(200, { 'content-length': 9 }).write('some');
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const s3Endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const impatient = openStore(
      { kind: 's3', bucket: 'bucket', prefix: '' },
      { s3Endpoint, s3Region: 'us-east-1', modelStoreTimeout: 0.2 },
    );
    await expect(impatient.open('x')).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
    midway = true;
    const body = await impatient.open('x');
    await expect(body.toArray()).rejects.toThrow();
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  }, 20_000);

  it('says which package to install when the S3 client is absent', async () => {
    const options = { bucket: 'b', prefix: '', endpoint: undefined, region: undefined };
    const absent = new S3Store(options, () => Promise.reject(new Error('cannot find package')));
    await expect(absent.open('x')).rejects.toThrow('LNMT8305: the S3 client is not installed');
  });
});

import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MODEL_STORE, modelStorePath } from '../../../../runtime/contract';
import { readConfig } from '../../../../runtime/inference/config';
import { ModelError } from '../../../../runtime/inference/errors';
import { ModelCache } from '../../../../runtime/inference/models/cache';
import { DiskBudget } from '../../../../runtime/inference/models/disk-budget';
import { FileStore } from '../../../../runtime/inference/models/file-store';
import { NamedStore } from '../../../../runtime/inference/models/named-store';
import { openModels } from '../../../../runtime/inference/models/open-models';
import { Repository } from '../../../../runtime/inference/models/repository';
import type { ModelStore, StoreEntry } from '../../../../runtime/inference/models/store';
import { identityModel, pushModel } from '../../support/models';
import { model, tensor, TYPE } from '../../support/onnx-bytes';
import { temporaryFolder } from '../../support/temporary';

const GRAPH = identityModel('FP32');

/** A store in a folder that fails as the network does. */
class ShakyStore implements ModelStore {
  down = false;
  /** Bytes after which a stream of a file breaks off, once for each entry. */
  breaks: number[] = [];
  /** Called before a file is opened. */
  before: (file: string, start: number) => void = () => undefined;
  /** False for a store that says nothing of what its files hold. */
  tags = true;
  readonly opened: [file: string, start: number][] = [];
  private readonly files: FileStore;

  constructor(dir: string) {
    this.files = new FileStore(dir);
  }

  async open(file: string, start = 0, tag?: string): Promise<Readable> {
    if (this.down) throw new ModelError('LNMT8304', 'no route', true);
    this.before(file, start);
    this.opened.push([file, start]);
    const source = await this.files.open(file, start, tag);
    const limit = file.endsWith('.bin') ? this.breaks.shift() : undefined;
    if (limit !== undefined) {
      let seen = 0;
      source.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (seen >= limit) source.destroy(new Error('connection reset'));
      });
      source.pause();
    }
    return source;
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    if (this.down) throw new ModelError('LNMT8304', 'no route', true);
    const entries = await this.files.list(folder);
    return this.tags ? entries : entries.map(({ tag, ...entry }) => (tag === undefined ? entry : { ...entry }));
  }
}

describe('a repository', () => {
  let dir: string;
  let root: string;
  let cacheDir: string;
  let store: ShakyStore;

  beforeEach(() => {
    dir = temporaryFolder();
    root = path.join(dir, 'store');
    cacheDir = path.join(dir, 'cache');
    fs.mkdirSync(root);
    store = new ShakyStore(root);
  });

  afterEach(() => fs.rmSync(dir, { recursive: true }));

  const open = (limit = 0): Repository =>
    new Repository(store, new ModelCache(store, cacheDir, { limit, bare: true, origin: 'o' }));
  const write = (file: string, content: string | Uint8Array): void => {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), content);
  };
  const push = (name: string, version: string, more: Record<string, Uint8Array> = {}): void =>
    pushModel(root, name, version, { [MODEL_STORE.model]: GRAPH, ...more });

  it('names its models and their versions, in our layout', async () => {
    push('digits', '3');
    push('digits', '12');
    push('other', '1');
    write('digits/13/model.onnx', GRAPH);
    write('digits/007/manifest.json', '{}');
    write('NOT A MODEL/1/model.onnx', GRAPH);
    expect(await open().names()).toEqual(['digits', 'other']);
    expect(await open().versions('digits')).toEqual(['3', '12']);
    expect(await open().settings('digits')).toEqual({});
    expect(await open().versions('absent')).toEqual([]);
  });

  it.each<[what: string, files: readonly string[], name: string, versions: readonly string[]]>([
    ['its files', ['model.onnx', 'model.onnx.data', 'config.json', 'vocabulary/words.txt'], 'sums', ['1']],
    ['folders of its versions', ['3/model.onnx', '12/model.onnx', 'readme.txt'], 'sums', ['3', '12']],
    ['a repository', ['other/7/model.onnx'], 'other', ['7']],
    ['a repository with a number for a name', ['5/7/model.onnx'], '5', ['7']],
  ])('may be one model itself: a store that holds %s', async (_what, files, name, versions) => {
    for (const file of files) write(file, file.endsWith('model.onnx') ? GRAPH : 'x');
    const named = new NamedStore(store, 'sums');
    const repository = new Repository(named, new ModelCache(named, cacheDir, { bare: true }));
    expect(await repository.names()).toEqual([name]);
    expect(await repository.settings(name)).toEqual({});
    expect(await repository.versions(name)).toEqual(versions);
    expect(await repository.versions('absent')).toEqual([]);
    const version = versions.at(-1) ?? '';
    const { file } = await repository.obtain({ name, version });
    const beside = fs.readdirSync(path.dirname(file), { recursive: true, encoding: 'utf8' });
    expect(beside).toEqual(expect.arrayContaining(files[0] === 'model.onnx' ? [...files] : ['model.onnx']));
  });

  it('refuses to be empty where its models are pinned: nobody would learn that nothing is served', async () => {
    const env = { LNMT_MODEL_REPOSITORY: `file://${root}`, LNMT_MODEL_CACHE_DIR: cacheDir, LNMT_AUTH: 'none' };
    const discover = async (more: object): Promise<readonly string[]> => {
      const { discover: find } = await openModels(readConfig({ ...env, ...more }));
      return (await find()).map(({ name }) => name);
    };
    const pinned = { LNMT_MODEL_LOADING: 'pinned', LNMT_MODEL_REPOSITORY_MODEL: 'sums' };
    expect(await discover({})).toEqual([]);
    await expect(discover(pinned)).rejects.toThrow(/LNMT8301: .*its repository holds no model/);
    write('model.onnx', GRAPH);
    expect(await discover(pinned)).toEqual(['sums']);
    expect(() => readConfig({ ...env, LNMT_MODEL_REPOSITORY_MODEL: '{{.Name}}' })).toThrow(
      'LNMT_MODEL_REPOSITORY_MODEL does not match',
    );
  });

  it('says which of its folders have names that no model can have', async () => {
    for (const name of ['m', 'Upper', 'ünder', 'file']) write(`${name}/1/model.onnx`, GRAPH);
    write('README.md', 'x');
    const env = { LNMT_MODEL_REPOSITORY: `file://${root}`, LNMT_MODEL_CACHE_DIR: cacheDir, LNMT_AUTH: 'none' };
    const warn = vi.fn();
    const { discover } = await openModels(readConfig(env), { info: vi.fn(), warn });
    expect((await discover()).map(({ name }) => name)).toEqual(['file', 'm']);
    expect(warn.mock.calls).toEqual([
      [expect.objectContaining({ count: 2 }), expect.stringContaining('whose names no model can have')],
    ]);
    expect((warn.mock.calls[0]?.[0] as { folders: string[] }).folders.sort()).toEqual(['Upper', 'ünder']);
  });

  it('reads how a model is served from config.json', async () => {
    const config = {
      versions: { latest: 2 },
      aliases: { canary: '4' },
      maxBatchSize: 8,
      maxQueueDelaySeconds: 0.001,
      instances: 2,
    };
    write('m/config.json', JSON.stringify({ ...config, preferredBatchSizes: [8, 4] }));
    expect(await open().settings('m')).toEqual({
      ...{ versions: { kind: 'latest', count: 2 }, aliases: { canary: '4' }, maxBatchSize: 8, maxQueueDelay: 0.001 },
      ...{ instances: 2, preferredBatchSizes: [4, 8] },
    });
  });

  it.each([
    ['{', 'config.json is not JSON'],
    ['[]', 'config.json is not an object'],
    ['{"max_batch_size": 3}', 'unknown member "max_batch_size"'],
    ['{"versions": []}', 'config.json.versions'],
    ['{"versions": {"latest": 0}}', 'config.json.versions.latest'],
    ['{"aliases": {"3": "4"}}', 'the alias 3 is a number'],
    ['{"aliases": {"../x": "4"}}', 'an alias does not match'],
    ['{"instances": 1.5}', 'config.json.instances is not an integer'],
    ['{"preferredBatchSizes": 4}', 'preferredBatchSizes is not a list'],
  ])('refuses the config.json %s', async (text, message) => {
    write('m/config.json', text);
    await expect(open().settings('m')).rejects.toThrow('LNMT8310');
    await expect(open().settings('m')).rejects.toThrow(message);
  });

  it('takes a model in the layout of Triton: copied, digested, inspected', async () => {
    write('dense/1/model.onnx', GRAPH);
    write('dense/2/model.onnx', identityModel('INT64'));
    write('dense/02/model.onnx', GRAPH);
    write('dense/config.pbtxt', 'name: "dense"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 8\n');
    const repository = open();
    expect(await repository.versions('dense')).toEqual(['1', '2']);
    expect(await repository.settings('dense')).toEqual({ maxBatchSize: 8 });
    const first = await repository.obtain({ name: 'dense', version: '2' });
    expect(first.report.inputs[0]?.datatype).toBe('INT64');
    expect([first.fetched, first.file.startsWith(cacheDir)]).toEqual([true, true]);
    expect(fs.statSync(first.file).nlink).toBe(1);
    expect((await repository.obtain({ name: 'dense', version: '2' })).fetched).toBe(false);
    write('dense/2/model.onnx', GRAPH);
    const second = await repository.obtain({ name: 'dense', version: '2' });
    expect([second.fetched, second.digest === first.digest]).toEqual([true, false]);
  });

  it('takes no link for a file', async () => {
    write('m/1/real.onnx', GRAPH);
    fs.symlinkSync('real.onnx', path.join(root, 'm/1/model.onnx'));
    expect(await open().versions('m')).toEqual([]);
    await expect(open().obtain({ name: 'm', version: '1' })).rejects.toThrow('LNMT8301');
  });

  it('takes weights beside the graph only when the manifest lists them', async () => {
    const external = [
      [
        13,
        [
          [1, 'location'],
          [2, 'w.bin'],
        ],
      ],
      [14, 1],
    ] as const;
    const graph = model({ constants: [tensor('w', TYPE.float, [4], external)] });
    pushModel(root, 'm', '1', { [MODEL_STORE.model]: graph, 'w.bin': new Uint8Array(16) });
    expect((await open().obtain({ name: 'm', version: '1' })).report.weightBytes).toBe(16);
    pushModel(root, 'm', '2', { [MODEL_STORE.model]: graph });
    await expect(open().obtain({ name: 'm', version: '2' })).rejects.toThrow('LNMT8323');
    pushModel(root, 'm', '3', { [MODEL_STORE.model]: graph, 'w.bin': new Uint8Array(15) });
    await expect(open().obtain({ name: 'm', version: '3' })).rejects.toThrow('LNMT8323');
  });

  it('refuses what the inspector refuses', async () => {
    pushModel(root, 'm', '1', { [MODEL_STORE.model]: Buffer.from('no model') });
    await expect(open().obtain({ name: 'm', version: '1' })).rejects.toThrow('LNMT8321');
  });

  it('finds golden answers that the manifest lists', async () => {
    push('m', '1', { 'golden.json': Buffer.from('{}') });
    push('m', '2');
    write('m/2/golden.json', '{}');
    expect((await open().obtain({ name: 'm', version: '1' })).golden).toMatch(/golden\.json$/);
    expect((await open().obtain({ name: 'm', version: '2' })).golden).toBeUndefined();
  });

  describe('that cannot be reached', () => {
    it('is taken at its last word, after a restart too', async () => {
      push('m', '3');
      write('m/config.json', '{"maxBatchSize": 4}');
      const online = open();
      await Promise.all([online.names(), online.settings('m'), online.versions('m')]);
      const { digest, offline } = await online.obtain({ name: 'm', version: '3' });
      expect(offline).toBe(false);
      store.down = true;
      const again = open();
      expect([await again.names(), await again.versions('m'), await again.settings('m')]).toEqual([
        ['m'],
        ['3'],
        { maxBatchSize: 4 },
      ]);
      expect(await again.obtain({ name: 'm', version: '3' })).toMatchObject({ digest, offline: true, fetched: false });
    });

    it('says so for what was never fetched, and for what is damaged on the disk', async () => {
      push('m', '3');
      const { file } = await open().obtain({ name: 'm', version: '3' });
      store.down = true;
      await expect(open().obtain({ name: 'm', version: '4' })).rejects.toMatchObject({
        code: 'LNMT8304',
        retryable: true,
      });
      fs.appendFileSync(file, 'x');
      await expect(open().obtain({ name: 'm', version: '3' })).rejects.toMatchObject({ code: 'LNMT8304' });
    });

    it('is not taken at its last word when it says now that there is no such model', async () => {
      push('m', '3');
      await open().obtain({ name: 'm', version: '3' });
      fs.rmSync(path.join(root, 'm'), { recursive: true });
      await expect(open().obtain({ name: 'm', version: '3' })).rejects.toMatchObject({ code: 'LNMT8301' });
    });
  });

  describe('behind a connection that breaks', () => {
    const big = Buffer.alloc(600_000, 3);

    it('is asked for the rest only', async () => {
      push('m', '1', { 'w.bin': big });
      store.breaks = [100_000, 200_000];
      await open().obtain({ name: 'm', version: '1' });
      const starts = store.opened.filter(([file]) => file.endsWith('w.bin')).map(([, start]) => start);
      expect(starts).toHaveLength(3);
      expect(starts[1]).toBeGreaterThan(0);
      expect(starts[2]).toBeGreaterThan(starts[1] ?? 0);
      expect(fs.readdirSync(cacheDir).filter((name) => name.startsWith('.partial'))).toEqual([]);
    });

    it('is fetched anew when what came before is damaged', async () => {
      push('m', '1', { 'w.bin': big });
      store.breaks = [100_000, 100, 100, 100];
      await expect(open().obtain({ name: 'm', version: '1' })).rejects.toMatchObject({
        code: 'LNMT8304',
        retryable: true,
      });
      const partial = fs.readdirSync(cacheDir).find((name) => name.startsWith('.partial')) ?? '';
      const held = fs.readFileSync(path.join(cacheDir, partial));
      held[7] = 99;
      fs.writeFileSync(path.join(cacheDir, partial), held);
      store.breaks = [];
      expect((await open().obtain({ name: 'm', version: '1' })).fetched).toBe(true);
    });
  });

  describe('without manifests behind a connection that breaks', () => {
    const big = Buffer.from(Array.from({ length: 600_000 }, (_, at) => at % 251));
    const starts = (): number[] => store.opened.filter(([file]) => file.endsWith('w.bin')).map(([, start]) => start);
    const weights = (file: string): Buffer => fs.readFileSync(path.join(path.dirname(file), 'w.bin'));
    const obtain = () => open().obtain({ name: 'm', version: '1' });

    beforeEach(() => {
      write('m/1/model.onnx', GRAPH);
      write('m/1/w.bin', big);
    });

    it('is asked for the rest only', async () => {
      store.breaks = [100_000, 200_000];
      const { file } = await obtain();
      expect(weights(file).equals(big)).toBe(true);
      expect(starts()).toHaveLength(3);
      expect(starts()[1]).toBeGreaterThan(0);
      expect(starts()[2]).toBeGreaterThan(starts()[1] ?? 0);
      expect(fs.readdirSync(cacheDir).filter((name) => !/^[0-9a-f]{64}$|^\.(known|used)-/.test(name))).toEqual([]);
    });

    it('is completed by the next try where all of one failed, graph and all', async () => {
      store.breaks = [100_000, 1, 1, 1];
      await expect(obtain()).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
      store.opened.length = 0;
      expect(weights((await obtain()).file).equals(big)).toBe(true);
      expect(starts()).toEqual([expect.toSatisfy((start: number) => start > 0)]);
      expect(store.opened.map(([file]) => file)).toEqual(['m/1/manifest.json', 'm/1/w.bin']);
    });

    it('begins anew where the store does not say what it holds', async () => {
      store.tags = false;
      store.breaks = [100_000, 200_000];
      expect(weights((await obtain()).file).equals(big)).toBe(true);
      expect(starts()).toEqual([0, 0, 0]);
    });

    it('is never put together from two contents, also when the first one comes back', async () => {
      const [other, file] = [Buffer.alloc(big.length, 9), path.join(root, 'm/1/w.bin')];
      store.breaks = [100_000];
      store.before = (name, start) => {
        if (name.endsWith('w.bin') && start > 0) write('m/1/w.bin', other);
      };
      await expect(obtain()).rejects.toThrow('w.bin changed while it was read');
      expect(fs.readdirSync(cacheDir).filter((name) => name.startsWith('.partial'))).toHaveLength(1);
      store.before = () => undefined;
      expect(weights((await obtain()).file).equals(other)).toBe(true);
      fs.writeFileSync(file, big);
      expect(weights((await obtain()).file).equals(big)).toBe(true);
    });

    it('is tried again where the way fails at the start of a file', async () => {
      let failures = 2;
      store.before = (name) => {
        if (name.endsWith('w.bin') && failures-- > 0) throw new ModelError('LNMT8304', 'status 503', true);
      };
      expect(weights((await obtain()).file).equals(big)).toBe(true);
    });
  });

  describe('through a bounded cache', () => {
    const WEIGHT = 50_000;
    const weight = (seed: number) => ({ 'w.bin': Buffer.alloc(WEIGHT, seed) });
    const digests = (): string[] => fs.readdirSync(cacheDir).filter((name) => !name.startsWith('.'));

    it('removes what was not used for longest, and never what is in use', async () => {
      for (const version of ['1', '2', '3', '4']) push('m', version, weight(Number(version)));
      const repository = open(2.5 * WEIGHT);
      const one = await repository.obtain({ name: 'm', version: '1' });
      const two = await repository.obtain({ name: 'm', version: '2' });
      await expect(repository.obtain({ name: 'm', version: '3' })).rejects.toMatchObject({ code: 'LNMT8308' });
      repository.release(two);
      const three = await repository.obtain({ name: 'm', version: '3' });
      expect(digests().sort()).toEqual([one.digest, three.digest].sort());
      repository.release(one);
      repository.release(three);
      fs.utimesSync(path.dirname(three.file), 1, 1);
      await repository.obtain({ name: 'm', version: '4' });
      expect(digests()).toContain(one.digest);
      expect(digests()).not.toContain(three.digest);
    });

    it('counts partial files, removes the oldest, and takes none for missing that it completes', async () => {
      const LARGE = 12 * WEIGHT;
      push('m', '1', { 'w.bin': Buffer.alloc(LARGE, 1) });
      store.breaks = [LARGE / 2, 1, 1, 1];
      await expect(open().obtain({ name: 'm', version: '1' })).rejects.toMatchObject({ code: 'LNMT8304' });
      const partials = (): string[] => fs.readdirSync(cacheDir).filter((name) => name.startsWith('.partial'));
      expect(partials()).toHaveLength(2);
      expect(await new DiskBudget(cacheDir, 0).bytes()).toBeGreaterThan(WEIGHT);
      await open(1.1 * LARGE).obtain({ name: 'm', version: '1' });
      expect(partials()).toEqual([]);
      const partial = path.join(cacheDir, '.partial-old');
      fs.writeFileSync(partial, Buffer.alloc(WEIGHT));
      const yesterday = new Date(Date.now() - 86_400_000);
      fs.utimesSync(partial, yesterday, yesterday);
      push('m', '2', weight(2));
      await open(LARGE + 1.5 * WEIGHT).obtain({ name: 'm', version: '2' });
      expect([partials(), digests()]).toEqual([[], expect.toSatisfy((all: string[]) => all.length === 2)]);
    });

    it('counts its bytes, and what is half-removed for nothing', async () => {
      push('m', '1', weight(1));
      await open().obtain({ name: 'm', version: '1' });
      const budget = new DiskBudget(cacheDir, 0);
      expect(await budget.bytes()).toBe(WEIGHT + GRAPH.length);
      const [digest = ''] = digests();
      await budget.remove(digest);
      expect([await budget.bytes(), digests()]).toEqual([0, []]);
    });
  });

  it('detects every flipped bit of a file in the cache, and fetches it anew', async () => {
    push('m', '1');
    const repository = open();
    const model = await repository.obtain({ name: 'm', version: '1' });
    const good = fs.readFileSync(model.file);
    for (let bit = 0; bit < 8 * good.length; bit += 1) {
      const bad = Buffer.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      fs.writeFileSync(model.file, bad);
      expect(await repository.recheck(model)).toBe(false);
      // It goes by the same check, and takes thirty times as long.
      if (bit % 97 !== 0) continue;
      const again = await repository.obtain({ name: 'm', version: '1' });
      expect([again.fetched, again.digest]).toEqual([true, model.digest]);
      expect(fs.readFileSync(model.file).equals(good)).toBe(true);
    }
    fs.writeFileSync(model.file, good);
    expect(await repository.recheck(model)).toBe(true);
  });

  it('writes no file outside the cache, whatever a manifest says', async () => {
    push('m', '1');
    const manifest = path.join(root, modelStorePath('m', '1', MODEL_STORE.manifest));
    fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('model.onnx', '../../../evil'));
    await expect(open().obtain({ name: 'm', version: '1' })).rejects.toThrow('LNMT8302');
  });
});

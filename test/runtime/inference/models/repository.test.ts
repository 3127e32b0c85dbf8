import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MODEL_STORE, modelStorePath } from '../../../../runtime/contract';
import { ModelError } from '../../../../runtime/inference/errors';
import { ModelCache } from '../../../../runtime/inference/models/cache';
import { DiskBudget } from '../../../../runtime/inference/models/disk-budget';
import { FileStore } from '../../../../runtime/inference/models/file-store';
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
  readonly opened: [file: string, start: number][] = [];
  private readonly files: FileStore;

  constructor(dir: string) {
    this.files = new FileStore(dir);
  }

  async open(file: string, start = 0): Promise<Readable> {
    if (this.down) throw new ModelError('LNMT8304', 'no route', true);
    this.opened.push([file, start]);
    const source = await this.files.open(file, start);
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
    return this.files.list(folder);
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

  it('detects every flipped bit of a file in the cache', async () => {
    push('m', '1');
    const { file, digest } = await open().obtain({ name: 'm', version: '1' });
    const good = fs.readFileSync(file);
    const repository = open();
    for (let turn = 0; turn < 200; turn += 1) {
      const bad = Buffer.from(good);
      const bit = createHash('sha256').update(String(turn)).digest().readUInt32LE() % (8 * bad.length);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      fs.writeFileSync(file, bad);
      const again = await repository.obtain({ name: 'm', version: '1' });
      expect([again.fetched, again.digest]).toEqual([true, digest]);
      expect(fs.readFileSync(file).equals(good)).toBe(true);
    }
  });

  it('writes no file outside the cache, whatever a manifest says', async () => {
    push('m', '1');
    const manifest = path.join(root, modelStorePath('m', '1', MODEL_STORE.manifest));
    fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('model.onnx', '../../../evil'));
    await expect(open().obtain({ name: 'm', version: '1' })).rejects.toThrow('LNMT8302');
  });
});

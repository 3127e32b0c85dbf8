import fs from 'node:fs';
import path from 'node:path';
import { inferPath, MODEL_STORE, PATHS } from '../../runtime/contract';
import { FileStore } from '../../runtime/inference/models/file-store';
import { ModelCache } from '../../runtime/inference/models/cache';
import type { Bench, FaultCase } from './support/case';
import { scaleModel, Store, TINY_BODY } from './support/models';
import { Server } from './support/servers';
import { seeded } from './support/stats';
import { send } from './support/traffic';

const SEED = 20_261_128;
const READY = 'model host ready';
const DAMAGED = 'model files on the disk are damaged, fetching them anew';

function flip(file: string, random: () => number): void {
  const bytes = fs.readFileSync(file);
  const at = Math.floor(random() * bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  fs.writeFileSync(file, bytes);
}

/** Flips bits of cached files and looks whether the check of a load sees it, and whether the next load heals it. */
async function inCache(bench: Bench, store: Store, flips: number): Promise<void> {
  const random = seeded(SEED);
  const cache = new ModelCache(new FileStore(store.dir), path.join(bench.folder, 'cache'));
  const model = { name: 'model', version: '1' };
  let [unseen, unhealed] = [0, 0];
  for (let turn = 0; turn < flips && !bench.over; turn += 1) {
    const cached = await cache.obtain(model);
    const files = [MODEL_STORE.model, 'weights.bin'].map((name) => path.join(path.dirname(cached.file), name));
    flip(files[turn % files.length] ?? '', random);
    if (await cache.intact(cached)) unseen += 1;
    const again = await cache.obtain(model);
    if (!again.fetched || !(await cache.intact(again))) unhealed += 1;
    cache.release(cached.digest);
    cache.release(again.digest);
  }
  bench.equal('flips that were not seen', unseen, 0);
  bench.equal('files that were not fetched again', unhealed, 0);
}

/** Flips bits in the cache under a loaded model, and kills its host: the next one serves what was pushed. */
async function withKills(bench: Bench, server: Server, rounds: number, random: () => number): Promise<void> {
  const { http: port } = await server.ports();
  const cache = path.join(server.dir, 'cache');
  let [wrong, unhealed] = [0, 0];
  for (let round = 0; round < rounds && !bench.over; round += 1) {
    const folder = fs.readdirSync(cache).find((name) => /^[0-9a-f]{64}$/.test(name)) ?? '';
    flip(path.join(cache, folder, [MODEL_STORE.model, 'weights.bin'][round % 2] ?? ''), random);
    const before = server.lines(READY).length;
    for (const host of server.hosts()) process.kill(host, 'SIGKILL');
    await server.line(READY, before + 1);
    const { outcome, body } = await send({ port, path: inferPath('model'), body: TINY_BODY });
    if (outcome !== '200') unhealed += 1;
    else if (!body.includes('"data":[2,5]')) wrong += 1;
  }
  bench.equal('answers of a damaged model after its host was killed', wrong, 0);
  bench.equal('hosts that did not come back', unhealed, 0);
  bench.equal('damages that were seen then', server.lines(DAMAGED).length, rounds);
}

/** Flips bits in the cache under a model that stays in memory: the scrub sees each, and what it finds is mended. */
async function underScrub(bench: Bench, store: Store, rounds: number): Promise<void> {
  const random = seeded(SEED + 2);
  const settings = { ...store.serving({ name: 'model', load: 'pinned' }), workers: '1', maxBatchSize: '1' };
  const server = await Server.ready({ ...settings, modelScrubInterval: '0.1' });
  const { http: port } = await server.ports();
  const cache = path.join(server.dir, 'cache');
  let wrong = 0;
  for (let round = 0; round < rounds && !bench.over; round += 1) {
    const folder = fs.readdirSync(cache).find((name) => /^[0-9a-f]{64}$/.test(name)) ?? '';
    flip(path.join(cache, folder, [MODEL_STORE.model, 'weights.bin'][round % 2] ?? ''), random);
    await server.line('model loaded anew', round + 1, 10_000);
    const { outcome, body } = await send({ port, path: inferPath('model'), body: TINY_BODY });
    if (outcome !== '200' || !body.includes('"data":[2,5]')) wrong += 1;
  }
  bench.equal('damages that the scrub saw', server.lines(DAMAGED).length, rounds);
  bench.equal('answers that are not those of the model after it', wrong, 0);
  await server.dispose();
}

/** Flips bits in the cache of a running server and in its store: it never answers with what they make of the model. */
async function inServer(bench: Bench, store: Store, rounds: number): Promise<void> {
  const random = seeded(SEED + 1);
  const settings = { ...store.serving({ name: 'model', load: 'lazy' }), workers: '1', maxBatchSize: '1' };
  const server = await Server.ready(settings);
  const { http: port } = await server.ports();
  const manage = (verb: string): ReturnType<typeof send> =>
    send({ port, path: `${PATHS.repository}/models/model/${verb}`, body: '{}' });
  const ask = (): ReturnType<typeof send> => send({ port, path: inferPath('model'), body: TINY_BODY });
  await manage('load');
  const cache = path.join(server.dir, 'cache');
  let [wrong, unhealed] = [0, 0];
  for (let round = 0; round < rounds && !bench.over; round += 1) {
    await manage('unload');
    const folder = fs.readdirSync(cache).find((name) => /^[0-9a-f]{64}$/.test(name)) ?? '';
    flip(path.join(cache, folder, MODEL_STORE.model), random);
    await manage('load');
    const { outcome, body } = await ask();
    if (outcome !== '200') unhealed += 1;
    else if (!body.includes('"data":[2,5]')) wrong += 1;
  }
  bench.equal('answers of a damaged model', wrong, 0);
  bench.equal('loads that did not heal', unhealed, 0);
  await withKills(bench, server, rounds, random);
  // Now the store is damaged and the cache is whole: what was verified goes on serving, a new start refuses.
  flip(path.join(store.dir, 'model', '1', MODEL_STORE.model), random);
  bench.equal('serves from its cache', (await ask()).outcome, '200');
  await manage('unload');
  fs.rmSync(cache, { recursive: true });
  const refused = await manage('load');
  bench.must(
    'a damaged store',
    `${refused.outcome} ${/LNMT\d+/.exec(refused.body)?.[0] ?? ''}`,
    'LNMT8303',
    refused.body.includes('LNMT8303'),
  );
}

/** Single bits that turn over on the disk. */
export const bitRot: FaultCase = {
  id: 'R-28',
  what: `bits that turn over in stored files, seed ${SEED}`,
  limit: { scaled: 90, full: 300 },
  run: async (bench) => {
    const flips = bench.count('flips', 200, 1_000);
    const rounds = bench.count('flips under a server', 5, 50);
    const store = new Store(bench.folder);
    store.push('model', '1', scaleModel(2), { 'weights.bin': Buffer.alloc(50_000, 7) });
    await inCache(bench, store, flips);
    await underScrub(bench, store, rounds);
    await inServer(bench, store, rounds);
  },
};

import { setTimeout as delay } from 'node:timers/promises';
import { inferPath, METRICS } from '../../runtime/contract';
import { identityModel } from '../runtime/support/models';
import type { Bench, FaultCase } from './support/case';
import { Metrics } from './support/metrics';
import { Store, TINY_BODY } from './support/models';
import { Peak, residentBytes } from './support/proc';
import { Server } from './support/servers';
import { MIB, seeded } from './support/stats';
import { keepAlive, Recorder, send } from './support/traffic';

const SEED = 20_261_128;
/** Exponent of the law after which models are asked for. */
const ZIPF = 1.2;
/** What a host of a tiny model is estimated at before it was measured; the budget is so many of these. */
const ESTIMATE = 96 * MIB;

function draws(models: number, count: number): number[] {
  const random = seeded(SEED);
  const sums: number[] = [];
  for (let rank = 1; rank <= models; rank += 1) sums.push((sums.at(-1) ?? 0) + rank ** -ZIPF);
  const total = sums.at(-1) ?? 1;
  // The ranks are scattered over the names, so that no order of names helps.
  return Array.from({ length: count }, () => {
    const drawn = random() * total;
    return (sums.findIndex((sum) => drawn <= sum) * 73) % models;
  });
}

/** Hits of who knows the future: what is needed last leaves first. */
export function optimalHits(requests: readonly number[], capacity: number): number {
  const next = new Array<number>(requests.length).fill(Infinity);
  const seen = new Map<number, number>();
  for (let at = requests.length - 1; at >= 0; at -= 1) {
    const model = requests[at] ?? 0;
    next[at] = seen.get(model) ?? Infinity;
    seen.set(model, at);
  }
  const held = new Map<number, number>();
  let hits = 0;
  for (const [at, model] of requests.entries()) {
    if (held.has(model)) hits += 1;
    else if (held.size >= capacity) {
      const [victim] = [...held].reduce((worst, each) => (each[1] > worst[1] ? each : worst));
      held.delete(victim);
    }
    held.set(model, next[at] ?? Infinity);
  }
  return hits;
}

async function serve(bench: Bench, models: number, room: number): Promise<Server> {
  const store = new Store(bench.folder);
  const names = Array.from({ length: models }, (_, index) => `model-${index}`);
  // Models differ in their bytes, or they would share what was measured of one.
  for (const name of names) store.push(name, '1', identityModel('FP32'), { 'name.txt': Buffer.from(name) });
  const settings = store.serving(...names.map((name) => ({ name, load: 'lazy' as const })));
  const modelMemoryBytes = String(room * ESTIMATE);
  const server = await Server.ready({ ...settings, modelMemoryBytes, workers: '1', maxBatchSize: '1', threads: '1' });
  const { metrics } = await server.ports();
  const ready = async (): Promise<true | undefined> =>
    (await Metrics.of(metrics)).sum(METRICS.modelReady.name) >= models ? true : undefined;
  await server.until('all models ready', ready, 60_000);
  return server;
}

/** Many more models than memory. */
export const density: FaultCase = {
  id: 'R-08',
  what: `models beyond the memory budget, Zipf ${ZIPF}, seed ${SEED}`,
  limit: { scaled: 150, full: 1_800 },
  run: async (bench) => {
    const models = bench.count('models', 40, 200);
    const room = bench.count('room for', 8, 20);
    const requests = bench.count('requests', 150, 6_000);
    const server = await serve(bench, models, room);
    const { http: port, metrics } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const budget = room * ESTIMATE;
    const memory = new Peak(() => server.hosts().reduce((sum, pid) => sum + residentBytes(pid), 0), 50);
    const hosts = new Peak(() => server.hosts().length, 50);
    const host = new Peak(() => Math.max(...server.hosts().map(residentBytes), 1), 50);
    const recorder = new Recorder();
    const sequence = draws(models, requests);
    for (const model of sequence) {
      if (bench.over) return;
      recorder.add(await send({ port, path: inferPath(`model-${model}`), body: TINY_BODY, agent }));
      await delay(5);
    }
    const loads = server.lines('model ready').length;
    // What fits is known from what hosts take, not from what the server makes of it.
    const fits = Math.floor(budget / host.end());
    const best = optimalHits(sequence, fits);
    bench.equal('errors', recorder.failed('200'), 0);
    if (recorder.failed('200') > 0) bench.note(JSON.stringify(recorder.others('200')));
    bench.atMost('most memory of the budget', memory.end() / budget, 1.05);
    // One less: a model that was never loaded is taken for larger than it is.
    bench.atLeast(`most hosts, of ${fits} that the budget has room for`, hosts.end(), fits - 1);
    bench.atLeast('hits of what is possible with the future known', (requests - loads) / best, 0.9);
    const evicted = (await Metrics.of(metrics)).sum(METRICS.modelEvictions.name);
    bench.atLeast('evictions', evicted, 1);
    bench.note(`${requests - loads} hits, ${best} at best with ${hosts.most} in memory, ${evicted} evictions`);
  },
};

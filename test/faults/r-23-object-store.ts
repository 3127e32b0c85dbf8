import { inferPath, PATHS } from '../../runtime/contract';
import type { Bench, FaultCase } from './support/case';
import type { Store } from './support/models';
import { TABLE_BODY, tableModel, TINY_BODY, tinyStore } from './support/models';
import { ObjectStore } from './support/object-store';
import type { Fault } from './support/object-store';
import { Server } from './support/servers';
import { mean, MIB } from './support/stats';
import { keepAlive, Recorder, send } from './support/traffic';
import { setTimeout as delay } from 'node:timers/promises';

const BYTES = 3 * MIB;
/** The store may be silent for this; while it is at fault it is so for longer. */
const LIMIT_MS = 500;
const SILENCE_MS = 3_000;
const SILENT = ['file: silent for too long', 'manifest: silent for too long'];
const S3_ENV = { AWS_EC2_METADATA_DISABLED: 'true' };

/** What goes wrong, for which file, how often; and whether the model is there in the end. */
const FAULTS: Readonly<Record<string, { fault: Fault; suffix: string; times: number; loads: boolean }>> = {
  'manifest: 500 twice': { fault: { kind: 'status', status: 500 }, suffix: 'manifest.json', times: 2, loads: true },
  'file: 503 twice': { fault: { kind: 'status', status: 503 }, suffix: 'model.onnx', times: 2, loads: true },
  'file: cut three times': { fault: { kind: 'cut', after: MIB / 2 }, suffix: 'model.onnx', times: 3, loads: true },
  'file: silent for too long': {
    fault: { kind: 'silence', ms: SILENCE_MS },
    suffix: 'model.onnx',
    times: 1,
    loads: true,
  },
  'manifest: silent for too long': {
    fault: { kind: 'silence', ms: SILENCE_MS },
    suffix: 'manifest.json',
    times: 1,
    loads: true,
  },
  'file: one bit wrong, once': { fault: { kind: 'flip', at: BYTES / 2 }, suffix: 'model.onnx', times: 1, loads: false },
  'file: one bit wrong, always': {
    fault: { kind: 'flip', at: BYTES / 2 },
    suffix: 'model.onnx',
    times: 99,
    loads: false,
  },
  'file: 500 always': { fault: { kind: 'status', status: 500 }, suffix: 'model.onnx', times: 99, loads: false },
};

/** One model for each fault over one kind of store. */
async function against(bench: Bench, kind: 'http' | 's3', local: Store, store: ObjectStore): Promise<void> {
  const uri = kind === 'http' ? store.url : 's3://bucket';
  const names = Object.keys(FAULTS).map((_, index) => `table-${index}`);
  const versions = ['1'];
  const listed = names.map((name) => ({ name, load: 'lazy' as const, uri, versions }));
  const settings = local.serving({ name: 'tiny', load: 'pinned' }, ...listed);
  const modelStoreTimeout = String(LIMIT_MS / 1000);
  const s3 = {
    modelStoreTimeout,
    s3Endpoint: store.url,
    s3Region: 'us-east-1',
    s3AccessKeyId: 'key',
    s3SecretAccessKey: 'secret',
  };
  // The models are asked for one by one; what the start fetches of them is not what is tried here.
  store.hidden = true;
  const server = await Server.ready({ ...settings, ...s3, workers: '1', maxBatchSize: '1' }, { env: S3_ENV });
  const { http: port } = await server.ports();
  const gone = (): true | undefined =>
    server.lines('lazy model cannot be served').length >= names.length ? true : undefined;
  await server.until('the start without models', gone);
  const agent = keepAlive();
  bench.after(() => agent.destroy());
  const ask = (model: string, what: 'load' | 'unload') =>
    send({ port, path: `${PATHS.repository}/models/${model}/${what}`, body: '{}', agent });
  // Nor is what the server looks for by itself: for what was unloaded it does not.
  for (const name of names) await ask(name, 'unload');
  store.hidden = false;
  const others = new Recorder();
  let going = true;
  const neighbour = (async (): Promise<void> => {
    for (; going; await delay(20)) others.add(await send({ port, path: inferPath('tiny'), body: TINY_BODY, agent }));
  })();
  const wrong: string[] = [];
  const pauses: number[] = [];
  const givenUp: number[] = [];
  let resumed = 0;
  for (const [index, [name, { fault, suffix, times, loads }]] of Object.entries(FAULTS).entries()) {
    if (bench.over) break;
    const model = names[index] ?? '';
    store.reset();
    store.fail(`${model}/1/${suffix}`, fault, times);
    const { outcome } = await ask(model, 'load');
    const answer = await send({ port, path: inferPath(model), body: TABLE_BODY, agent });
    if ((outcome === '200') !== loads || (answer.outcome === '200') !== loads)
      wrong.push(`${name}: ${outcome}, then ${answer.outcome}`);
    const tries = store.seen.filter(({ file }) => file.endsWith(`${model}/1/${suffix}`));
    if (!SILENT.includes(name))
      for (const [place, { at }] of tries.entries()) if (place > 0) pauses.push(at - (tries[place - 1]?.at ?? at));
    // The second try has to come before the silence ends, or nobody gave up.
    if (SILENT.includes(name)) givenUp.push((tries[1]?.at ?? Infinity) - (tries[0]?.at ?? 0));
    if (name.includes('cut')) resumed += tries.filter(({ start }) => start > 0).length;
    // The same once more without a fault: nothing of the failure stays.
    store.reset();
    await ask(model, 'load');
    const healed = await send({ port, path: inferPath(model), body: TABLE_BODY, agent });
    if (healed.outcome !== '200') wrong.push(`${name}: ${healed.outcome} when the store is well again`);
  }
  going = false;
  await neighbour;
  bench.must(`${kind}: not as it should be`, wrong.join(', ') || 'none', 'none', wrong.length === 0);
  bench.atLeast(`${kind}: resumed by range`, resumed, 1);
  bench.must(
    `${kind}: a silent store is given up after ms`,
    givenUp.map(Math.round).join(', '),
    `each >= ${LIMIT_MS}, < ${SILENCE_MS}`,
    givenUp.length === SILENT.length && givenUp.every((ms) => ms >= LIMIT_MS && ms < SILENCE_MS),
  );
  bench.equal(`${kind}: failures of the other model`, others.failed('200'), 0);
  // Pauses double and carry chance: no two retries of one file come at once or in step. Half of the first ones of S3's
  // own client are shorter than 50 ms, which is chance alone; their mean is not.
  bench.atLeast(`${kind}: mean pause before a retry ms`, mean(pauses), 50);
  bench.must(
    `${kind}: pauses differ`,
    new Set(pauses.map(Math.round)).size,
    '>= 3',
    new Set(pauses.map(Math.round)).size >= 3,
  );
  await server.dispose();
}

/** A store that fails, stalls, cuts and lies. */
export const objectStore: FaultCase = {
  id: 'R-23',
  what: 'object store: 5xx, silence, cut answers, wrong bytes (HTTP and S3)',
  limit: { scaled: 120, full: 240 },
  run: async (bench) => {
    const local = tinyStore(bench.folder);
    for (const index of Object.keys(FAULTS).keys()) local.push(`table-${index}`, '1', tableModel(BYTES, index));
    const store = await ObjectStore.start(local.dir);
    bench.after(() => store.close());
    await against(bench, 'http', local, store);
    store.reset();
    await against(bench, 's3', local, store);
  },
};

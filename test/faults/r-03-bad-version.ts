import fs from 'node:fs';
import path from 'node:path';
import { inferPath, MODEL_STORE, modelPath, PATHS } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { scaleModel, slowModel, Store, TINY_BODY } from './support/models';
import { Server } from './support/servers';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';

const RATE = 50;
const PHASE_SECONDS = 2;
const NOT_LOADED = 'model not loaded';
const LOG_MS = 2_000;

/** Ways in which a new version is bad: each puts it into the store. */
const BAD: Readonly<Record<string, (store: Store, version: string) => void>> = {
  'cut in half': (store, version) => {
    const graph = scaleModel(1);
    store.push('model', version, graph.subarray(0, graph.length / 2));
  },
  'noise instead of a graph': (store, version) => {
    store.push('model', version, Buffer.alloc(4_096, 0xa5));
  },
  'changed after its digest was taken': (store, version) => {
    store.push('model', version, scaleModel(3));
    const file = path.join(store.dir, 'model', version, MODEL_STORE.model);
    const bytes = fs.readFileSync(file);
    bytes.writeUInt8((bytes.at(-20) ?? 0) ^ 1, bytes.length - 20);
    fs.writeFileSync(file, bytes);
  },
  'answers NaN': (store, version) => void store.push('model', version, scaleModel(Number.NaN)),
  'misses its golden answers': (store, version) => {
    const tensor = (name: string, data: readonly number[]): object => ({ name, datatype: 'FP32', shape: [1, 2], data });
    const golden = { cases: [{ inputs: [tensor('x', [1, 2])], outputs: [tensor('y', [1, 2])] }] };
    const file = Buffer.from(JSON.stringify(golden));
    store.push('model', version, scaleModel(5), { 'golden.json': file });
  },
  'far too slow': (store, version) => void store.push('model', version, slowModel(120)),
};

/** A bad new version never serves: the old one goes on, and the operator is told. */
export const badVersion: FaultCase = {
  id: 'R-03',
  what: 'bad new version of a model under traffic',
  limit: { scaled: 90, full: 400 },
  run: async (bench) => {
    const rounds = bench.count('rounds of 6 bad versions', 1, 5);
    const store = new Store(bench.folder).push('model', '1', scaleModel(2));
    const server = await Server.ready({ ...store.serving({ name: 'model', load: 'pinned' }), workers: '1' });
    const { http: port } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const recorder = new Recorder();
    const shoot = (due: number): ReturnType<typeof send> =>
      send({ port, path: inferPath('model'), body: TINY_BODY, agent, due });
    await openLoop({ rate: RATE, seconds: 1, shoot, recorder });
    const [taken, slowest]: [string[], [number, string]] = [[], [0, '']];
    let version = 2;
    for (let round = 0; round < rounds && !bench.over; round += 1) {
      for (const [name, push] of Object.entries(BAD)) {
        push(store, String(version));
        const loading = send({ port, path: `${PATHS.repository}/models/model/load`, body: '{}' });
        await openLoop({ rate: RATE, seconds: PHASE_SECONDS, shoot, recorder });
        const { outcome, serviceMs } = await loading;
        if (outcome === '200') taken.push(name);
        if (serviceMs > slowest[0]) slowest.splice(0, 2, serviceMs, name);
        fs.rmSync(path.join(store.dir, 'model', String(version)), { recursive: true });
        version += 1;
      }
    }
    bench.must('bad versions that serve', taken.join(', ') || 'none', 'none', taken.length === 0);
    bench.equal('failed requests', recorder.failed('200'), 0);
    const wrong = recorder.replies.filter(({ body }) => !body.includes('"data":[2,5]')).length;
    bench.equal('answers that are not those of the old version', wrong, 0);
    const bad = rounds * Object.keys(BAD).length;
    // The last one comes on another way than the refusal, and perhaps after it.
    await server.line(NOT_LOADED, bad, LOG_MS).catch(() => undefined);
    bench.equal('events in the log', server.lines(NOT_LOADED).length, bad);
    bench.timing(`slowest refusal (${slowest[1]}) ms`, slowest[0], 2_000);
    const { body } = await send({ port, path: modelPath('model') });
    bench.must(
      'versions served',
      /"versions":(\[[^\]]*\])/.exec(body)?.[1] ?? body.slice(0, 80),
      '= ["1"]',
      body.includes('"versions":["1"]'),
    );
  },
};

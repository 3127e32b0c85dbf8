import fs from 'node:fs';
import path from 'node:path';
import { inferPath, PATHS } from '../../runtime/contract';
import type { FaultCase } from './support/case';
import { TABLE_BODY, tableModel, TINY_BODY, tinyStore } from './support/models';
import { Server } from './support/servers';
import { MIB } from './support/stats';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';

const BYTES = 256 * MIB;
const RATE = 100;
const BASELINE_SECONDS = 4;
/** Longest that a reload is waited for. */
const RELOAD_SECONDS = 60;

/** A model of 256 MiB is replaced by its next version while it and another answer. */
export const reload: FaultCase = {
  id: 'R-02',
  what: 'reload of a 256 MiB model under an open loop of 100 requests a second',
  limit: { scaled: 90, full: 600 },
  run: async (bench) => {
    const reloads = bench.count('reloads', 1, 10);
    const store = tinyStore(bench.folder).push('table', '1', tableModel(BYTES));
    const models = store.serving({ name: 'tiny', load: 'pinned' }, { name: 'table', load: 'pinned' });
    const server = await Server.ready({ ...models, workers: '1' });
    const { http: port } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const recorder = new Recorder();
    const shoot = (due: number, index: number): ReturnType<typeof send> => {
      const [name, body] = index % 2 === 0 ? (['tiny', TINY_BODY] as const) : (['table', TABLE_BODY] as const);
      return send({ port, path: inferPath(name), body, agent, due });
    };
    const outcomes: string[] = [];
    let seconds = 0;
    for (let version = 2; version < reloads + 2 && !bench.over; version += 1) {
      store.push('table', String(version), tableModel(BYTES, version));
      fs.rmSync(path.join(store.dir, 'table', String(version - 1)), { recursive: true });
      recorder.mark = 'before';
      await openLoop({ rate: RATE, seconds: BASELINE_SECONDS, shoot, recorder });
      recorder.mark = 'during';
      let loaded = false;
      const loading = send({ port, path: `${PATHS.repository}/models/table/load`, body: '{}' }).then((reply) => {
        outcomes.push(reply.outcome);
        seconds += reply.serviceMs / 1000;
        loaded = true;
      });
      await openLoop({ rate: RATE, seconds: RELOAD_SECONDS, shoot, recorder, stopped: () => loaded });
      await loading;
    }
    bench.equal('reloads done', outcomes.filter((outcome) => outcome === '200').length, reloads);
    bench.equal('failed requests', recorder.failed('200'), 0);
    if (recorder.failed('200') > 0) bench.note(JSON.stringify(recorder.others('200')));
    bench.atLeast('requests during reloads', recorder.under('during').length, reloads * 50);
    const [before, during] = [recorder.quantile(0.99, 'before'), recorder.quantile(0.99, 'during')];
    bench.timing(`p99 ms, ${before.toFixed(1)} before`, during, 1.2 * before + 2);
    const [middle, usual] = [recorder.quantile(0.5, 'during'), recorder.quantile(0.5, 'before')];
    bench.note(
      `p50 ms ${usual.toFixed(1)} before, ${middle.toFixed(1)} during; a reload takes ${(seconds / reloads).toFixed(1)} s`,
    );
  },
};

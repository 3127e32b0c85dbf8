import { PATHS } from '../../runtime/contract';
import { identityModel } from '../runtime/support/models';
import type { FaultCase } from './support/case';
import { Store } from './support/models';
import { openFiles, residentBytes, until } from './support/proc';
import { Server } from './support/servers';
import { MIB, slope } from './support/stats';
import { keepAlive, send } from './support/traffic';

const LANES = 2;
const WARM_UP = 8;

/** A model is loaded and unloaded again and again; nothing of it may stay. */
export const loadCycles: FaultCase = {
  id: 'R-09',
  what: 'load and unload, again and again',
  limit: { scaled: 60, full: 7_200 },
  run: async (bench) => {
    const cycles = bench.count('cycles', 24, 10_000);
    const store = new Store(bench.folder);
    const names = Array.from({ length: LANES }, (_, index) => `model-${index}`);
    for (const name of names) store.push(name, '1', identityModel('FP32'));
    const models = store.serving(...names.map((name) => ({ name, load: 'lazy' as const })));
    const server = await Server.ready({ ...models, workers: '1', maxBatchSize: '1' });
    const { http: port } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    let failed = 0;
    const memory: number[] = [];
    const turn = async (name: string): Promise<void> => {
      for (const verb of ['load', 'unload']) {
        const path = `${PATHS.repository}/models/${name}/${verb}`;
        if ((await send({ port, path, body: '{}', agent })).outcome !== '200') failed += 1;
      }
    };
    const lane = async (name: string, count: number): Promise<void> => {
      for (let index = 0; index < count && !bench.over; index += 1) {
        await turn(name);
        memory.push(residentBytes(server.pid));
      }
    };
    await Promise.all(names.map((name) => lane(name, WARM_UP / LANES)));
    memory.length = 0;
    const settled = (): Promise<boolean> => until(() => server.hosts().length === 0, 10_000);
    await settled();
    const files = openFiles(server.pid);
    await Promise.all(names.map((name) => lane(name, cycles / LANES)));
    const ended = await settled();
    bench.equal('refused loads and unloads', failed, 0);
    bench.must('hosts left', server.hosts().length, '= 0', ended);
    // One that is open for a moment, such as a sign of life, is no leak.
    const closed = await until(() => openFiles(server.pid) <= files, 5_000);
    bench.must('open files', openFiles(server.pid), `= ${files}`, closed);
    // Over few cycles the garbage collector moves more than a leak would.
    bench.timing('memory per cycle KiB', slope(memory) / 1024, 1);
    bench.atMost('growth of memory MiB', (Math.max(...memory) - (memory[0] ?? 0)) / MIB, 64);
  },
};

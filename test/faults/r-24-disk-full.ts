import fs from 'node:fs';
import path from 'node:path';
import { inferPath, METRICS, PATHS } from '../../runtime/contract';
import { identityModel } from '../runtime/support/models';
import type { FaultCase } from './support/case';
import { Metrics } from './support/metrics';
import { TABLE_BODY, tableModel, TINY_BODY, tinyStore } from './support/models';
import { mountMemory } from './support/mounts';
import { residentBytes } from './support/proc';
import { Server } from './support/servers';
import { MIB } from './support/stats';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';

const DISK = 8 * MIB;
const RATE = 50;

/** Names in a folder that are left of something that was not finished. */
const leftovers = (dir: string): string[] =>
  fs.readdirSync(dir).filter((name) => /^\.(partial|trash|staging|[0-9a-f]{8}-)/.test(name));

/** The disk fills up while a model is fetched, and under the audit log. */
export const diskFull: FaultCase = {
  id: 'R-24',
  what: 'disk full while a model is fetched, and under the audit log (tmpfs of 8 MiB)',
  limit: { scaled: 90, full: 120 },
  run: async (bench) => {
    const cache = path.join(bench.folder, 'cache');
    const logs = path.join(bench.folder, 'logs');
    mountMemory(bench, cache, DISK);
    mountMemory(bench, logs, 64 * 1024);
    const store = tinyStore(bench.folder);
    store.push('large', '1', tableModel(2 * DISK)).push('small', '1', identityModel('FP32'));
    const models = store.serving({ name: 'tiny', load: 'pinned' }, { name: 'small', load: 'lazy', versions: ['1'] });
    const settings = {
      ...models,
      modelRepository: store.uri,
      modelCacheDir: cache,
      auditFile: path.join(logs, 'audit.jsonl'),
    };
    const server = await Server.ready({ ...settings, workers: '1', maxBatchSize: '1' });
    const { http: port, metrics } = await server.ports();
    const agent = keepAlive();
    bench.after(() => agent.destroy());
    const recorder = new Recorder();
    const shoot = (due: number): ReturnType<typeof send> =>
      send({ port, path: inferPath('tiny'), body: TINY_BODY, agent, due });
    const load = (name: string): ReturnType<typeof send> =>
      send({ port, path: `${PATHS.repository}/models/${name}/load`, body: '{}', agent });
    const [large] = await Promise.all([load('large'), openLoop({ rate: RATE, seconds: 6, shoot, recorder })]);
    bench.must(
      'a model that does not fit',
      large.outcome,
      'an error with a code',
      large.outcome !== '200' && large.errorCode !== undefined,
    );
    bench.must('what the client learns', large.body.slice(0, 120), 'LNMT8308', large.body.includes('LNMT8308'));
    bench.must(
      'left behind',
      leftovers(cache).join(', ') || 'nothing that fills the disk',
      'space is free again',
      free(cache) > DISK / 2,
    );
    const small = await load('small');
    bench.equal('a model that fits, afterwards', small.outcome, '200');
    fs.rmSync(path.join(store.dir, 'large', '1'), { recursive: true });
    store.push('large', '1', tableModel(MIB));
    const shrunk = await load('large');
    const answer = await send({ port, path: inferPath('large'), body: TABLE_BODY, agent });
    bench.equal('the model in a size that fits', `${shrunk.outcome}, ${answer.outcome}`, '200, 200');
    // By now the audit log has met the end of its disk: requests go on, and nothing gathers in memory instead.
    const memory = residentBytes(server.pid);
    await openLoop({ rate: 4 * RATE, seconds: 4, shoot, recorder });
    bench.equal('failed requests', recorder.failed('200'), 0);
    bench.atLeast('told of the audit log', server.lines('the audit log cannot be written any more').length, 1);
    bench.atMost('growth of memory afterwards MiB', (residentBytes(server.pid) - memory) / MIB, 64);
    const told = await Metrics.of(metrics);
    bench.atLeast(
      'metric: loads that found the disk full',
      told.sum(METRICS.modelLoadFailures.name, { code: 'LNMT8308' }),
      1,
    );
    bench.equal('metric: audit log broken', told.sum(METRICS.auditBroken.name), 1);
  },
};

function free(dir: string): number {
  const { bavail, bsize } = fs.statfsSync(dir);
  return bavail * bsize;
}

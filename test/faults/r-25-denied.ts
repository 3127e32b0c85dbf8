import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { inferPath, PATHS } from '../../runtime/contract';
import type { Bench, FaultCase } from './support/case';
import { scaleModel, TINY_BODY, tinyStore } from './support/models';
import type { Store } from './support/models';
import { mountMemory, remount } from './support/mounts';
import { until } from './support/proc';
import { Held } from './support/raw';
import { Server } from './support/servers';
import { MIB } from './support/stats';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';
import { setTimeout as delay } from 'node:timers/promises';

const FILES = 64;
/** What the server says when a host cannot be started, and longer than it waits at most before it tries again. */
const REFUSED = 'model host cannot be started again';
const RETRIED_MS = 15_000;

const loadOf = (port: number, name: string): ReturnType<typeof send> =>
  send({ port, path: `${PATHS.repository}/models/${name}/load`, body: '{}' });

/** The cache cannot be written: what is there serves, and what is not is a typed error until it can be again. */
async function unwritable(
  bench: Bench,
  what: string,
  store: Store,
  cache: string,
  deny: () => void,
  allow: () => void,
): Promise<void> {
  const models = store.serving({ name: 'tiny', load: 'pinned' }, { name: 'second', load: 'lazy' });
  const lazy = { ...models, modelCacheDir: cache, workers: '1', maxBatchSize: '1' };
  fs.rmSync(path.join(store.dir, 'second'), { recursive: true, force: true });
  const server = await Server.ready(lazy);
  const { http: port } = await server.ports();
  const recorder = new Recorder();
  const agent = keepAlive();
  bench.after(() => agent.destroy());
  deny();
  store.push('second', '1', scaleModel(2));
  const shoot = (due: number): ReturnType<typeof send> =>
    send({ port, path: inferPath('tiny'), body: TINY_BODY, agent, due });
  const [refused] = await Promise.all([loadOf(port, 'second'), openLoop({ rate: 50, seconds: 2, shoot, recorder })]);
  const typed = refused.outcome !== '200' && /LNMT83\d\d/.test(refused.body) && refused.errorCode !== undefined;
  bench.must(
    `${what}: a new model`,
    `${refused.outcome} ${/LNMT\d+/.exec(refused.body)?.[0] ?? ''}`,
    'a typed error',
    typed,
  );
  bench.equal(`${what}: failures meanwhile`, recorder.failed('200'), 0);
  allow();
  const back = await until(async () => (await loadOf(port, 'second')).outcome === '200', 10_000);
  bench.must(`${what}: recovers`, back, '= true', back);
  await server.dispose();
}

/** A host dies while connections take every descriptor that becomes free; the front tells so, and goes on trying. */
async function killedMeanwhile(bench: Bench, server: Server, request: Parameters<typeof send>[0]): Promise<void> {
  const { http: port } = await server.ports();
  const crowd: Held[] = [];
  const timer = setInterval(() => {
    for (let more = 0; more < 8; more += 1) crowd.push(new Held(port, () => undefined));
  }, 20);
  const [host] = server.hosts();
  if (host !== undefined) process.kill(host, 'SIGKILL');
  const refusals = (): string[] =>
    server.lines(REFUSED).map(({ err }) => String((err as { message?: unknown }).message));
  await until(() => refusals().length >= 2, 10_000);
  const { outcome, errorCode } = await send({ ...request, timeoutMs: 5_000 });
  clearInterval(timer);
  for (const each of crowd) each.end();
  const [first = 'none'] = refusals();
  bench.must('EMFILE: a host is not started', first, 'LNMT8313', first.startsWith('LNMT8313'));
  bench.must(
    'EMFILE: its model meanwhile',
    `${outcome} ${errorCode}`,
    'a typed 503',
    /^503 LNMT/.test(`${outcome} ${errorCode}`),
  );
}

/** No descriptor is left: connections wait or are refused, and everything is as before when they are given back. */
async function noDescriptors(bench: Bench, store: Store): Promise<void> {
  const settings = store.serving({ name: 'tiny', load: 'pinned' });
  const server = await Server.ready(
    { ...settings, workers: '1' },
    { under: ['prlimit', `--nofile=${FILES}:${FILES}`] },
  );
  const { http: port } = await server.ports();
  const request = { port, path: inferPath('tiny'), body: TINY_BODY };
  const agent = keepAlive(1);
  bench.after(() => agent.destroy());
  await send({ ...request, agent });
  const held = Array.from({ length: 4 * FILES }, () => new Held(port, () => undefined));
  bench.after(() => held.forEach((each) => each.end()));
  await delay(500);
  const during = new Recorder();
  for (let turn = 0; turn < 20; turn += 1) during.add(await send({ ...request, agent, timeoutMs: 5_000 }));
  bench.equal('EMFILE: failures of a client that is connected', during.failed('200'), 0);
  await killedMeanwhile(bench, server, { ...request, agent });
  for (const each of held) each.end();
  const answers = async (): Promise<boolean> => (await send({ ...request, timeoutMs: 2_000 })).outcome === '200';
  const back = await until(answers, RETRIED_MS);
  bench.must('EMFILE: the model and new connections afterwards', back, '= true', back);
  const [host] = server.hosts();
  if (host !== undefined) process.kill(host, 'SIGKILL');
  const respawned = await until(answers, 10_000);
  bench.must('EMFILE: a host can be started again', respawned, '= true', respawned);
  bench.equal('front alive', String(server.alive), 'true');
}

/** File systems and limits that say no. */
export const denied: FaultCase = {
  id: 'R-25',
  what: 'read-only file system, EACCES, EMFILE',
  limit: { scaled: 90, full: 90 },
  run: async (bench) => {
    const store = tinyStore(bench.folder);
    await noDescriptors(bench, store);
    // Root may write everywhere, so the folder is made one that nobody may change.
    const locked = path.join(bench.folder, 'locked');
    fs.mkdirSync(locked);
    const chattr = (flag: string): void => void execFileSync('chattr', [flag, locked], { stdio: 'pipe' });
    const root = process.getuid?.() === 0;
    const lock = root ? () => chattr('+i') : () => fs.chmodSync(locked, 0o500);
    const unlock = root ? () => chattr('-i') : () => fs.chmodSync(locked, 0o700);
    let lockable = true;
    try {
      lock();
      unlock();
    } catch {
      lockable = false;
      bench.note('EACCES not tried: this file system has no immutable folders and root may write everywhere');
    }
    if (lockable) {
      bench.after(unlock);
      await unwritable(bench, 'EACCES', store, locked, lock, unlock);
    }
    const cache = path.join(bench.folder, 'read-only');
    mountMemory(bench, cache, 32 * MIB);
    await unwritable(
      bench,
      'EROFS',
      store,
      cache,
      () => remount(cache, 'ro'),
      () => remount(cache, 'rw'),
    );
  },
};

import { inferPath } from '../../../runtime/contract';
import type { Bench } from './case';
import { loopBody, tinyStore, turnsFor, withLoop } from './models';
import { Server } from './servers';
import { closedLoop, keepAlive, openLoop, Recorder, send } from './traffic';
import type { Reply } from './traffic';

/** Milliseconds of one run. */
export const RUN_MS = 20;
/** Requests that may wait: with the time of a run they make the promise that is given for the latency. */
export const QUEUE = 12;

/** A server whose capacity is known, and how it is sent requests. */
export interface Loaded {
  readonly server: Server;
  readonly port: number;
  /** Answers per second with one request after another. */
  readonly peak: number;
  readonly shoot: (due?: number) => Promise<Reply>;
}

/** Starts a server with a model that takes about {@link RUN_MS}, and measures what it can do. */
export async function prepare(bench: Bench, seconds: number): Promise<Loaded> {
  const store = withLoop(tinyStore(bench.folder));
  const models = store.serving({ name: 'loop', load: 'pinned' });
  const server = await Server.ready({ ...models, workers: '1', threads: '1', maxQueueSize: String(QUEUE) });
  const { http: port } = await server.ports();
  const body = loopBody(await turnsFor(port, RUN_MS));
  const agent = keepAlive(512);
  bench.after(() => agent.destroy());
  const shoot = (due?: number): Promise<Reply> =>
    send({ port, path: inferPath('loop'), body, agent, ...(due === undefined ? {} : { due }) });
  return { server, port, peak: await peakOf(shoot, seconds), shoot };
}

/** Answers per second when there is always one more request waiting. */
export async function peakOf(shoot: () => Promise<Reply>, seconds: number): Promise<number> {
  const recorder = new Recorder();
  const end = performance.now() + seconds * 1000;
  await closedLoop(
    4,
    () => shoot(),
    recorder,
    () => performance.now() > end,
  );
  return recorder.count('200') / seconds;
}

/** Sends this many times what the server can do. */
export async function overload({ peak, shoot }: Loaded, factor: number, seconds: number): Promise<Recorder> {
  const recorder = new Recorder();
  await openLoop({ rate: factor * peak, seconds, shoot, recorder });
  return recorder;
}

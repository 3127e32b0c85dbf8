import { setTimeout as delay } from 'node:timers/promises';
import { inferPath, METRICS } from '../../runtime/contract';
import { RespServer } from '../runtime/support/resp-server';
import type { Bench, FaultCase } from './support/case';
import { Metrics } from './support/metrics';
import { tinyStore } from './support/models';
import { Server } from './support/servers';
import type { Settings } from './support/servers';
import { quantile } from './support/stats';
import { keepAlive, send } from './support/traffic';
import type { Reply } from './support/traffic';

const LANES = 4;
/** Equal requests at the same time. */
const EQUAL = 32;
const FAULTS = ['away', 'slow', 'half-open', 'garbage'] as const;
type Fault = (typeof FAULTS)[number];
const BREAKER = { closed: 0, open: 2 } as const;
const OPENS_MS = 1_000;
const ADDED_MS = 5;
const PATIENCE_MS = 20_000;

async function begin(store: RespServer, fault: Fault): Promise<void> {
  if (fault === 'away') await store.stop();
  else store.mode = fault;
}

async function end(store: RespServer, fault: Fault): Promise<void> {
  store.mode = 'well';
  if (fault === 'away') await store.listen();
}

/** A server with a response cache, as its clients see it: each request is one that nobody asked before, or is told so. */
class Client {
  failures = 0;
  private next = 0;
  private readonly agent = keepAlive();

  private constructor(
    private readonly port: number,
    private readonly metrics: number,
  ) {}

  static async of(bench: Bench, settings: Settings): Promise<Client> {
    const cache = { responseCacheBytes: '10000000', responseCacheModels: 'tiny' };
    const server = await Server.ready({ ...settings, ...cache, workers: '1', maxBatchSize: '1' });
    const { http, metrics } = await server.ports();
    const client = new Client(http, metrics);
    bench.after(() => client.agent.destroy());
    return client;
  }

  async ask(value = (this.next += 1)): Promise<Reply> {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [value, 0.5] }];
    const body = JSON.stringify({ inputs });
    const reply = await send({ port: this.port, path: inferPath('tiny'), body, agent: this.agent });
    if (reply.outcome !== '200' || !reply.body.includes(`"data":[${value},0.5]`)) this.failures += 1;
    return reply;
  }

  /** Times of so many requests, some at a time. */
  async load(requests: number): Promise<number[]> {
    const times: number[] = [];
    const lane = async (): Promise<void> => {
      for (let turn = 0; turn < requests / LANES; turn += 1) times.push((await this.ask()).ms);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return times;
  }

  /** Runs of the model for equal requests at the same time. */
  async runsForEqual(): Promise<number> {
    const before = await this.runs();
    const value = (this.next += 1);
    await Promise.all(Array.from({ length: EQUAL }, () => this.ask(value)));
    return (await this.runs()) - before;
  }

  /** Milliseconds until the breaker is in a state, while requests come. */
  async breaker(state: number): Promise<number> {
    const began = performance.now();
    for (;;) {
      const found = (await Metrics.of(this.metrics)).sum(METRICS.responseCacheBreaker.name);
      const took = performance.now() - began;
      if (found === state || took > PATIENCE_MS) return took;
      await this.ask();
      await delay(5);
    }
  }

  private async runs(): Promise<number> {
    return (await Metrics.of(this.metrics)).sum(`${METRICS.computeDuration.name}_count`);
  }
}

interface Told {
  readonly fault: Fault;
  readonly opened: number;
  readonly closed: number;
  readonly runs: number;
  readonly added: number;
}

/** One fault, from a store that is well to one that is well again. */
async function tryFault(
  store: RespServer,
  ours: Client,
  control: Client,
  requests: number,
  fault: Fault,
): Promise<Told> {
  await begin(store, fault);
  // Both at the same time: what the machine does besides befalls both.
  const [opened, times, others] = await Promise.all([
    ours.breaker(BREAKER.open),
    ours.load(requests),
    control.load(requests),
  ]);
  const runs = await ours.runsForEqual();
  await end(store, fault);
  const closed = await ours.breaker(BREAKER.closed);
  return { fault, opened, closed, runs, added: quantile(times, 0.99) - quantile(others, 0.99) };
}

/** The store that servers share answers in is away, slow, deaf or out of its mind. */
export const responseCache: FaultCase = {
  id: 'R-21',
  what: 'second level of the response cache: away, slow by 2 s, half open, wrong replies',
  limit: { scaled: 60, full: 300 },
  run: async (bench) => {
    const requests = bench.count('requests for each fault', 100, 4_000);
    const store = new RespServer();
    await store.listen();
    bench.after(() => store.stop());
    const settings = tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' });
    const [ours, control] = await Promise.all([
      Client.of(bench, { ...settings, responseCacheUrl: store.url }),
      Client.of(bench, settings),
    ]);
    await ours.breaker(BREAKER.closed);
    await Promise.all([ours.load(requests), control.load(requests)]);
    bench.atLeast('answers kept in the store while it is well', store.sets, requests / 2);
    for (const fault of FAULTS) {
      if (bench.over) return;
      const { opened, closed, runs, added } = await tryFault(store, ours, control, requests, fault);
      bench.atMost(`${fault}: breaker opens after ms`, opened, OPENS_MS);
      bench.atMost(`${fault}: breaker closes again after ms`, closed, PATIENCE_MS / 2);
      bench.equal(`${fault}: runs for ${EQUAL} equal requests`, runs, 1);
      bench.timing(`${fault}: added p99 ms`, added, ADDED_MS);
    }
    bench.equal('requests that failed or were answered wrong', ours.failures + control.failures, 0);
  },
};

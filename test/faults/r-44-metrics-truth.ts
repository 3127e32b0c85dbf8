import { setTimeout as delay } from 'node:timers/promises';
import { inferPath, METRICS } from '../../runtime/contract';
import { GrpcClient } from '../runtime/support/grpc-client';
import { pickyModel } from '../runtime/support/models';
import type { FaultCase } from './support/case';
import { Metrics } from './support/metrics';
import { loopBody, TINY_BODY, tinyStore, turnsFor, withLoop } from './support/models';
import { until } from './support/proc';
import { KEY, Server } from './support/servers';
import { keepAlive, send } from './support/traffic';
import type { Reply } from './support/traffic';

const RUN_MS = 150;
const QUEUE = 4;

/** gRPC statuses as the counter has them. */
const HTTP_OF: Readonly<Record<number, string>> = { 3: '400', 5: '404', 16: '401' };

type Log = Map<string, number>;

const note = (log: Log, model: string, code: string): void => {
  const key = `${model} ${code}`;
  log.set(key, (log.get(key) ?? 0) + 1);
};

/** Everything that can become of a request, a few times each, beside one another; and what the counters say then. */
export const metricsTruth: FaultCase = {
  id: 'R-44',
  what: 'counters against the log of the clients',
  limit: { scaled: 60, full: 300 },
  run: async (bench) => {
    const rounds = bench.count('rounds', 10, 200);
    const store = withLoop(tinyStore(bench.folder)).push('picky', '1', pickyModel());
    const pinned = ['tiny', 'loop', 'picky'].map((name) => ({ name, load: 'pinned' as const }));
    const settings = {
      ...store.serving(...pinned),
      grpcPort: '0',
      workers: '1',
      threads: '1',
      maxQueueSize: String(QUEUE),
    };
    const limited = { id: 'limited', key: 'limited-key', scopes: ['infer'], limits: { ratePerSecond: 1, burst: 1 } };
    const server = await Server.ready(settings, {
      keys: [limited, { id: 'reader', key: 'read-key', scopes: ['read'] }],
    });
    const { http: port, metrics, grpc } = await server.ports();
    const turns = await turnsFor(port, RUN_MS);
    const agent = keepAlive();
    const client = GrpcClient.inference(grpc);
    bench.after(() => agent.destroy());
    bench.after(() => client.close());
    const before = await Metrics.of(metrics);
    const log: Log = new Map();
    const one = async (model: string, body: string, more: Partial<Parameters<typeof send>[0]> = {}): Promise<Reply> => {
      const reply = await send({ port, path: inferPath(model), body, agent, ...more });
      return reply;
    };
    const counted = async (model: string, body: string, more?: Partial<Parameters<typeof send>[0]>): Promise<void> =>
      note(log, model, (await one(model, body, more)).outcome);
    const remote = async (model: string, key = KEY): Promise<void> => {
      const input = { name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2.5] } };
      const code = await client
        .call('ModelInfer', { model_name: model, inputs: [input] }, { authorization: `Bearer ${key}` })
        .then(
          () => '200',
          (error: { readonly code: number }) => HTTP_OF[error.code] ?? `gRPC ${error.code}`,
        );
      // A call of nobody is refused before its message is read: it names no model.
      note(log, model === 'tiny' && code !== '401' ? model : 'other', code);
    };
    const index = (at: number): string => `{"inputs":[{"name":"index","datatype":"INT64","shape":[1],"data":[${at}]}]}`;
    /** The queue is full: some are answered, some refused; clients leave while they wait. */
    const crowd = async (): Promise<void> => {
      const leaver = new AbortController();
      const first = counted('loop', loopBody(turns));
      await delay(10);
      const waiting = one('loop', loopBody(turns), { signal: leaver.signal, agent: undefined as never });
      // It has to be in the queue: one that is refused was not cancelled.
      const depth = async (): Promise<boolean> =>
        (await Metrics.of(metrics)).sum(METRICS.queueDepth.name, { model: 'loop' }) > 0;
      await until(depth, 5_000);
      const others = Array.from({ length: QUEUE + 2 }, () => counted('loop', loopBody(1)));
      leaver.abort();
      const { outcome } = await waiting;
      note(log, 'loop', /^\d+$/.test(outcome) ? outcome : '499');
      await Promise.all([first, ...others]);
    };
    for (let round = 0; round < rounds && !bench.over; round += 1) {
      await Promise.all([
        counted('tiny', TINY_BODY),
        counted('tiny', TINY_BODY, { key: 'wrong-key' }),
        counted('tiny', TINY_BODY, { key: 'read-key' }),
        counted('tiny', TINY_BODY, { key: 'limited-key' }),
        counted('tiny', TINY_BODY, { key: 'limited-key' }),
        counted('tiny', '{"inputs":'),
        counted('tiny', TINY_BODY.replace('FP32', 'FP64')),
        counted('tiny', TINY_BODY, { headers: { 'content-type': 'text/csv' } }),
        counted('tiny', ' '.repeat(9_000_000)),
        counted('picky', index(0)),
        counted('picky', index(7)),
        remote('tiny'),
        remote('unknown'),
        remote('tiny', 'wrong-key'),
        crowd(),
      ]);
      const name = `stranger-${round}`;
      const { outcome } = await one(name, TINY_BODY);
      note(log, 'other', outcome);
    }
    const wrong: string[] = [];
    const agrees = async (): Promise<boolean> => {
      const now = await Metrics.of(metrics);
      wrong.length = 0;
      for (const [key, count] of log) {
        const [model = '', code = ''] = key.split(' ');
        const got =
          now.sum(METRICS.inferenceRequests.name, { model, code }) -
          before.sum(METRICS.inferenceRequests.name, { model, code });
        if (got !== count) wrong.push(`${key}: clients ${count}, counter ${got}`);
      }
      const total = now.sum(METRICS.inferenceRequests.name) - before.sum(METRICS.inferenceRequests.name);
      const sent = [...log.values()].reduce((sum, count) => sum + count, 0);
      if (total !== sent) wrong.push(`in all: clients ${sent}, counter ${total}`);
      return wrong.length === 0;
    };
    const right = await until(agrees, 3_000);
    bench.must('rows of the counter that differ', wrong.join(', ') || 'none', 'none', right);
    bench.atLeast('kinds of outcome', log.size, 13);
    bench.note([...log].map(([key, count]) => `${key}: ${count}`).join(', '));
  },
};

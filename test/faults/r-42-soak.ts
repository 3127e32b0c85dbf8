import { inferPath, METRICS, modelPath, PATHS } from '../../runtime/contract';
import { identityModel } from '../runtime/support/models';
import { GrpcClient } from '../runtime/support/grpc-client';
import type { FaultCase } from './support/case';
import { Metrics } from './support/metrics';
import { loopBody, TINY_BODY, tinyStore, withLoop } from './support/models';
import { openFiles, residentBytes } from './support/proc';
import { KEY, Server } from './support/servers';
import { MIB, slope } from './support/stats';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';
import type { Reply } from './support/traffic';

const RATE = 60;
const SLICES = 10;

/** Everything at once, for long. */
export const soak: FaultCase = {
  id: 'R-42',
  what: 'soak: JSON, binary, gRPC, bad requests, metadata, load and unload, metrics',
  limit: { scaled: 90, full: 4_500 },
  run: async (bench) => {
    const seconds = bench.count('seconds', 20, 3_600);
    const warmUp = bench.count('seconds of warm-up', 5, 60);
    const store = withLoop(tinyStore(bench.folder)).push('other', '1', identityModel('FP32'));
    const models = store.serving(
      { name: 'tiny', load: 'pinned' },
      { name: 'loop', load: 'pinned' },
      { name: 'other', load: 'lazy' },
    );
    const server = await Server.ready({ ...models, grpcPort: '0', workers: '1', maxBatchSize: '8' });
    const { http: port, metrics, grpc } = await server.ports();
    const agent = keepAlive(64);
    const client = GrpcClient.inference(grpc);
    bench.after(() => agent.destroy());
    bench.after(() => client.close());
    const remote = async (due: number): Promise<Reply> => {
      const input = { name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2.5] } };
      const sent = performance.now();
      const outcome = await client
        .call('ModelInfer', { model_name: 'tiny', inputs: [input] }, { authorization: `Bearer ${KEY}` })
        .then(
          () => '200',
          () => 'gRPC',
        );
      const now = performance.now();
      return { outcome, body: '', ms: now - due, serviceMs: now - sent, errorCode: undefined };
    };
    const head = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}';
    const binary = {
      body: Buffer.concat([Buffer.from(head), Buffer.alloc(8)]),
      headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) },
    };
    const tiny = inferPath('tiny');
    const verbs = ['load', 'unload'];
    const mix: readonly ((due: number, index: number) => Promise<Reply>)[] = [
      (due) => send({ port, path: tiny, body: TINY_BODY, agent, due }),
      (due) => send({ port, path: tiny, ...binary, agent, due }),
      (due) => remote(due),
      (due) => send({ port, path: inferPath('loop'), body: loopBody(500), agent, due }),
      (due) => send({ port, path: modelPath('tiny'), agent, due }),
      (due) => send({ port, path: tiny, body: TINY_BODY, due }),
    ];
    const good = new Recorder();
    const bad = new Recorder();
    const shoot = async (due: number, index: number): Promise<Reply> => {
      if (index % 30 === 0) bad.add(await send({ port, path: tiny, body: '{"inputs":[{}]}', agent }));
      if (index % 120 === 0)
        void send({ port, path: `${PATHS.repository}/models/other/${verbs[(index / 120) % 2]}`, body: '{}' });
      if (index % 60 === 0) void Metrics.of(metrics);
      const one = mix[index % mix.length];
      if (one === undefined) throw new Error('no request');
      return one(due, index);
    };
    await openLoop({ rate: RATE, seconds: warmUp, shoot, recorder: new Recorder() });
    const [memory, tails, files]: [number[], number[], number[]] = [[], [], []];
    for (let slice = 0; slice < SLICES && !bench.over; slice += 1) {
      good.mark = String(slice);
      await openLoop({ rate: RATE, seconds: seconds / SLICES, shoot, recorder: good });
      memory.push(residentBytes(server.pid) / MIB);
      files.push(openFiles(server.pid));
      tails.push(good.quantile(0.99, good.mark));
    }
    bench.equal('failed requests', good.failed('200'), 0);
    if (good.failed('200') > 0) bench.note(JSON.stringify(good.others('200')));
    bench.equal('bad requests not answered with 400', bad.failed('400'), 0);
    bench.atLeast('requests', good.replies.length, RATE * seconds * 0.9);
    // The model that comes and goes has a few descriptors; connections are kept.
    bench.atMost('spread of open files', Math.max(...files) - Math.min(...files), 12);
    bench.timing('memory per hour MiB', (slope(memory) * SLICES * 3_600) / seconds, 1);
    bench.atMost('growth of memory MiB', Math.max(...memory) - (memory[0] ?? 0), 64);
    const spread = (Math.max(...tails) - Math.min(...tails)) / (2 * Math.max(1, good.quantile(0.99)));
    bench.timing('spread of p99', spread, 0.1);
    const counted = (await Metrics.of(metrics)).sum(METRICS.inferenceRequests.name);
    bench.note(`${counted} inference requests counted`);
  },
};

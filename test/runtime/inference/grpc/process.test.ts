import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { status } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, inferPath, METRICS, MODEL_STORE, PATHS } from '../../../../runtime/contract';
import { DATATYPE_BYTES } from '../../../../runtime/inference/tensors/tensor';
import type { Datatype } from '../../../../runtime/inference/tensors/tensor';
import { GrpcClient, metadataOf } from '../../support/grpc-client';
import { FOREVER, identityModel, loopModel, pushModel } from '../../support/models';
import { KEY, ServerProcess } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';

const HEADERS = { authorization: `Bearer ${KEY}` };

/** Two elements of each datatype: typed contents where there are any, and raw bytes. */
const VALUES: Readonly<Record<Datatype, { readonly typed?: object; readonly raw: Uint8Array }>> = {
  BOOL: { typed: { bool_contents: [true, false] }, raw: Uint8Array.of(1, 0) },
  UINT8: { typed: { uint_contents: [0, 255] }, raw: Uint8Array.of(0, 255) },
  UINT16: { typed: { uint_contents: [1, 65_535] }, raw: new Uint8Array(Uint16Array.of(1, 65_535).buffer) },
  UINT32: {
    typed: { uint_contents: [1, 4_294_967_295] },
    raw: new Uint8Array(Uint32Array.of(1, 4_294_967_295).buffer),
  },
  UINT64: {
    typed: { uint64_contents: ['0', '18446744073709551615'] },
    raw: new Uint8Array(BigUint64Array.of(0n, 2n ** 64n - 1n).buffer),
  },
  INT8: { typed: { int_contents: [-128, 127] }, raw: new Uint8Array(Int8Array.of(-128, 127).buffer) },
  INT16: { typed: { int_contents: [-32_768, 32_767] }, raw: new Uint8Array(Int16Array.of(-32_768, 32_767).buffer) },
  INT32: { typed: { int_contents: [-2_147_483_648, 7] }, raw: new Uint8Array(Int32Array.of(-2_147_483_648, 7).buffer) },
  INT64: {
    typed: { int64_contents: ['-9223372036854775808', '9007199254740993'] },
    raw: new Uint8Array(BigInt64Array.of(-(2n ** 63n), 9_007_199_254_740_993n).buffer),
  },
  FP16: { raw: Uint8Array.of(0x00, 0x3c, 0x00, 0xc0) },
  FP32: { typed: { fp32_contents: [0.5, -3] }, raw: new Uint8Array(Float32Array.of(0.5, -3).buffer) },
  FP64: { typed: { fp64_contents: [0.1, -1e300] }, raw: new Uint8Array(Float64Array.of(0.1, -1e300).buffer) },
  BYTES: {
    typed: { bytes_contents: [Buffer.from('grüße'), Buffer.from('')] },
    raw: Buffer.concat([Uint8Array.of(7, 0, 0, 0), Buffer.from('grüße'), Uint8Array.of(0, 0, 0, 0)]),
  },
};
const DATATYPES = Object.keys(DATATYPE_BYTES) as Datatype[];

let store: string;
let server: ServerProcess | undefined;
const clients: GrpcClient[] = [];

beforeAll(() => {
  store = temporaryFolder();
  for (const datatype of DATATYPES) {
    pushModel(store, datatype.toLowerCase(), '1', { [MODEL_STORE.model]: identityModel(datatype) });
  }
});

afterEach(async () => {
  clients.splice(0).forEach((client) => client.close());
  await server?.dispose();
  server = undefined;
});

afterAll(() => fs.rmSync(store, { recursive: true }));

async function start(datatype: Datatype, more: Record<string, string> = {}): Promise<GrpcClient> {
  const modelUri = pathToFileURL(store).href;
  server = ServerProcess.start({
    ...{ modelName: datatype.toLowerCase(), modelVersion: '1', modelUri, grpcPort: '0' },
    ...more,
  });
  await server.ready();
  const client = GrpcClient.inference(Number((await server.line('listening'))['grpc']));
  clients.push(client);
  return client;
}

/** A stream of inferences, and how it ends. */
function streamOf(client: GrpcClient) {
  const method = Reflect.get(client.raw, 'ModelStreamInfer') as (
    ...args: unknown[]
  ) => ClientDuplexStream<object, object>;
  const call = method.call(client.raw, metadataOf(HEADERS));
  const answers: object[] = [];
  call.on('data', (answer: object) => answers.push(answer));
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    call.on('error', resolve);
    call.on('end', () => resolve(undefined));
  });
  return { call, answers, ended };
}

describe('a model in a process of its own, over gRPC', () => {
  it.each(['INT64', 'BYTES', 'FP16', 'BOOL', 'UINT8'] as const)(
    'gives %s back bit by bit, typed and raw',
    async (datatype) => {
      const client = await start(datatype);
      const { typed, raw } = VALUES[datatype];
      const input = { name: 'x', datatype, shape: ['1', '2'] };
      const model = { model_name: datatype.toLowerCase() };
      const given = await client.call('ModelInfer', { ...model, inputs: [input], raw_input_contents: [raw] }, HEADERS);
      expect(given['raw_output_contents']).toEqual([Buffer.from(raw)]);
      if (typed === undefined) {
        const error = await client.refused('ModelInfer', { ...model, inputs: [{ ...input, contents: {} }] }, HEADERS);
        expect(error.details).toContain('raw_input_contents only');
        return;
      }
      const inputs = [{ ...input, contents: typed }];
      expect(await client.call('ModelInfer', { ...model, inputs }, HEADERS)).toMatchObject({
        outputs: [{ name: 'y', datatype, shape: ['1', '2'], contents: typed }],
      });
    },
  );

  it('ends without losing a request of those who look at its health, over gRPC and HTTP', async () => {
    const client = await start('FP32', { drainDelay: '1.5', grace: '10' });
    const url = await server?.url();
    const health = GrpcClient.health(Number((await server?.line('listening'))?.['grpc']));
    clients.push(health);
    const inputs = [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: VALUES.FP32.typed }];
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] });
    const failures: unknown[] = [];
    let served = 0;
    let serving = true;
    const loop = async (ask: () => Promise<unknown>): Promise<void> => {
      while (serving) {
        await ask().then(
          () => (served += 1),
          (error: unknown) => failures.push(error),
        );
      }
    };
    const overHttp = async (): Promise<void> => {
      const headers = { ...HEADERS, 'content-type': 'application/json' };
      const answer = await fetch(url + inferPath('fp32'), { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      await answer.text();
    };
    const loops = [1, 2, 3, 4].map((each) =>
      loop(each % 2 ? () => client.call('ModelInfer', { model_name: 'fp32', inputs }, HEADERS) : overHttp),
    );
    await expect.poll(() => served).toBeGreaterThan(20);
    server?.signal('SIGTERM');
    const asked = async (): Promise<unknown> => (await health.call('Check', {}))['status'];
    await expect.poll(asked, { timeout: 1_400, interval: 100 }).toBe('NOT_SERVING');
    await delay(300);
    serving = false;
    await Promise.all(loops);
    expect(failures).toEqual([]);
    expect(await server?.ended()).toBe(EXIT_CODES.ok);
  });

  it('ends a stream that its client leaves open at once, and nobody waits for the grace period', async () => {
    const client = await start('FP32', { grace: '60' });
    const stream = streamOf(client);
    stream.call.write({
      model_name: 'fp32',
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: VALUES.FP32.typed }],
    });
    await expect.poll(() => stream.answers.length).toBe(1);
    const began = performance.now();
    server?.signal('SIGTERM');
    const error = await stream.ended;
    expect([error?.code, error?.metadata.get('x-error-code')]).toEqual([status.UNAVAILABLE, ['LNMT8004']]);
    expect(await server?.ended()).toBe(EXIT_CODES.ok);
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(server?.output).not.toContain('were cut');
  });

  /** The model that counts, and a way to wait until a call and a message on a stream are in flight. */
  async function startLoop(turns: bigint, grace: string) {
    pushModel(store, 'loop', '1', { [MODEL_STORE.model]: loopModel() });
    const model = { modelName: 'loop', modelVersion: '1', modelUri: pathToFileURL(store).href };
    const client = await start('INT64', { ...model, grace });
    const contents = { int64_contents: [turns.toString()] };
    const request = { model_name: 'loop', inputs: [{ name: 'turns', datatype: 'INT64', shape: ['1'], contents }] };
    const pending = async (): Promise<string> => (await fetch(`${await server?.metricsUrl()}${PATHS.metrics}`)).text();
    const inFlight = (): Promise<void> => expect.poll(pending).toContain(`\n${METRICS.pending.name} 2\n`);
    return { client, request, inFlight };
  }

  it('finishes calls and streams that are in flight, though it has sent their connection elsewhere', async () => {
    const { client, request, inFlight } = await startLoop(300_000n, '30');
    const call = client.call('ModelInfer', request, HEADERS);
    const stream = streamOf(client);
    stream.call.write(request);
    await inFlight();
    server?.signal('SIGTERM');
    expect(await call).toMatchObject({ model_name: 'loop' });
    expect((await stream.ended)?.metadata.get('x-error-code')).toEqual(['LNMT8004']);
    expect(stream.answers).toMatchObject([{ error_message: '', infer_response: { model_name: 'loop' } }]);
    expect(await server?.ended()).toBe(EXIT_CODES.ok);
  });

  it('answers calls and streams that outlive the grace period with UNAVAILABLE, and ends with 1', async () => {
    const { client, request, inFlight } = await startLoop(FOREVER, '0.3');
    const call = client.refused('ModelInfer', request, HEADERS);
    const stream = streamOf(client);
    stream.call.write(request);
    await inFlight();
    server?.signal('SIGTERM');
    const { code, metadata } = await call;
    expect([code, metadata.get('x-error-code'), metadata.get('retry-after')]).toEqual([
      status.UNAVAILABLE,
      ['LNMT8004'],
      ['1'],
    ]);
    expect((await stream.ended)?.code).toBe(status.UNAVAILABLE);
    expect(stream.answers).toMatchObject([{ error_message: '[LNMT8004] the server is draining; repeat later' }]);
    expect(await server?.ended()).toBe(EXIT_CODES.failure);
    const service = '/inference.GRPCInferenceService';
    const { requests } = (await server?.line('requests in flight were cut')) as { requests: { route: string }[] };
    expect(requests.map(({ route }) => route).sort()).toEqual([`${service}/ModelInfer`, `${service}/ModelStreamInfer`]);
    expect(requests).toMatchObject([{ model: 'loop' }, { model: 'loop' }]);
  });
});

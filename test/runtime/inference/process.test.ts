import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { DIGITS_MODEL, DIGITS_TENSORS, loadDigits, PIXELS } from '../../../examples/quickstart/digits';
import {
  API_KEYS_FILE,
  inferPath,
  METRICS,
  MODEL_STORE,
  modelPath,
  modelStorePath,
  PATHS,
} from '../../../runtime/contract';
import { ownCodeRange } from '../../../runtime/inference/host/memory';
import { find } from '../../../runtime/shared/programs';
import { FOREVER, loopModel, pushModel } from '../support/models';
import { TINY } from '../support/text-models';
import { decoderFiles, TRAINED } from '../support/text-store';
import { isAlive, KEY, ServerProcess } from '../support/process';
import { keyFile, temporaryFolder } from '../support/temporary';

const MODELS = path.resolve(__dirname, '../../../examples/quickstart/models');
const DIGITS = {
  modelName: DIGITS_MODEL.name,
  modelVersion: DIGITS_MODEL.version,
  modelUri: pathToFileURL(MODELS).href,
};
const { heldOut } = loadDigits();

const digitsRequest = (count: number): string =>
  JSON.stringify({
    inputs: [
      {
        name: DIGITS_TENSORS.input,
        datatype: 'FP32',
        shape: [count, PIXELS],
        data: heldOut.slice(0, count).flatMap(({ pixels }) => pixels),
      },
    ],
  });

const post = (url: string, body: string, key = KEY): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body });

/** How long the system may take to end a process on a machine that is busy. */
const GONE_MS = 20_000;

let store: string;
let loopStore: string;
const LOOP = { modelName: 'loop', modelVersion: '1' };

beforeAll(() => {
  store = temporaryFolder();
  pushModel(store, 'loop', '1', { [MODEL_STORE.model]: loopModel() });
  loopStore = pathToFileURL(store).href;
});

afterAll(() => fs.rmSync(store, { recursive: true }));

const loopRequest = (turns: bigint): string =>
  `{"inputs":[{"name":"turns","datatype":"INT64","shape":[1],"data":[${turns}]}]}`;

let server: ServerProcess | undefined;

afterEach(async () => {
  await server?.dispose();
  server = undefined;
});

describe('a server process', () => {
  it('serves the digits: metadata, held-out digits at 95 % accuracy, metrics, and ends with 0', async () => {
    server = ServerProcess.start(DIGITS);
    await server.ready();
    const url = await server.url();
    const metadata = await fetch(url + modelPath(DIGITS_MODEL.name), { headers: { 'x-api-key': KEY } });
    expect(await metadata.json()).toMatchObject({ name: 'digits', versions: ['3'] });
    const answer = await post(url + inferPath(DIGITS_MODEL.name), digitsRequest(heldOut.length));
    const { outputs } = (await answer.json()) as { outputs: { name: string; data: number[] }[] };
    const labels = outputs.find(({ name }) => name === DIGITS_TENSORS.label)?.data ?? [];
    const right = heldOut.filter(({ label }, index) => label === labels[index]).length;
    expect(right / heldOut.length).toBeGreaterThanOrEqual(0.95);
    const metrics = await (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();
    expect(metrics).toContain(`${METRICS.inferenceRequests.name}{model="digits",version="3",code="200"} 1`);
    server.signal('SIGTERM');
    expect(await server.ended()).toBe(0);
    // Where onnxruntime keeps the identity under which it reports to its vendor.
    expect(fs.existsSync(path.join(server.dir, '.cache'))).toBe(false);
  });

  it('follows the key file: a new key works and the old one does not, without a restart', async () => {
    server = ServerProcess.start(DIGITS);
    await server.ready();
    const url = (await server.url()) + inferPath(DIGITS_MODEL.name);
    expect((await post(url, digitsRequest(1), 'new-key')).status).toBe(401);
    expect((await post(url, digitsRequest(1))).status).toBe(200);
    const file = path.join(server.dir, 'keys', API_KEYS_FILE);
    fs.writeFileSync(file, keyFile([{ id: 'new', key: 'new-key', scopes: ['infer'] }]));
    await vi.waitFor(async () => expect((await post(url, digitsRequest(1), 'new-key')).status).toBe(200), 20_000);
    expect((await post(url, digitsRequest(1))).status).toBe(401);
  });

  it('holds the process of its model to what it leaves of the limit of its container', async () => {
    server = ServerProcess.start({ ...DIGITS, memoryLimitBytes: String(2 ** 30) });
    await server.ready();
    const { pid, memory } = await server.line('model host ready');
    expect(memory).toBe('hard');
    const limits = fs.readFileSync(`/proc/${String(pid)}/limits`, 'utf8');
    expect(Number(/^Max data size +(\d+)/m.exec(limits)?.[1]) - ownCodeRange()).toBe(2 ** 30 - 384 * 2 ** 20);
  });

  it('loses no request when it is ended under load, and its last answers close their connections', async () => {
    server = ServerProcess.start({ ...DIGITS, drainDelay: '1' });
    await server.ready();
    const url = await server.url();
    const body = digitsRequest(4);
    const outcomes: string[] = [];
    let routed = true;
    const balancer = (async () => {
      for (; routed; await delay(50)) routed = (await fetch(url + PATHS.ready).catch(() => ({ ok: false }))).ok;
    })();
    const client = async (): Promise<void> => {
      while (routed) {
        const outcome = await post(url + inferPath(DIGITS_MODEL.name), body).then(
          async (answer) => (await answer.arrayBuffer(), String(answer.status)),
          String,
        );
        outcomes.push(outcome);
      }
    };
    const clients = Array.from({ length: 8 }, client);
    await expect.poll(() => outcomes.length).toBeGreaterThan(8 * 3);
    server.signal('SIGTERM');
    await Promise.all([balancer, ...clients]);
    expect(await server.ended()).toBe(0);
    expect(outcomes.filter((outcome) => outcome !== '200')).toEqual([]);
  });

  it('finishes what is in flight after its listener closed', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore });
    await server.ready();
    const url = (await server.url()) + inferPath('loop');
    let answered = false;
    const answer = post(url, loopRequest(500_000n)).finally(() => (answered = true));
    await delay(50);
    server.signal('SIGTERM');
    await server.line('draining');
    expect(answered).toBe(false);
    expect((await answer).status).toBe(200);
    expect(await server.ended()).toBe(0);
  });

  it('finishes what is in flight when a terminal interrupts it together with its host', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore });
    await server.ready();
    const answer = post((await server.url()) + inferPath('loop'), loopRequest(500_000n));
    await delay(50);
    server.interruptGroup();
    expect((await answer).status).toBe(200);
    expect(await server.ended()).toBe(0);
  });

  it('answers 503 to a request that outlives the grace period, says which, ends with 1, and takes its host with it', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore, grace: '0.3' });
    await server.ready();
    const host = await server.hostPid();
    const asked = post((await server.url()) + inferPath('loop'), loopRequest(FOREVER));
    await delay(200);
    server.signal('SIGTERM');
    const answer = await asked;
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await answer.json()).toEqual({ error: 'the server is draining; repeat later' });
    expect(await server.ended()).toBe(1);
    const route = 'POST /v2/models/:name/infer';
    expect(await server.line('requests in flight were cut')).toMatchObject({
      cut: 1,
      requests: [{ id: expect.any(String) as string, route, model: 'loop' }],
    });
    expect(server.output).not.toContain('Promise errored');
    await vi.waitFor(() => expect(isAlive(host)).toBe(false), GONE_MS);
  });

  it('ends a stream of tokens that outlives the grace period with an event that says so', async () => {
    const size = { ...TINY, positions: 4_096, layers: 1 };
    const config = { max_position_embeddings: size.positions, eos_token_id: [] };
    pushModel(store, 'decoder', '1', decoderFiles({ size }, config));
    server = ServerProcess.start({ modelName: 'decoder', modelVersion: '1', modelUri: loopStore, grace: '0.3' });
    await server.ready();
    // Control tokens would end the answer before it has its length.
    const { added_tokens: controls } = TRAINED.document as { added_tokens: { id: number }[] };
    const logitBias = Object.fromEntries(controls.map(({ id }) => [id, -100]));
    const options = { max_tokens: 4_000, logit_bias: logitBias, stream: true };
    const body = JSON.stringify({ model: 'decoder', prompt: 'the', ...options });
    const response = await post(`${await server.url()}${PATHS.openai}/completions`, body);
    const reader = response.body?.getReader();
    let text = Buffer.from((await reader?.read())?.value ?? []).toString();
    const host = await server.hostPid();
    // Stands still in the middle of its answer.
    process.kill(host, 'SIGSTOP');
    server.signal('SIGTERM');
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
      text += Buffer.from(part.value).toString();
    }
    const last = text.trim().split('\n\n').at(-1)?.replace('data: ', '') ?? '';
    expect(JSON.parse(last)).toMatchObject({ error: { code: 'LNMT8004', type: 'server_error' } });
    expect(await server.ended()).toBe(1);
    expect(await server.line('requests in flight were cut')).toMatchObject({
      requests: [{ route: `POST ${PATHS.openai}/completions`, model: 'decoder' }],
    });
    await vi.waitFor(() => expect(isAlive(host)).toBe(false), GONE_MS);
  });

  it('ends at once at a second signal, with 0 where nothing was open', async () => {
    server = ServerProcess.start({ ...DIGITS, drainDelay: '60' });
    await server.ready();
    server.signal('SIGTERM');
    await server.line('draining');
    server.signal('SIGTERM');
    expect(await server.ended()).toBe(0);
  });

  it('runs again what its host lost, on the host that replaces it, unless that takes more than a second', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore });
    await server.ready();
    const answer = post((await server.url()) + inferPath('loop'), loopRequest(2_000_000n));
    await delay(200);
    const killed = Date.now();
    process.kill(await server.hostPid(), 'SIGKILL');
    const { status } = await answer;
    const tookMs = Number((await server.line('model host ready', 2))['time']) - killed;
    expect([200, 503]).toContain(status);
    if (tookMs < 900) expect(status).toBe(200);
    if (tookMs > 2_000) expect(status).toBe(503);
  });

  it('answers 503 to what lost two hosts, and serves others again', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore });
    await server.ready();
    const url = await server.url();
    const answer = post(url + inferPath('loop'), loopRequest(FOREVER));
    for (const host of [1, 2]) {
      const pid = await server.hostPid(host);
      await delay(200);
      process.kill(pid, 'SIGKILL');
    }
    const lost = await answer;
    expect([lost.status, lost.headers.get('retry-after')]).toEqual([503, '1']);
    await server.hostPid(3);
    expect((await post(url + inferPath('loop'), loopRequest(5n))).status).toBe(200);
  });

  it('answers health at once while the model runs, and 504 when the run is too long', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore, runTimeout: '2' });
    await server.ready();
    const url = await server.url();
    const seen: string[] = [];
    const answer = post(url + inferPath('loop'), loopRequest(FOREVER)).finally(() => seen.push('run'));
    await delay(200);
    for (let probe = 0; probe < 3; probe += 1) {
      expect((await fetch(url + PATHS.live)).status).toBe(200);
      seen.push('live');
    }
    expect((await answer).status).toBe(504);
    expect(seen).toEqual(['live', 'live', 'live', 'run']);
  });

  it('leaves no orphan when it is killed, even while its host is inside a run', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore });
    await server.ready();
    const host = await server.hostPid();
    void post((await server.url()) + inferPath('loop'), loopRequest(FOREVER)).catch(() => undefined);
    await delay(200);
    expect(isAlive(host)).toBe(true);
    server.signal('SIGKILL');
    await server.ended();
    await vi.waitFor(() => expect(isAlive(host)).toBe(false), GONE_MS);
  });

  it('leaves no orphan when it is killed while its host cannot do anything', async (context) => {
    if (find('setpriv', process.env['PATH'] ?? '') === undefined) return context.skip('this system has no setpriv');
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore, hostMemoryBytes: String(2 ** 32) });
    await server.ready();
    const host = await server.hostPid();
    process.kill(host, 'SIGSTOP');
    server.signal('SIGKILL');
    await server.ended();
    try {
      await vi.waitFor(() => expect(isAlive(host)).toBe(false), GONE_MS);
    } finally {
      if (isAlive(host)) process.kill(host, 'SIGKILL');
    }
  });

  it('does not run what nobody waits for', async () => {
    server = ServerProcess.start({ ...LOOP, modelUri: loopStore, runTimeout: '1' });
    await server.ready();
    const url = await server.url();
    const first = post(url + inferPath('loop'), loopRequest(FOREVER));
    await delay(100);
    const request = http.request(url + inferPath('loop'), { method: 'POST', headers: { 'x-api-key': KEY } });
    request.on('error', () => undefined);
    request.end(loopRequest(FOREVER));
    await delay(200);
    request.destroy();
    expect((await first).status).toBe(504);
    await server.hostPid(2);
    expect((await post(url + inferPath('loop'), loopRequest(1n))).status).toBe(200);
    const metrics = await (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();
    expect(metrics).toContain('lnmt_inference_requests_total{model="loop",version="1",code="499"} 1');
    expect(metrics).toContain('lnmt_inference_compute_duration_seconds_count{model="loop",version="1"} 2');
  });

  it('answers what is not HTTP with a plain 400, and closes', async () => {
    server = ServerProcess.start(DIGITS);
    const { port } = new URL(await server.url());
    const socket = net.connect(Number(port), '127.0.0.1');
    socket.end('nonsense\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text).toContain('{"error":"the request cannot be read"}');
  });
});

describe('a server process that cannot serve', () => {
  it('is alive, not started and not ready while its store cannot be reached, tries again, and ends with 0', async () => {
    server = ServerProcess.start({
      ...DIGITS,
      modelUri: 's3://bucket',
      s3Endpoint: 'http://127.0.0.1:9',
      s3AccessKeyId: 'id',
      s3SecretAccessKey: 'secret',
    });
    const url = await server.url();
    await server.line('model not loaded, trying again');
    const status = async (probe: string): Promise<number> => (await fetch(url + probe)).status;
    expect([await status(PATHS.live), await status(PATHS.startup), await status(PATHS.ready)]).toEqual([200, 503, 503]);
    const answer = await post(url + inferPath(DIGITS_MODEL.name), digitsRequest(1));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect(server.output).toContain('LNMT8304');
    server.signal('SIGTERM');
    expect(await server.ended()).toBe(0);
  });

  it('refuses a wrong configuration with exit code 2 and every problem at once', async () => {
    server = ServerProcess.start({ modelName: '../etc', httpPort: 'http', executionProvider: 'tpu' });
    expect(await server.ended()).toBe(2);
    for (const name of ['LNMT_MODEL_VERSION', 'LNMT_MODEL_URI', 'LNMT_HTTP_PORT', 'LNMT_EXECUTION_PROVIDER']) {
      expect(server.output).toContain(name);
    }
  });

  it('refuses a GPU that its execution provider would pass over, with exit code 2', async () => {
    server = ServerProcess.start({ ...DIGITS, executionProvider: 'webgpu', gpuIndex: '1' });
    expect(await server.ended()).toBe(2);
    expect(server.output).toContain('LNMT8101');
    expect(server.output).toContain('LNMT_GPU_INDEX is 1, and LNMT_EXECUTION_PROVIDER webgpu takes the first GPU');
  });

  it('refuses to be reached by others without authentication, unless it is told why', async () => {
    server = ServerProcess.start({ ...DIGITS, auth: 'none', bindAddress: '0.0.0.0' });
    expect(await server.ended()).toBe(2);
    expect(server.output).toContain('LNMT_AUTH_NONE_REASON');
    await server.dispose();
    server = ServerProcess.start({ ...DIGITS, auth: 'none', bindAddress: '0.0.0.0', authNoneReason: 'a demo' });
    await server.ready();
    expect(server.output).toContain('"level":"warn"');
    expect(server.output).toContain('a demo');
    expect((await fetch((await server.url()) + PATHS.server)).status).toBe(200);
  });

  it('refuses to start without a key file, with exit code 2', async () => {
    server = ServerProcess.start({ ...DIGITS, apiKeysDir: '/nonexistent' });
    expect(await server.ended()).toBe(2);
    expect(server.output).toContain('the API-key file cannot be used');
  });

  it('refuses a model whose file was changed after it was pushed, with exit code 1', async () => {
    const changed = temporaryFolder();
    pushModel(changed, 'loop', '1', { [MODEL_STORE.model]: loopModel() });
    const file = path.join(changed, modelStorePath('loop', '1', MODEL_STORE.model));
    const bytes = fs.readFileSync(file);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    fs.writeFileSync(file, bytes);
    server = ServerProcess.start({ ...LOOP, modelUri: pathToFileURL(changed).href });
    expect(await server.ended()).toBe(1);
    expect(server.output).toContain('LNMT8303');
    fs.rmSync(changed, { recursive: true });
  });
});

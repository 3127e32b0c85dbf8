import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inferPath, METRICS, modelPath, MODEL_STORE, PATHS } from '../../../../runtime/contract';
import { identityModel, pushModel } from '../../support/models';
import { isAlive, KEY, ServerProcess } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';

const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
const REQUEST = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] });
const GRAPH = { [MODEL_STORE.model]: identityModel('FP32') };

describe('a server process with several models', () => {
  let dir: string;
  let store: string;
  let server: ServerProcess;
  let url: string;

  beforeEach(() => {
    dir = temporaryFolder();
    store = path.join(dir, 'store');
    pushModel(store, 'first', '1', GRAPH);
    pushModel(store, 'second', '7', GRAPH);
    const triton = path.join(store, 'third');
    fs.mkdirSync(path.join(triton, '1'), { recursive: true });
    fs.writeFileSync(path.join(triton, '1', MODEL_STORE.model), identityModel('FP32'));
    fs.writeFileSync(path.join(triton, 'config.pbtxt'), 'platform: "onnxruntime_onnx"\nmax_batch_size: 4\n');
  });

  afterEach(async () => {
    await server.dispose();
    fs.rmSync(dir, { recursive: true });
  });

  async function start(models: readonly object[], more: object = {}): Promise<void> {
    const file = path.join(dir, 'models.json');
    fs.writeFileSync(file, JSON.stringify({ models }));
    server = ServerProcess.start({ modelsFile: file, modelRepository: `file://${store}`, ...more });
    await server.ready();
    url = await server.url();
  }

  const infer = (name: string, version?: string): Promise<Response> =>
    fetch(url + inferPath(name, version), { method: 'POST', headers, body: REQUEST });
  const manage = (what: string, body?: string): Promise<Response> =>
    fetch(`${url}${PATHS.repository}/${what}`, { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
  const ready = (name: string): Promise<number> =>
    fetch(`${url}${modelPath(name)}/ready`, { headers }).then(({ status }) => status);
  const metrics = async (): Promise<string> => (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();

  it('serves one that is pinned at once, the others from their first request, in both layouts', async () => {
    await start([{ name: 'first', load: 'pinned', aliases: { canary: '1' } }]);
    for (const name of ['second', 'third']) await expect.poll(() => ready(name)).toBe(200);
    const described = (await (await fetch(url + modelPath('third'), { headers })).json()) as object;
    expect(described).toEqual({
      ...{ name: 'third', versions: ['1'], platform: 'onnxruntime_onnx' },
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    });
    for (const [name, version] of [
      ['first', 'canary'],
      ['second', '7'],
      ['third', undefined],
    ] as const) {
      const answer = await infer(name, version);
      expect([answer.status, await answer.json()]).toMatchObject([200, { model_name: name }]);
    }
    expect((await infer('fourth')).status).toBe(404);
    expect(await metrics()).toContain(`${METRICS.modelReady.name}{model="third",version="1"} 1`);
  });

  it('loads a new version under load without a failed request, and ends the old host', async () => {
    await start([{ name: 'first', load: 'pinned' }]);
    const old = await server.hostPid();
    const outcomes: string[] = [];
    let asking = true;
    const client = async (): Promise<void> => {
      while (asking) {
        const answer = await infer('first');
        const { model_version: version } = (await answer.json()) as { model_version?: string };
        outcomes.push(`${answer.status} ${version}`);
        await delay(2);
      }
    };
    const clients = [client(), client(), client()];
    pushModel(store, 'first', '2', GRAPH);
    expect((await manage('models/first/load')).status).toBe(200);
    await delay(100);
    pushModel(store, 'first', '3', { [MODEL_STORE.model]: Buffer.from('no model') });
    const refused = await manage('models/first/load');
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: expect.stringContaining('LNMT8321') as string },
    ]);
    await delay(100);
    asking = false;
    await Promise.all(clients);
    expect(new Set(outcomes)).toEqual(new Set(['200 1', '200 2']));
    await expect.poll(() => isAlive(old)).toBe(false);
  });

  it('tells its models and their states, loads and unloads them, and refuses other parameters', async () => {
    await start([{ name: 'first', load: 'pinned' }]);
    await expect.poll(() => ready('second')).toBe(200);
    expect((await manage('models/second/load', '{}')).status).toBe(200);
    expect((await manage('models/second/load', '{"parameters": null}')).status).toBe(200);
    expect((await manage('models/second/unload', '{"parameters": {"unload_dependents": true}}')).status).toBe(200);
    expect((await infer('second')).status).toBe(404);
    expect(await (await manage('index', '{"ready": null}')).json()).toContainEqual({
      name: 'second',
      version: '7',
      state: 'UNAVAILABLE',
      reason: 'unloaded',
    });
    expect(await (await manage('index', '{"ready": true}')).json()).toContainEqual({
      name: 'first',
      version: '1',
      state: 'READY',
      reason: '',
    });
    expect((await manage('models/first/unload')).status).toBe(409);
    expect((await manage('models/first/load', '{"parameters": {"config": "{}"}}')).status).toBe(400);
    expect((await manage('models/..%2fetc/load')).status).toBe(404);
    expect((await manage('models/absent/load')).status).toBe(404);
    expect((await manage('models/second/load')).status).toBe(200);
    expect((await infer('second')).status).toBe(200);
  });

  it('keeps to its memory: what is needed comes, what was used longest ago goes', async () => {
    await start([], { modelMemoryBytes: String(220 * 2 ** 20) });
    for (let turn = 0; turn < 2; turn += 1) {
      for (const name of ['first', 'second', 'third']) {
        await expect.poll(() => ready(name)).toBe(200);
        expect((await infer(name)).status).toBe(200);
      }
    }
    const text = await metrics();
    const total = [...text.matchAll(new RegExp(`^${METRICS.hostMemory.name}\\{.*\\} (\\d+)`, 'gm'))].map(([, bytes]) =>
      Number(bytes),
    );
    expect(total.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(1.05 * 220 * 2 ** 20);
    expect(text).toMatch(new RegExp(`^${METRICS.modelEvictions.name}\\{.*\\} [1-9]`, 'm'));
  });

  it('starts from its cache when the repository is gone, and says so', async () => {
    const cache = { modelCacheDir: path.join(dir, 'kept') };
    await start([{ name: 'first', load: 'pinned' }], cache);
    await server.dispose();
    fs.chmodSync(store, 0);
    fs.renameSync(store, `${store}-gone`);
    fs.writeFileSync(store, 'no folder');
    await start([{ name: 'first', load: 'pinned' }], cache);
    expect((await infer('first')).status).toBe(200);
    expect(await metrics()).toContain(`${METRICS.modelOffline.name}{model="first",version="1"} 1`);
    fs.rmSync(store);
    fs.renameSync(`${store}-gone`, store);
    fs.chmodSync(store, 0o755);
  });
});

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { inferPath, METRICS, MODEL_STORE, PATHS } from '../../runtime/contract';
import type { EnvSettings, INFERENCE_ENV } from '../../runtime/contract';
import { identityModel, pushModel } from '../runtime/support/models';
import { KEY, ServerProcess } from '../runtime/support/process';
import { azure, gcs, oci, s3 } from './object-stores/stores';
import type { RealStore } from './object-stores/stores';
import { waitFor } from './processes';
import { Skip } from './suite';
import type { Checks, Suite } from './suite';

type Settings = EnvSettings<typeof INFERENCE_ENV>;

const STORES: Readonly<Record<string, (checks: Checks) => Promise<RealStore>>> = {
  'S3 (moto)': s3,
  'Azure Blob Storage (Azurite)': azure,
  'Google Cloud Storage (emulator)': gcs,
  'a registry (distribution)': oci,
};
/** Of a file beside the graph: more than comes in one piece. */
const WEIGHTS_BYTES = 9 * 2 ** 20;
const HEADERS = { 'x-api-key': KEY, 'content-type': 'application/json' } as const;

/** The files of a version below the store's folder, its manifest last, or without one. */
function filesOf(checks: Checks, model: string, version: string, isListed = true): ReadonlyMap<string, Uint8Array> {
  const folder = path.join(checks.folder, 'pushed');
  pushModel(folder, model, version, {
    [MODEL_STORE.model]: identityModel('FP32'),
    'data/weights.bin': randomBytes(WEIGHTS_BYTES),
  });
  const inside = path.join(model, version);
  const names = [MODEL_STORE.model, 'data/weights.bin', ...(isListed ? [MODEL_STORE.manifest] : [])];
  return new Map(names.map((name) => [path.join(inside, name), fs.readFileSync(path.join(folder, inside, name))]));
}

/** Starts a server, works with it, and ends it. */
async function withServer<T>(
  { env, settings }: RealStore,
  own: Settings,
  work: (url: string, server: ServerProcess) => Promise<T>,
): Promise<T> {
  const server = ServerProcess.start({ ...settings, ...own }, env);
  try {
    await server.ready();
    return await work(await server.url(), server);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${server.output.slice(-2_000)}`, { cause: error });
  } finally {
    await server.dispose();
  }
}

/** Holds an answer of a model to what it must be, once it is ready: those of a repository are loaded when they are asked for. */
async function answers(url: string, model: string, version?: string): Promise<void> {
  const ready = `${url}${PATHS.models}/${model}/ready`;
  await waitFor(`${model} to be ready`, 20_000, async () => (await fetch(ready, { headers: HEADERS })).ok);
  const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [7, 0.5] }] });
  const response = await fetch(url + inferPath(model, version), { method: 'POST', headers: HEADERS, body });
  const text = await response.text();
  if (response.status !== 200 || !text.includes('"data":[7,0.5]'))
    throw new Error(`${model}: ${response.status} ${text}`);
}

async function offline(server: ServerProcess, model: string): Promise<string | undefined> {
  const text = await (await fetch(`${await server.metricsUrl()}${PATHS.metrics}`)).text();
  const isIt = (line: string): boolean =>
    line.startsWith(`${METRICS.modelOffline.name}{`) && line.includes(`"${model}"`);
  return text.split('\n').find(isIt)?.split(' ').at(-1);
}

async function checkStore(checks: Checks, name: string, store: RealStore): Promise<void> {
  const cache = path.join(checks.folder, `cache-${name.replace(/\W/g, '')}`);
  await store.push(filesOf(checks, 'listed', '1'));
  await store.push(filesOf(checks, 'plain', '1', false));
  const isRegistry = store.uri.startsWith('oci:');
  // A registry does not say which repositories it holds: there one model has a name, and a version.
  const which: Settings = isRegistry
    ? { modelName: 'plain', modelVersion: '1', modelUri: store.uri }
    : { modelRepository: store.uri };
  const models = isRegistry ? ['plain'] : ['listed', 'plain'];
  const own = { ...which, modelCacheDir: cache };
  await checks.check(`${name}: models are served, with a manifest and without`, () =>
    withServer(store, own, async (url, server) => {
      for (const model of models) await answers(url, model);
      if ((await offline(server, 'plain')) !== '0') throw new Error('it says that the store is away');
    }),
  );
  if (!isRegistry)
    await checks.check(`${name}: a version that comes is taken when the model is loaded anew`, () =>
      withServer(store, own, async (url) => {
        await store.push(filesOf(checks, 'listed', '2'));
        const load = await fetch(`${url}${PATHS.repository}/models/listed/load`, { method: 'POST', headers: HEADERS });
        if (!load.ok) throw new Error(`load: ${load.status} ${await load.text()}`);
        await answers(url, 'listed', '2');
      }),
    );
  await store.daemon.stop();
  await checks.check(`${name}: a server starts from its cache while the store is away`, () =>
    withServer(store, own, async (url, server) => {
      for (const model of models) await answers(url, model);
      if ((await offline(server, 'plain')) !== '1') throw new Error('it does not say that the store is away');
    }),
  );
}

/** Models out of the stores of others, by the clients that a server loads for them. */
export const objectStores: Suite = {
  name: 'object-stores',
  timeoutMinutes: 12,
  run: async (checks) => {
    for (const [name, open] of Object.entries(STORES)) {
      try {
        await checkStore(checks, name, await open(checks));
      } catch (error) {
        if (!(error instanceof Skip)) throw error;
        checks.skip(name, error.message);
      }
    }
  },
};

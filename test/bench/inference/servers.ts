import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  API_KEYS_FILE,
  inferPath,
  INFERENCE_ENV,
  INFERENCE_NODE_FLAGS,
  MODEL_STORE,
  modelStorePath,
  PATHS,
  renderModelManifest,
  toEnv,
} from '../../../runtime/contract';
import type { EnvSettings } from '../../../runtime/contract';
import { freePort, Group, pythonOf } from './tools';
import type { Environment } from './tools';

/** The key that `load.lua` sends. */
const KEY = 'bench-key';
const ROOT = path.resolve(__dirname, '../../..');
const WORKSPACE = path.join(ROOT, 'runtime/inference');
const PEERS = path.join(__dirname, 'peers');
const START_MS = 90_000;

const COMMON = ['numpy', 'onnxruntime'] as const;
/** Where each peer is installed. */
export const ENVIRONMENTS = {
  web: {
    name: 'web',
    packages: [
      ...COMMON,
      'onnx',
      'fastapi',
      'pydantic',
      'uvicorn[standard]',
      'orjson',
      'litserve==0.2.19',
      'ray[serve]',
    ],
  },
  mlserver: { name: 'mlserver', packages: [...COMMON, 'mlserver==1.7.1', 'uvloop==0.21.0'] },
  bentoml: { name: 'bentoml', packages: [...COMMON, 'bentoml==1.4.39', 'uvloop', 'httptools'] },
  kserve: { name: 'kserve', packages: [...COMMON, 'kserve==0.21.0'] },
} as const satisfies Record<string, Environment>;

/** A server that is up. */
export interface Running {
  readonly group: Group;
  readonly base: string;
  /** URL of its metrics. @default - nobody asks for them */
  readonly metrics?: string;
}

/** A model file and where our server finds it. */
export interface ServedModel {
  readonly name: string;
  readonly file: string;
  readonly folder: string;
}

/** What a contestant is and how it is started. */
export interface Contestant {
  readonly name: string;
  /** Path of the request. */
  readonly path: (model: string) => string;
  readonly form: 'json' | 'binary' | 'bento';
  readonly start: (model: ServedModel) => Promise<Running | undefined>;
}

async function up(group: Group, base: string, probe: string): Promise<Running | undefined> {
  if (await group.answers(base + probe, START_MS)) return { group, base };
  await group.end();
  return undefined;
}

/** Compiles our server: compiled is how it is deployed. */
export function compileOwn(): void {
  execFileSync('npm', ['run', '--silent', 'build', '--workspace', '@lnmt/inference'], { cwd: ROOT, stdio: 'inherit' });
}

/** Settings of our server for one run. */
export type OwnSettings = EnvSettings<typeof INFERENCE_ENV>;

/** A rate that is counted and never reached. */
const COUNTED_RATE = '1000000';

function prepareStore({ name, file, folder }: ServedModel): { store: string; keys: string } {
  const store = path.join(folder, 'store');
  const keys = path.join(folder, 'keys');
  const target = path.join(store, modelStorePath(name, '1', MODEL_STORE.model));
  if (!fs.existsSync(target)) {
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.linkSync(file, target);
    const content = fs.readFileSync(file);
    const row = {
      path: MODEL_STORE.model,
      sha256: createHash('sha256').update(content).digest('hex'),
      bytes: content.length,
    };
    fs.writeFileSync(path.join(store, modelStorePath(name, '1', MODEL_STORE.manifest)), renderModelManifest([row]));
  }
  fs.mkdirSync(keys, { recursive: true });
  const sha256 = createHash('sha256').update(KEY).digest('hex');
  const document = { keys: [{ id: 'bench', sha256, scopes: ['infer', 'read'] }] };
  fs.writeFileSync(path.join(keys, API_KEYS_FILE), JSON.stringify(document));
  return { store, keys };
}

async function startOwn(model: ServedModel, settings: OwnSettings): Promise<Running> {
  const { store, keys } = prepareStore(model);
  const [port, metricsPort] = [await freePort(), await freePort()];
  const env = toEnv(INFERENCE_ENV, {
    ...{ modelName: model.name, modelVersion: '1', modelUri: pathToFileURL(store).href },
    ...{ modelCacheDir: path.join(model.folder, 'cache'), apiKeysDir: keys, httpPort: String(port) },
    ...{ metricsPort: String(metricsPort), ratePerSecond: COUNTED_RATE, drainDelay: '0', ...settings },
  });
  const args = [...INFERENCE_NODE_FLAGS, path.join(WORKSPACE, 'dist/inference/main.js')];
  const group = new Group(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: model.folder, ...env },
  });
  const running = await up(group, `http://127.0.0.1:${port}`, PATHS.ready);
  if (running === undefined) throw new Error(`our server did not start: ${group.output}`);
  return { ...running, metrics: `http://127.0.0.1:${metricsPort}${PATHS.metrics}` };
}

/** Our server, as it is deployed: API keys, limits and metrics on. */
export function own(name: string, form: 'json' | 'binary', settings: OwnSettings = {}): Contestant {
  return { name, form, path: (model) => inferPath(model), start: (model) => startOwn(model, settings) };
}

interface PeerOptions {
  readonly environment: Environment;
  /** Program in the environment’s `bin`, and its arguments. */
  readonly command: (port: number) => readonly [string, ...string[]];
  readonly path?: string;
  readonly form?: Contestant['form'];
  readonly env?: Readonly<Record<string, string>>;
  readonly probe?: string;
}

/** A peer: its server from `peers/`. */
export function peer(name: string, options: PeerOptions): Contestant {
  const {
    environment,
    command,
    path: route = '/v2/models/m/infer',
    form = 'json',
    env = {},
    probe = '/docs',
  } = options;
  const start = async (model: ServedModel): Promise<Running | undefined> => {
    const python = pythonOf(environment);
    if (python === undefined) return undefined;
    const port = await freePort();
    const [program, ...args] = command(port);
    const group = new Group(path.join(path.dirname(python), program), args, {
      cwd: PEERS,
      env: {
        ...process.env,
        MODEL: model.file,
        THREADS: '1',
        RAY_USAGE_STATS_ENABLED: '0',
        BENTOML_DO_NOT_TRACK: 'True',
        ...env,
      },
    });
    return up(group, `http://127.0.0.1:${port}`, probe);
  };
  return { name, path: () => route, form, start };
}

/** What HTTP alone costs on this machine: a Fastify route that takes the same body and runs nothing. */
export const emptyPost = (form: 'json' | 'binary'): Contestant => ({
  ...{ name: `empty POST, ${form}`, form, path: () => '/' },
  start: async () => {
    const port = await freePort();
    const args = [path.join(PEERS, 'empty_post.mjs'), String(port)];
    const group = new Group(process.execPath, args, { cwd: ROOT, env: { PATH: process.env['PATH'] } });
    return up(group, `http://127.0.0.1:${port}`, '/ready');
  },
});

const uvicorn = (port: number, more: readonly string[] = []): readonly [string, ...string[]] => [
  ...(['uvicorn', 'fastapi_server:app', '--host', '127.0.0.1', '--port', String(port)] as const),
  ...['--loop', 'uvloop', '--http', 'httptools', '--no-access-log', '--log-level', 'warning', ...more],
];

const { web, mlserver, bentoml, kserve } = ENVIRONMENTS;

/** FastAPI with pydantic, as most people write it. */
export const fastapi = (threads = '1', more: readonly string[] = []): Contestant =>
  peer('FastAPI, pydantic', { environment: web, command: (port) => uvicorn(port, more), env: { THREADS: threads } });

/** FastAPI with orjson or binary tensors. */
export const tuned = (form: 'json' | 'binary'): Contestant =>
  peer(`FastAPI, ${form === 'json' ? 'orjson' : 'binary'}`, {
    environment: web,
    command: (port) => uvicorn(port),
    path: '/tuned',
    form,
  });

/** Servers that bring more than FastAPI does. */
export const others: readonly Contestant[] = [
  peer('Ray Serve', {
    environment: web,
    command: (port) => ['python', 'ray_server.py', String(port)],
    path: '/',
    probe: '/-/healthz',
  }),
  peer('MLServer', {
    environment: mlserver,
    command: (port) => ['python', 'mlserver_server.py', String(port)],
    probe: '/v2/models/m/ready',
  }),
  peer('MLServer, batch 16', {
    ...{
      environment: mlserver,
      command: (port) => ['python', 'mlserver_server.py', String(port)],
      probe: '/v2/models/m/ready',
    },
    env: { BATCH: '16' },
  }),
  peer('KServe', {
    environment: kserve,
    command: (port) => ['python', 'kserve_server.py', String(port)],
    probe: '/v2/models/m/ready',
  }),
  peer('LitServe, batch 16', {
    environment: web,
    command: (port) => ['python', 'litserve_server.py', String(port)],
    env: { BATCH: '16' },
    probe: '/health',
  }),
  peer('BentoML, batch 16', {
    ...{ environment: bentoml, path: '/predict', form: 'bento', probe: '/readyz' },
    command: (port) => ['bentoml', 'serve', 'bentoml_server:Onnx', '--host', '127.0.0.1', '--port', String(port)],
  }),
];

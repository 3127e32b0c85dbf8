import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { DIGITS_MODEL, DIGITS_TENSORS, PIXELS } from '../../examples/quickstart/digits';
import {
  API_KEYS_FILE,
  IMAGES,
  inferPath,
  INFERENCE_ENV,
  METRICS,
  PATHS,
  RUN_AS,
  VOLUMES,
} from '../../runtime/contract';
import { manifestsOf } from '../support/charts';
import { synthesizeExample } from '../support/examples';
import { listOf, objectOf, textOf } from '../support/terraform-json';
import type { JsonObject } from '../support/terraform-json';
import { ImageBuilder, needImages } from './images/build';
import { freePort, start, waitFor } from './processes';
import type { Daemon } from './processes';
import type { Checks, Suite } from './suite';
import { root } from './tools';

const TAG = 'localhost/lnmt-test/inference:1';
const KEY = 'lnmt_integration';

/** The image of the inference server, built for real, and started in its file system as the synthesized Deployment says. */
export const images: Suite = {
  name: 'images',
  timeoutMinutes: 25,
  run: async (checks: Checks) => {
    needImages();
    const builder = new ImageBuilder(checks);
    await builder.bases();
    let rootfs = '';
    const built = await checks.check(`${IMAGES.inference.dockerfile} builds`, async () => {
      rootfs = await builder.build(path.join(root, IMAGES.inference.dockerfile), TAG);
    });
    if (!built) return;
    const container = await containerOf();
    await checks.check('the image runs as the user and with the command that the manifest states', async () => {
      const { User, Cmd } = await builder.configuration(TAG);
      const command = listOf(container.spec['command']).map(textOf);
      if (User !== `${RUN_AS.user}:${RUN_AS.group}`) throw new Error(`user ${User ?? 'root'}`);
      if (JSON.stringify(Cmd) !== JSON.stringify(command))
        throw new Error(`command ${JSON.stringify(Cmd)}, the manifest says ${JSON.stringify(command)}`);
    });
    await serve(checks, rootfs, container);
  },
};

interface Container {
  readonly spec: JsonObject;
  readonly settings: Readonly<Record<string, string>>;
}

/** The container of the quickstart's endpoint and its settings, from the synthesized objects. */
async function containerOf(): Promise<Container> {
  const manifests = manifestsOf((await synthesizeExample('quickstart')).outdir).filter(({ source }) =>
    source.startsWith('onprem'),
  );
  const deployment = manifests.find(({ kind }) => kind === 'Deployment');
  const spec = objectOf(
    listOf(objectOf(objectOf(objectOf(deployment?.object['spec'])['template'])['spec'])['containers'])[0],
  );
  const name = textOf(objectOf(objectOf(listOf(spec['envFrom'])[0])['configMapRef'])['name']);
  const config = manifests.find((manifest) => manifest.kind === 'ConfigMap' && manifest.name === name);
  return { spec, settings: objectOf(config?.object['data']) as Record<string, string> };
}

async function serve(checks: Checks, rootfs: string, container: Container): Promise<void> {
  const ports = { http: await freePort(), metrics: await freePort() };
  const server = startServer(checks, rootfs, container, ports);
  const url = `http://127.0.0.1:${ports.http}`;
  const probe = async (name: string): Promise<boolean> => {
    const { path: where, port } = objectOf(objectOf(container.spec[name])['httpGet']);
    return (await fetch(`http://127.0.0.1:${ports[port as keyof typeof ports]}${textOf(where)}`)).ok;
  };
  const ready = await checks.check(
    'it starts with a read-only root and no capabilities, and its three probes answer',
    async () => {
      for (const name of ['startupProbe', 'livenessProbe', 'readinessProbe'])
        await waitFor(name, 60_000, () => {
          if (server.exitCode !== undefined) throw new Error(server.logTail());
          return probe(name);
        });
    },
  );
  if (!ready) return checks.note(server.logTail());
  await checks.check('it predicts for a caller with a key, and refuses one without', () => predict(url));
  await checks.check('it counts the requests that the autoscaler follows', async () => {
    const text = await (await fetch(`http://127.0.0.1:${ports.metrics}${PATHS.metrics}`)).text();
    if (!text.includes(`${METRICS.inferenceRequests.name}{`)) throw new Error(text.slice(0, 1000));
  });
  await checks.check('SIGTERM ends it with status 0 within its grace', async () => {
    // The program is the only child of the process that made its namespaces.
    const [child] = fs.readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ');
    process.kill(Number(child), 'SIGTERM');
    await waitFor('the end', 45_000, async () => server.exitCode !== undefined);
    if (server.exitCode !== 0) throw new Error(`exit ${server.exitCode ?? ''}\n${server.logTail()}`);
  });
}

function startServer(
  checks: Checks,
  rootfs: string,
  { spec, settings }: Container,
  ports: { readonly http: number; readonly metrics: number },
): Daemon {
  const keys = path.join(checks.folder, 'keys');
  fs.mkdirSync(keys);
  const sha256 = createHash('sha256').update(KEY).digest('hex');
  fs.writeFileSync(
    path.join(keys, API_KEYS_FILE),
    JSON.stringify({ keys: [{ id: 'test', sha256, scopes: ['infer', 'read'] }] }),
    { mode: 0o444 },
  );
  // Only what a machine without a cluster lacks is replaced: address, ports, and the store behind the model.
  const env = {
    ...settings,
    PATH: '/usr/local/bin:/usr/bin:/bin',
    NODE_ENV: 'production',
    [INFERENCE_ENV.bindAddress.name]: '127.0.0.1',
    [INFERENCE_ENV.httpPort.name]: String(ports.http),
    [INFERENCE_ENV.metricsPort.name]: String(ports.metrics),
    [INFERENCE_ENV.modelUri.name]: 'file:///models',
  };
  const mounts = [
    `${path.join(root, 'examples/quickstart/models')}=/models`,
    `${keys}=${VOLUMES.apiKeys}`,
    ...[VOLUMES.tmp, VOLUMES.modelCache].map((folder) => `tmpfs=${folder}`),
  ];
  const command = listOf(spec['command']).map(textOf);
  const nothing = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const args = [rootfs, `${RUN_AS.user}:${RUN_AS.group}`, ...mounts, '--', ...command];
  const server = start(
    'server',
    path.join(root, 'test/integration/images/enter.sh'),
    args,
    path.join(checks.folder, 'server.log'),
    { env: { ...nothing, ...env, PATH: process.env['PATH'] ?? env.PATH } },
  );
  checks.after(() => server.stop(1_000, 'SIGKILL'));
  return server;
}

async function predict(url: string): Promise<void> {
  const input = {
    name: DIGITS_TENSORS.input,
    datatype: 'FP32',
    shape: [1, PIXELS],
    data: Array<number>(PIXELS).fill(0),
  };
  const ask = (headers: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(`${url}${inferPath(DIGITS_MODEL.name)}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ inputs: [input] }),
    });
  const refused = await ask({});
  if (refused.status !== 401) throw new Error(`without a key: ${refused.status}`);
  const answer = await ask({ authorization: `Bearer ${KEY}` });
  if (!answer.ok || !(await answer.text()).includes(DIGITS_TENSORS.label))
    throw new Error(`with a key: ${answer.status}`);
}

import fs from 'node:fs';
import path from 'node:path';
import { REQUESTS_PER_SECOND_METRIC } from '../../runtime/contract';
import type { Manifest } from '../support/manifests';
import { listOf, objectOf, textOf } from '../support/terraform-json';
import { describeLoop, LOOP } from './autoscaling/description';
import { Fleet } from './autoscaling/fleet';
import { pipelinePrograms, startPipeline } from './autoscaling/metrics-pipeline';
import { Cluster } from './control-plane/cluster';
import { nodesFor } from './control-plane/nodes';
import { runOk, waitFor } from './processes';
import { noFaults } from './suite';
import type { Checks, Suite } from './suite';
import { root } from './tools';

/** Between two whole numbers of pods, so that the autoscaler's tolerance of 10 % cannot hide a pod. */
const LOAD = 4.6 * LOOP.targetPerPod;
const STEADY = Math.ceil(LOAD / LOOP.targetPerPod);

/** The autoscaling loop, closed: our server's counter, Prometheus, the adapter with our rule, our autoscaler, and back. */
export const autoscaling: Suite = {
  name: 'autoscaling',
  timeoutMinutes: 14,
  run: async (checks: Checks) => {
    pipelinePrograms();
    const { manifests, rules } = describeLoop(path.join(checks.folder, 'cdktf.out'));
    await runOk('npm', ['run', 'build', '--workspace', '@lnmt/inference'], { cwd: root });
    const cluster = await Cluster.start(checks, { autoscalerPeriodSeconds: 2 });
    await cluster.addNodes(nodesFor(manifests));
    const autoscaler = only(manifests, 'HorizontalPodAutoscaler');
    const fleet = startFleet(checks, cluster, manifests, autoscaler);
    await startPipeline(checks, cluster, fleet, rules);
    await cluster.kubectlOk(
      ['apply', '--server-side', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests.map((m) => m.object) }),
    );
    await judge(checks, cluster, fleet, autoscaler);
  },
};

async function judge(checks: Checks, cluster: Cluster, fleet: Fleet, autoscaler: Manifest): Promise<void> {
  const { namespace } = autoscaler;
  await checks.check('the first server starts as the ConfigMap says and becomes ready', () =>
    waitFor('a server', 60_000, async () => fleet.size >= LOOP.minReplicas).then(() => undefined),
  );
  fleet.requestsPerSecond = LOAD;
  await checks.check(`the synthesized rule serves ${REQUESTS_PER_SECOND_METRIC} of the pods`, async () => {
    const url = `/apis/custom.metrics.k8s.io/v1beta1/namespaces/${namespace}/pods/*/${REQUESTS_PER_SECOND_METRIC}`;
    await waitFor(
      'the metric',
      90_000,
      async () => listOf((await cluster.api.request('GET', url)).body['items']).length > 0,
    );
  });
  await checks.check(
    `${LOAD} requests a second at ${LOOP.targetPerPod} a pod make ${STEADY} pods, and they stay`,
    async () => {
      await waitFor(
        `${STEADY} servers`,
        240_000,
        async () => fleet.size === STEADY && (await replicas(cluster, autoscaler)) === STEADY,
      );
      // Younger counters under-report for a minute: what is left after it is the steady state.
      await waitFor(
        'a minute without a change',
        240_000,
        steadyFor(60, () => replicas(cluster, autoscaler), STEADY),
        1_000,
      );
    },
  );
  await checks.check('the autoscaler reads all three metrics', async () => {
    const status = await statusOf(cluster, autoscaler);
    const read = listOf(status['currentMetrics']).map(
      (metric) =>
        textOf(objectOf(objectOf(metric)['resource'])['name']) ||
        textOf(objectOf(objectOf(objectOf(metric)['pods'])['metric'])['name']),
    );
    const missing = ['cpu', 'memory', REQUESTS_PER_SECOND_METRIC].filter((name) => !read.includes(name));
    noFaults(missing.map((name) => `${name} is not read: ${JSON.stringify(status['conditions'])}`));
  });
  await checks.check('no request failed on the way', () => noFaults(fleet.failures));
  fleet.requestsPerSecond = 0;
  await checks.check(`without load it goes back to ${LOOP.minReplicas}`, () =>
    waitFor(
      'the least replicas',
      300_000,
      async () => (await replicas(cluster, autoscaler)) === LOOP.minReplicas && fleet.size === LOOP.minReplicas,
    ).then(() => undefined),
  );
}

function startFleet(checks: Checks, cluster: Cluster, manifests: readonly Manifest[], autoscaler: Manifest): Fleet {
  const folder = path.join(checks.folder, 'servers');
  fs.mkdirSync(folder);
  const deployment = textOf(objectOf(objectOf(autoscaler.object['spec'])['scaleTargetRef'])['name']);
  const template = objectOf(objectOf(only(manifests, 'Deployment').object['spec'])['template']);
  const container = objectOf(listOf(objectOf(template['spec'])['containers'])[0]);
  const configName = textOf(objectOf(objectOf(listOf(container['envFrom'])[0])['configMapRef'])['name']);
  const config = manifests.find(({ kind, name }) => kind === 'ConfigMap' && name === configName);
  const settings = objectOf(config?.object['data']) as Record<string, string>;
  const fleet = new Fleet({ api: cluster.api, folder, namespace: autoscaler.namespace, deployment, settings });
  checks.after(() => fleet.stop());
  return fleet;
}

function only(manifests: readonly Manifest[], kind: string): Manifest {
  const [found, ...more] = manifests.filter((manifest) => manifest.kind === kind);
  if (!found || more.length > 0) throw new Error(`expected one ${kind}, found ${more.length + (found ? 1 : 0)}`);
  return found;
}

async function statusOf(
  cluster: Cluster,
  { namespace, name }: Manifest,
): Promise<NonNullable<Awaited<ReturnType<typeof cluster.api.get>>>['status'] & object> {
  return (
    (await cluster.api.get(`/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/${name}`))?.status ??
    {}
  );
}

async function replicas(cluster: Cluster, autoscaler: Manifest): Promise<number> {
  return Number((await statusOf(cluster, autoscaler))['currentReplicas'] ?? 0);
}

/** A question that is answered yes once a number has stood still for some seconds. */
function steadyFor(seconds: number, ask: () => Promise<number>, expected: number): () => Promise<boolean> {
  let since = Date.now();
  return async () => {
    if ((await ask()) !== expected) since = Date.now();
    return Date.now() - since >= seconds * 1000;
  };
}

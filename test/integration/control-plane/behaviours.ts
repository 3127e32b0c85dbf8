import { setTimeout as sleep } from 'node:timers/promises';
import { GPU_TAINT } from '../../../constructs/scheduling';
import type { Manifest } from '../../support/manifests';
import { listOf as list, objectOf as object, textOf } from '../../support/terraform-json';
import type { Json, JsonObject } from '../../support/terraform-json';
import { waitFor } from '../processes';
import { noFaults } from '../suite';
import type { Checks } from '../suite';
import type { ApiObject } from './api-client';
import type { Cluster } from './cluster';
import { devicesOf } from './nodes';
import { permissions } from './permissions';

/** What the installed objects promise, held against what the control plane does. */
export async function behaviours(
  checks: Checks,
  cluster: Cluster,
  example: string,
  manifests: readonly Manifest[],
): Promise<void> {
  const of = (kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);
  const check = (what: string, count: number, body: () => Promise<void>): Promise<boolean> | undefined =>
    count === 0 ? undefined : checks.check(`${example}: ${what}`, body);
  const restricted = of('Namespace').filter(
    (m) => labelOf(m.object, 'pod-security.kubernetes.io/enforce') === 'restricted',
  );
  await check(`${restricted.length} namespace(s) refuse a privileged pod`, restricted.length, () =>
    refusePrivileged(cluster, restricted),
  );
  const deployments = of('Deployment');
  const autoscalers = of('HorizontalPodAutoscaler');
  await check(`${autoscalers.length} autoscaler(s) keep their least replicas`, autoscalers.length, () =>
    leastReplicas(cluster, autoscalers),
  );
  await check(
    `pods of ${deployments.length} Deployment(s) run where they ask to, spread as declared`,
    deployments.length,
    () => spread(cluster, deployments),
  );
  const jobs = of('Job');
  await check(`the pods of ${jobs.length} Job(s) are placed once they are let go`, jobs.length, () =>
    placeJobs(cluster, jobs),
  );
  await check('GPU nodes hold only pods with GPUs, and no more than they have', deployments.length + jobs.length, () =>
    devices(cluster),
  );
  await check(
    `${of('ResourceQuota').length} quota(s) are counted and refuse what exceeds them`,
    of('ResourceQuota').length,
    () => quotas(cluster, of('ResourceQuota')),
  );
  const budgets = of('PodDisruptionBudget');
  await check(`${budgets.length} disruption budget(s) refuse the eviction too many`, budgets.length, () =>
    evictions(cluster, budgets),
  );
  const accounts = of('ServiceAccount');
  await check(`${accounts.length} service account(s) may do what their roles say and no more`, accounts.length, () =>
    permissions(cluster, manifests),
  );
  await check('a rolling update never goes below the promised replicas', deployments.length, () =>
    rollingUpdates(cluster, deployments),
  );
}

async function refusePrivileged(cluster: Cluster, namespaces: readonly Manifest[]): Promise<void> {
  for (const { name } of namespaces) {
    const pod = {
      metadata: { name: 'privileged' },
      spec: { containers: [{ name: 'a', image: 'a', securityContext: { privileged: true } }] },
    };
    const { status, body } = await cluster.api.request('POST', `/api/v1/namespaces/${name}/pods?dryRun=All`, pod);
    if (status !== 403 || !JSON.stringify(body).includes('PodSecurity'))
      throw new Error(`${name}: a privileged pod is answered with ${status}`);
  }
}

async function leastReplicas(cluster: Cluster, autoscalers: readonly Manifest[]): Promise<void> {
  for (const { object: autoscaler, namespace } of autoscalers) {
    const spec = object(autoscaler['spec']);
    const target = textOf(object(spec['scaleTargetRef'])['name']);
    await waitFor(`${target} to have ${textOf(spec['minReplicas'])} replicas`, 60_000, async () => {
      const deployment = await cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${target}`);
      return Number(deployment?.status?.['availableReplicas'] ?? 0) >= Number(spec['minReplicas']);
    });
  }
}

async function podsOf(cluster: Cluster, manifest: Manifest): Promise<ApiObject[]> {
  const labels = object(object(object(manifest.object['spec'])['selector'])['matchLabels']);
  const selector = Object.entries(labels)
    .map(([key, value]) => `${key}=${textOf(value)}`)
    .join(',');
  const pods = await cluster.api.list(
    `/api/v1/namespaces/${manifest.namespace}/pods?labelSelector=${encodeURIComponent(selector)}`,
  );
  return pods.filter(({ metadata }) => !metadata.deletionTimestamp);
}

async function spread(cluster: Cluster, deployments: readonly Manifest[]): Promise<void> {
  const nodes = new Map((await cluster.api.list('/api/v1/nodes')).map((node) => [node.metadata.name, node]));
  const faults: string[] = [];
  for (const deployment of deployments) {
    const pods = await podsOf(cluster, deployment);
    const subject = `${deployment.namespace}/${deployment.name}`;
    const template = object(object(object(deployment.object['spec'])['template'])['spec']);
    const hosts = pods.map((pod) => textOf(pod.spec?.['nodeName']));
    for (const host of hosts)
      for (const [key, value] of Object.entries(object(template['nodeSelector'])))
        if (nodes.get(host)?.metadata.labels?.[key] !== value)
          faults.push(`${subject}: a pod runs on ${host || 'no node'}, which lacks ${key}=${textOf(value)}`);
    for (const constraint of list(template['topologySpreadConstraints']).map(object)) {
      const key = textOf(constraint['topologyKey']);
      const domains = new Set([...nodes.values()].map((node) => node.metadata.labels?.[key]));
      const counts = new Map([...domains].map((domain) => [domain, 0]));
      for (const host of hosts)
        counts.set(
          nodes.get(host)?.metadata.labels?.[key],
          (counts.get(nodes.get(host)?.metadata.labels?.[key]) ?? 0) + 1,
        );
      const used = [...counts.values()].sort((a, b) => a - b);
      const skew = (used.at(-1) ?? 0) - (pods.length >= counts.size ? (used[0] ?? 0) : 0);
      if (key === 'topology.kubernetes.io/zone' && skew > Number(constraint['maxSkew']))
        faults.push(`${subject}: skew ${skew} over ${key}: ${used.join(', ')}`);
    }
    const strict = list(
      object(object(template['affinity'])['podAntiAffinity'])['requiredDuringSchedulingIgnoredDuringExecution'],
    );
    if (strict.length > 0 && new Set(hosts).size < hosts.length)
      faults.push(`${subject}: two pods share a node in spite of anti-affinity`);
  }
  noFaults(faults);
}

/** Lets suspended jobs go, as Kueue does once there is room, and waits until each of their pods has a node. */
async function placeJobs(cluster: Cluster, jobs: readonly Manifest[]): Promise<void> {
  for (const { namespace, name, object: job } of jobs) {
    const spec = object(job['spec']);
    await cluster.api.must('PATCH', `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`, {
      spec: { suspend: false },
    });
    const wanted = Math.min(Number(spec['parallelism'] ?? 1), Number(spec['completions'] ?? Infinity));
    await waitFor(`${wanted} pod(s) of the job ${name} to have a node`, 30_000, async () => {
      const pods = await cluster.api.list(
        `/api/v1/namespaces/${namespace}/pods?labelSelector=batch.kubernetes.io/job-name=${name}`,
      );
      const unplaced = pods.flatMap(({ status }) =>
        list(status?.['conditions']).map((c) => textOf(object(c)['message'])),
      );
      if (pods.filter((pod) => pod.spec?.['nodeName']).length < wanted)
        throw new Error(unplaced.join('; ') || 'no pods');
      return true;
    });
  }
}

async function devices(cluster: Cluster): Promise<void> {
  const nodes = new Map((await cluster.api.list('/api/v1/nodes')).map((node) => [node.metadata.name, node]));
  const held = new Map<string, number>();
  const faults: string[] = [];
  for (const pod of await cluster.api.list('/api/v1/pods')) {
    const host = nodes.get(textOf(pod.spec?.['nodeName']));
    if (!host) continue;
    const gpus = devicesOf(pod.spec ?? {})['nvidia.com/gpu'] ?? 0;
    const tainted = list(host.spec?.['taints']).some((taint) => object(taint)['key'] === GPU_TAINT.key);
    if (gpus === 0 && tainted) faults.push(`${pod.metadata.name} asks for no GPU and runs on ${host.metadata.name}`);
    if (gpus > 0 && !tainted)
      faults.push(`${pod.metadata.name} asks for ${gpus} GPU(s) and runs on ${host.metadata.name}`);
    held.set(host.metadata.name, (held.get(host.metadata.name) ?? 0) + gpus);
  }
  for (const [name, gpus] of held) {
    const capacity = Number(object(nodes.get(name)?.status?.['capacity'])['nvidia.com/gpu'] ?? 0);
    if (gpus > capacity) faults.push(`${name} has ${capacity} GPU(s) and holds ${gpus}`);
  }
  noFaults(faults);
}

async function quotas(cluster: Cluster, manifests: readonly Manifest[]): Promise<void> {
  for (const quota of manifests) {
    const hard = Object.entries(object(object(quota.object['spec'])['hard'])).map(
      ([key, value]) => [key, textOf(value)] as const,
    );
    await waitFor(`the quota ${quota.name} to be counted`, 30_000, async () => {
      const { namespace, name } = quota;
      const status = (await cluster.api.get(`/api/v1/namespaces/${namespace}/resourcequotas/${name}`))?.status;
      const pods = await cluster.api.list(`/api/v1/namespaces/${namespace}/pods`);
      const counted = pods.filter((pod) => !['Succeeded', 'Failed'].includes(textOf(pod.status?.['phase']))).length;
      const used = textOf(object(status?.['used'])['pods']);
      return hard.every(([key]) => key in object(status?.['hard']) && (key !== 'pods' || used === String(counted)));
    });
    const computed = hard.filter(([key]) => /^(requests|limits)\.(?!storage$)/.test(key));
    for (const [key, value] of computed) {
      const amount = `${Number.parseInt(value, 10) + 1}${value.replace(/^[\d.]+/, '')}`;
      const { status, body } = await cluster.api.request(
        'POST',
        `/api/v1/namespaces/${quota.namespace}/pods?dryRun=All`,
        greedyPod(computed, key, amount),
      );
      if (status !== 403 || !JSON.stringify(body).includes('exceeded quota'))
        throw new Error(
          `${quota.name}: a pod with ${key} ${amount} is answered with ${status} ${textOf(body['message'])}`,
        );
    }
  }
}

/** A pod that names every resource that a quota counts, little of each but one. */
function greedyPod(counted: readonly (readonly [string, string])[], greedy: string, amount: string): JsonObject {
  const resources: Record<'requests' | 'limits', Record<string, string>> = { requests: {}, limits: {} };
  for (const key of [...counted.map(([name]) => name).filter((name) => name !== greedy), greedy]) {
    const [, kind = '', name = ''] = /^(requests|limits)\.(.+)$/.exec(key) ?? [];
    const little = name.includes('/') ? '0' : '1m';
    resources[kind as 'requests' | 'limits'][name] = key === greedy ? amount : little;
    // Devices cannot be overcommitted: their request and their limit are one number.
    if (name.includes('/') || key === greedy) resources.limits[name] = key === greedy ? amount : little;
    if (name.includes('/')) resources.requests[name] = resources.limits[name] ?? little;
  }
  const securityContext = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  return {
    metadata: { name: 'too-much' },
    spec: { containers: [{ name: 'a', image: 'a', resources, securityContext }] },
  };
}

async function evictions(cluster: Cluster, budgets: readonly Manifest[]): Promise<void> {
  for (const budget of budgets) {
    const pods = await podsOf(cluster, budget);
    const live = await waitFor(`the budget ${budget.name}`, 30_000, async () => {
      const found = await cluster.api.get(
        `/apis/policy/v1/namespaces/${budget.namespace}/poddisruptionbudgets/${budget.name}`,
      );
      return found?.status?.['expectedPods'] === pods.length ? found : undefined;
    });
    const allowed = Number(live.status?.['disruptionsAllowed'] ?? 0);
    // One replica alone may go: a budget that kept it would keep its node from ever being drained.
    if (pods.length === 1 && allowed === 1) continue;
    if (pods.length <= allowed)
      throw new Error(`${budget.name} allows ${allowed} of ${pods.length} pods to go: it protects nothing`);
    // Without a schedulable node no replacement becomes ready, so that the budget is used up for good.
    await cordon(cluster, true);
    const answers: number[] = [];
    for (const { metadata } of pods) answers.push(await evict(cluster, budget.namespace, metadata.name));
    await cordon(cluster, false);
    const granted = answers.filter((status) => status < 300).length;
    if (granted !== allowed || !answers.includes(429))
      throw new Error(`${budget.name}: allowed ${allowed}, answers ${answers.join(', ')}`);
    await waitFor('the evicted pods to be replaced', 60_000, async () => {
      const found = await cluster.api.get(
        `/apis/policy/v1/namespaces/${budget.namespace}/poddisruptionbudgets/${budget.name}`,
      );
      return (
        Number(found?.status?.['disruptionsAllowed'] ?? -1) === allowed &&
        (await podsOf(cluster, budget)).length === pods.length
      );
    });
  }
}

async function cordon(cluster: Cluster, unschedulable: boolean): Promise<void> {
  for (const { metadata } of await cluster.api.list('/api/v1/nodes'))
    await cluster.api.must('PATCH', `/api/v1/nodes/${metadata.name}`, { spec: { unschedulable } });
}

async function evict(cluster: Cluster, namespace: string, name: string): Promise<number> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  return (await cluster.api.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, body)).status;
}

async function rollingUpdates(cluster: Cluster, deployments: readonly Manifest[]): Promise<void> {
  const faults: string[] = [];
  for (const { namespace, name } of deployments) {
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
    const before = await cluster.api.get(path);
    const replicas = Number(before?.spec?.['replicas'] ?? 0);
    if (replicas === 0) continue;
    const rolling = object(object(before?.spec?.['strategy'])['rollingUpdate']);
    const promised = replicas - roundDown(rolling['maxUnavailable'], replicas);
    await cluster.api.must('PATCH', path, {
      spec: { template: { metadata: { annotations: { 'test.lnmt.dev/revision': '2' } } } },
    });
    let lowest = replicas;
    await waitFor(
      `the update of ${name}`,
      90_000,
      async () => {
        const status = (await cluster.api.get(path))?.status ?? {};
        lowest = Math.min(lowest, Number(status['availableReplicas'] ?? 0));
        const done =
          status['updatedReplicas'] === replicas &&
          status['replicas'] === replicas &&
          status['availableReplicas'] === replicas;
        return (
          done &&
          Number(status['observedGeneration']) >
            Number((before?.metadata as unknown as { generation: number }).generation)
        );
      },
      20,
    );
    if (lowest < promised) faults.push(`${namespace}/${name}: ${lowest} available, ${promised} promised`);
    await sleep(50);
  }
  noFaults(faults);
}

function roundDown(value: Json | undefined, replicas: number): number {
  if (typeof value === 'string') return Math.floor((Number.parseFloat(value) / 100) * replicas);
  return typeof value === 'number' ? value : Math.floor(replicas / 4);
}

const labelOf = (o: JsonObject, key: string): Json | undefined => object(object(o['metadata'])['labels'])[key];

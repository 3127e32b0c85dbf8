import { AWS_CPU_SHAPES } from '../../../constructs/aws/cpu-shapes';
import { AWS_GPU_SHAPES } from '../../../constructs/aws/gpu-shapes';
import { GPU_TAINT, SYSTEM_TAINT } from '../../../constructs/scheduling';
import { selectShape } from '../../../constructs/select-shape';
import type { NodeShape } from '../../../constructs/select-shape';
import { LABELS } from '../../../runtime/contract';
import type { Manifest } from '../../support/manifests';
import { podSpecsOf } from '../../support/pod-security';
import { listOf, objectOf, textOf } from '../../support/terraform-json';
import type { JsonObject } from '../../support/terraform-json';

/** Zones of the pretended region. */
export const ZONES = ['zone-a', 'zone-b', 'zone-c'] as const;

const NODES_PER_POOL = 6;
const GPU = 'nvidia.com/gpu';

/** Labels that some pod selects, and what the largest pod there asks for; devices by resource name. */
interface Pool {
  readonly labels: Readonly<Record<string, string>>;
  readonly devices: Readonly<Record<string, number>>;
  readonly vcpus: number;
  readonly memoryGiB: number;
}

const SMALLEST: Pool = { labels: {}, devices: {}, vcpus: 8, memoryGiB: 32 };

/**
 * The nodes on which the pods of some manifests can run: a pool for each set of labels that a pod selects, of the shape that the
 * project's own tables offer for it, over three zones; and a pool that nobody selects.
 */
export function nodesFor(manifests: readonly Manifest[]): JsonObject[] {
  const pools = new Map<string, Pool>([['{}', SMALLEST]]);
  for (const { spec } of manifests.flatMap(podSpecsOf)) {
    const labels = objectOf(spec['nodeSelector']) as Record<string, string>;
    const devices = devicesOf(spec);
    const key = JSON.stringify([Object.entries(labels).sort(), Object.keys(devices).sort()]);
    const before = pools.get(key) ?? SMALLEST;
    pools.set(key, {
      labels,
      devices: mapObject(devices, (count, name) => Math.max(count, before.devices[name] ?? 0)),
      vcpus: Math.max(before.vcpus, requested(spec, 'cpu')),
      memoryGiB: Math.max(before.memoryGiB, requested(spec, 'memory') / 2 ** 30),
    });
  }
  return [...pools.values()].flatMap((pool, index) =>
    Array.from({ length: NODES_PER_POOL }, (_, i) =>
      node(`pool${index}-${i}`, pool, ZONES[i % ZONES.length] ?? ZONES[0]),
    ),
  );
}

/** The devices (GPUs, network cards) that one pod holds, by resource name. */
export function devicesOf(spec: JsonObject): Record<string, number> {
  const devices: Record<string, number> = {};
  for (const container of listOf(spec['containers'])) {
    const { limits } = objectOf(objectOf(container)['resources']);
    for (const [name, count] of Object.entries(objectOf(limits)))
      if (name.includes('/')) devices[name] = (devices[name] ?? 0) + Number(count);
  }
  return devices;
}

function node(name: string, pool: Pool, zone: string): JsonObject {
  const shape = shapeFor(pool);
  const capacity = {
    cpu: String(shape.vcpus),
    memory: `${shape.memoryGiB}Gi`,
    pods: '110',
    'ephemeral-storage': '500Gi',
    ...mapObject(pool.devices, (count) => String(count)),
    ...(shape.gpus > 0 && { [GPU]: String(shape.gpus) }),
  };
  const taints = [
    ...(shape.gpus > 0 ? [GPU_TAINT] : []),
    ...(pool.labels[LABELS.nodePool] === 'system' ? [SYSTEM_TAINT] : []),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: {
        ...pool.labels,
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': shape.architecture,
        'node.kubernetes.io/instance-type': shape.name,
        'topology.kubernetes.io/zone': zone,
      },
    },
    spec: { taints: taints.map((taint) => ({ ...taint })) },
    status: { capacity, allocatable: capacity },
  };
}

/** The least shape of the project's tables that holds the largest pod of a pool. */
function shapeFor({ labels, devices, vcpus, memoryGiB }: Pool): NodeShape {
  const gpus = devices[GPU] ?? 0;
  if (gpus === 0) return selectShape('test nodes', AWS_CPU_SHAPES, { vcpus, memoryGiB, architecture: 'amd64' });
  const wanted = labels[LABELS.accelerator];
  const named = AWS_GPU_SHAPES.filter((shape) => shape.accelerator?.name === wanted);
  const fitting = (named.length > 0 ? named : AWS_GPU_SHAPES)
    .filter((shape) => shape.gpus >= gpus && shape.vcpus >= vcpus && shape.memoryGiB >= memoryGiB)
    .sort((x, y) => x.gpus - y.gpus || x.memoryGiB - y.memoryGiB);
  if (!fitting[0])
    throw new Error(
      `no shape holds a pod with ${gpus} GPUs, ${vcpus} CPUs and ${memoryGiB} GiB on ${JSON.stringify(labels)}`,
    );
  return fitting[0];
}

/** The sum of a pod's requests, in cores or bytes. */
function requested(spec: JsonObject, resource: 'cpu' | 'memory'): number {
  const amounts = listOf(spec['containers']).map((container) => {
    const { requests, limits } = objectOf(objectOf(container)['resources']);
    return quantity(textOf(objectOf(requests)[resource] ?? objectOf(limits)[resource]));
  });
  return amounts.reduce((sum, amount) => sum + amount, 0);
}

/** A Kubernetes quantity as a number; an absent one is nothing. */
function quantity(text: string): number {
  const suffixes: Readonly<Record<string, number>> = {
    m: 1e-3,
    Ki: 2 ** 10,
    Mi: 2 ** 20,
    Gi: 2 ** 30,
    Ti: 2 ** 40,
    k: 1e3,
    M: 1e6,
    G: 1e9,
  };
  const [, number = '0', suffix = ''] = /^([\d.]+)([A-Za-z]*)$/.exec(text) ?? [];
  return Number(number) * (suffixes[suffix] ?? 1);
}

function mapObject<T, U>(object: Readonly<Record<string, T>>, map: (value: T, key: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}

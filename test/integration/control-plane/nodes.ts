import { Accelerator } from '../../../constructs/accelerators';
import { AWS_CPU_SHAPES } from '../../../constructs/aws/cpu-shapes';
import { AWS_GPU_SHAPES } from '../../../constructs/aws/gpu-shapes';
import { GPU_TAINT, SYSTEM_TAINT } from '../../../constructs/scheduling';
import { selectShape } from '../../../constructs/select-shape';
import type { NodeShape, ShapeRequest } from '../../../constructs/select-shape';
import { LABELS } from '../../../runtime/contract';
import type { Manifest } from '../../support/manifests';
import { podSpecsOf } from '../../support/pod-security';
import { listOf, objectOf } from '../../support/terraform-json';
import type { JsonObject } from '../../support/terraform-json';

/** Zones of the pretended region. */
export const ZONES = ['zone-a', 'zone-b', 'zone-c'] as const;

const NODES_PER_POOL = 6;
const GPU = 'nvidia.com/gpu';

/** Labels that some pod selects, and the devices that the largest pod there holds, by resource name. */
interface Pool {
  readonly labels: Readonly<Record<string, string>>;
  readonly devices: Readonly<Record<string, number>>;
}

/**
 * The nodes on which the pods of some manifests can run: a pool for each set of labels that a pod selects, of the shape that the
 * project's own tables offer for it, over three zones; and a pool that nobody selects.
 */
export function nodesFor(manifests: readonly Manifest[]): JsonObject[] {
  const pools = new Map<string, Pool>([['{}', { labels: {}, devices: {} }]]);
  for (const { spec } of manifests.flatMap(podSpecsOf)) {
    const labels = objectOf(spec['nodeSelector']) as Record<string, string>;
    const devices = devicesOf(spec);
    const key = JSON.stringify([Object.entries(labels).sort(), Object.keys(devices).sort()]);
    const before = pools.get(key)?.devices ?? {};
    pools.set(key, { labels, devices: mapObject(devices, (count, name) => Math.max(count, before[name] ?? 0)) });
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
  const accelerator = pool.labels[LABELS.accelerator];
  const shape = shapeFor(pool.devices[GPU] ?? 0, accelerator);
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

function shapeFor(gpus: number, accelerator: string | undefined): NodeShape {
  if (gpus === 0) return selectShape('test nodes', AWS_CPU_SHAPES, { vcpus: 8, memoryGiB: 32, architecture: 'amd64' });
  const known = AWS_GPU_SHAPES.find((shape) => shape.accelerator?.name === accelerator)?.accelerator;
  const request: ShapeRequest = { accelerator: known ?? Accelerator.NVIDIA_T4, gpus };
  return selectShape('test nodes', AWS_GPU_SHAPES, request);
}

function mapObject<T, U>(object: Readonly<Record<string, T>>, map: (value: T, key: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}

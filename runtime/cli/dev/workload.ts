import type { ImageFlavour, ImageName } from '../../contract';
import { IMAGES, imageKey } from '../../contract';
import { at, list, numberOr, text, texts } from '../json';
import type { Manifest } from './manifests';
import { probeOf } from './probe';
import type { Probe } from './probe';

/** Where the value of an environment variable comes from. */
export type EnvSource =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'secret'; readonly secret: string; readonly key: string }
  | { readonly kind: 'field'; readonly path: string };

/** A volume of a pod, as far as it matters to a process. */
export type Volume =
  | { readonly kind: 'empty' }
  | { readonly kind: 'secret'; readonly secret: string; readonly files: readonly string[] }
  | { readonly kind: 'config'; readonly files: Readonly<Record<string, string>> }
  | { readonly kind: 'other' };

/** A Deployment of one of LNMT's images, as its manifest states it. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly image: ImageName;
  /** Command and arguments of the container. */
  readonly command: readonly string[];
  /** Environment, in the order in which the kubelet sets it. */
  readonly env: ReadonlyMap<string, EnvSource>;
  /** Container ports by their names. */
  readonly ports: ReadonlyMap<string, number>;
  /** Volumes by mount path. */
  readonly mounts: ReadonlyMap<string, Volume>;
  readonly startup?: Probe;
  readonly liveness?: Probe;
  readonly readiness?: Probe;
  /** Seconds of the kubelet's sleep before the signal. */
  readonly preStopSeconds: number;
  /** Seconds until a pod that ends is killed, the sleep included. */
  readonly graceSeconds: number;
  /** Replicas that the manifest or its autoscaler asks for. */
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Deployments of one output: those of ours, and the names of the others. */
export interface Workloads {
  readonly ours: readonly Workload[];
  /** `namespace/name (image)` of what is not run. */
  readonly others: readonly string[];
}

/** Finds the Deployments among objects. */
export function readWorkloads(objects: readonly Manifest[]): Workloads {
  const deployments = objects.filter((object) => object['kind'] === 'Deployment');
  const ours: Workload[] = [];
  const others: string[] = [];
  for (const deployment of deployments) {
    for (const container of list(at(deployment, 'spec', 'template', 'spec', 'containers'))) {
      const image = imageOf(text(at(container, 'image')) ?? '');
      if (image === undefined)
        others.push(`${place(deployment).join('/')} (${text(at(container, 'image')) ?? 'no image'})`);
      else ours.push(readWorkload(objects, deployment, container, image));
    }
  }
  return { ours, others };
}

/** Which of LNMT's images a reference names. The registry is the user's, so that the last segment decides. */
export function imageOf(reference: string): ImageName | undefined {
  const repository = reference.split('/').at(-1)?.split(/[@:]/)[0];
  const names = Object.keys(IMAGES) as ImageName[];
  return names.find((name) =>
    IMAGES[name].flavours.some((flavour: ImageFlavour) => imageKey(name, flavour) === repository),
  );
}

function place(object: Manifest): readonly [namespace: string, name: string] {
  const { namespace, name } = texts(object['metadata']);
  return [namespace ?? 'default', name ?? ''];
}

function readWorkload(
  objects: readonly Manifest[],
  deployment: Manifest,
  container: unknown,
  image: ImageName,
): Workload {
  const [namespace, name] = place(deployment);
  const pod = at(deployment, 'spec', 'template', 'spec');
  const find = finder(objects, namespace);
  const startup = probeOf(at(container, 'startupProbe'));
  const liveness = probeOf(at(container, 'livenessProbe'));
  const readiness = probeOf(at(container, 'readinessProbe'));
  return {
    namespace,
    name,
    image,
    command: [...list(at(container, 'command')), ...list(at(container, 'args'))].map(String),
    env: readEnv(container, find),
    ports: new Map(
      list(at(container, 'ports')).map((port) => [
        text(at(port, 'name')) ?? '',
        numberOr(at(port, 'containerPort'), 0),
      ]),
    ),
    mounts: readMounts(container, pod, find),
    ...(startup ? { startup } : {}),
    ...(liveness ? { liveness } : {}),
    ...(readiness ? { readiness } : {}),
    preStopSeconds: numberOr(at(container, 'lifecycle', 'preStop', 'sleep', 'seconds'), 0),
    graceSeconds: numberOr(at(pod, 'terminationGracePeriodSeconds'), 30),
    replicas: replicasOf(objects, deployment),
    labels: texts(at(deployment, 'spec', 'template', 'metadata', 'labels')),
  };
}

type Find = (kind: string, name: string | undefined) => Manifest | undefined;

function finder(objects: readonly Manifest[], namespace: string): Find {
  return (kind, name) =>
    objects.find((object) => object['kind'] === kind && place(object)[0] === namespace && place(object)[1] === name);
}

function readEnv(container: unknown, find: Find): ReadonlyMap<string, EnvSource> {
  const env = new Map<string, EnvSource>();
  for (const source of list(at(container, 'envFrom'))) {
    const config = find('ConfigMap', text(at(source, 'configMapRef', 'name')));
    for (const [name, value] of Object.entries(texts(at(config, 'data')))) env.set(name, { kind: 'value', value });
  }
  for (const variable of list(at(container, 'env'))) {
    const source = sourceOf(variable, find);
    if (source !== undefined) env.set(text(at(variable, 'name')) ?? '', source);
  }
  return env;
}

function sourceOf(variable: unknown, find: Find): EnvSource | undefined {
  const value = text(at(variable, 'value'));
  if (value !== undefined) return { kind: 'value', value };
  const from = at(variable, 'valueFrom');
  const { name = '', key = '' } = texts(at(from, 'secretKeyRef'));
  if (name !== '') return { kind: 'secret', secret: name, key };
  const field = text(at(from, 'fieldRef', 'fieldPath'));
  if (field !== undefined) return { kind: 'field', path: field };
  const config = texts(at(from, 'configMapKeyRef'));
  const configured = texts(at(find('ConfigMap', config['name']), 'data'))[config['key'] ?? ''];
  return configured === undefined ? undefined : { kind: 'value', value: configured };
}

function readMounts(container: unknown, pod: unknown, find: Find): ReadonlyMap<string, Volume> {
  const volumes = new Map(list(at(pod, 'volumes')).map((volume) => [at(volume, 'name'), volumeOf(volume, find)]));
  return new Map(
    list(at(container, 'volumeMounts')).map((mount) => [
      text(at(mount, 'mountPath')) ?? '',
      volumes.get(at(mount, 'name')) ?? { kind: 'other' },
    ]),
  );
}

function volumeOf(volume: unknown, find: Find): Volume {
  const secret = text(at(volume, 'secret', 'secretName'));
  if (secret !== undefined) {
    const files = list(at(volume, 'secret', 'items')).map((item) => text(at(item, 'path')) ?? '');
    return { kind: 'secret', secret, files };
  }
  const config = text(at(volume, 'configMap', 'name'));
  if (config !== undefined) return { kind: 'config', files: texts(at(find('ConfigMap', config), 'data')) };
  return at(volume, 'emptyDir') === undefined ? { kind: 'other' } : { kind: 'empty' };
}

// With an autoscaler the Deployment states no number.
function replicasOf(objects: readonly Manifest[], deployment: Manifest): number {
  const [namespace, name] = place(deployment);
  const scaler = objects.find(
    (object) =>
      object['kind'] === 'HorizontalPodAutoscaler' &&
      place(object)[0] === namespace &&
      at(object, 'spec', 'scaleTargetRef', 'name') === name,
  );
  return numberOr(at(deployment, 'spec', 'replicas'), numberOr(at(scaler, 'spec', 'minReplicas'), 1));
}

import { describeManifest } from './manifests';
import type { Manifest } from './manifests';
import { isObject, listOf as list, objectOf as object } from './terraform-json';
import type { Json, JsonObject } from './terraform-json';

/**
 * The levels of the Pod Security Standards.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export type PodSecurityLevel = 'privileged' | 'baseline' | 'restricted';

/** A pod specification inside an object, and the path to it. */
export interface PodSpec {
  readonly path: string;
  readonly spec: JsonObject;
  readonly annotations: JsonObject;
}

/** What the evaluator says about a set of objects. */
export interface PodSecurityVerdict {
  /** One sentence a violated control. */
  readonly faults: readonly string[];
  /** How many pod specifications were judged. */
  readonly pods: number;
  /** Namespaces among the objects that enforce less than `restricted`, as `name=level`, sorted. */
  readonly relaxed: readonly string[];
}

interface Part {
  readonly at: string;
  readonly body: JsonObject;
}

interface Pod extends PodSpec {
  readonly containers: readonly Part[];
  /** The pod's security context and each container's, absent ones as `{}`. */
  readonly contexts: readonly Part[];
}

type Control = (pod: Pod) => string[];

const BASELINE_CAPABILITIES =
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  );
const RESTRICTED_VOLUMES =
  'configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret name'.split(' ');
const SAFE_SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'];

const BASELINE: readonly Control[] = [
  (pod) =>
    ['hostNetwork', 'hostPID', 'hostIPC']
      .filter((key) => pod.spec[key] === true)
      .map((key) => `${key} must not be set`),
  (pod) =>
    each(
      pod.contexts,
      ({ body }) => at(body, 'windowsOptions', 'hostProcess') === true && 'hostProcess must not be set',
    ),
  (pod) =>
    each(pod.containers, ({ body }) => at(body, 'securityContext', 'privileged') === true && 'must not be privileged'),
  (pod) =>
    each(pod.containers, ({ body }) => {
      const extra = strings(at(body, 'securityContext', 'capabilities', 'add')).filter(
        (c) => !BASELINE_CAPABILITIES.includes(c),
      );
      return extra.length > 0 && `must not add the capabilities ${extra.join(', ')}`;
    }),
  (pod) =>
    list(pod.spec['volumes']).flatMap((v) =>
      isObject(v) && v['hostPath'] ? [`volume ${text(v['name'])}: hostPath is not allowed`] : [],
    ),
  (pod) =>
    each(pod.containers, ({ body }) => {
      const ports = list(body['ports']).filter((p) => isObject(p) && Boolean(p['hostPort']));
      return ports.length > 0 && 'host ports are not allowed';
    }),
  hostOfProbes,
  appArmor,
  (pod) =>
    each(pod.contexts, ({ body }) => {
      const { type = '', user = '', role = '' } = object(body['seLinuxOptions']);
      return (
        (!SELINUX_TYPES.includes(text(type)) || user !== '' || role !== '') &&
        'seLinuxOptions may only name a container type'
      );
    }),
  (pod) =>
    each(
      pod.containers,
      ({ body }) =>
        !['Default', undefined].includes(at(body, 'securityContext', 'procMount') as string) &&
        'procMount must be Default',
    ),
  (pod) =>
    each(
      pod.contexts,
      ({ body }) => at(body, 'seccompProfile', 'type') === 'Unconfined' && 'seccomp must not be Unconfined',
    ),
  (pod) =>
    list(at(pod.spec, 'securityContext', 'sysctls')).flatMap((s) => {
      const name = text(object(s)['name']);
      return SAFE_SYSCTLS.includes(name) ? [] : [`sysctl ${name} is not a safe one`];
    }),
];

const RESTRICTED: readonly Control[] = [
  (pod) =>
    list(pod.spec['volumes']).flatMap((v) =>
      Object.keys(object(v))
        .filter((type) => !RESTRICTED_VOLUMES.includes(type))
        .map((type) => `volume ${text(object(v)['name'])}: type ${type} is not allowed`),
    ),
  (pod) =>
    each(
      pod.containers,
      ({ body }) =>
        at(body, 'securityContext', 'allowPrivilegeEscalation') !== false && 'allowPrivilegeEscalation must be false',
    ),
  nonRoot,
  (pod) => each(pod.contexts, ({ body }) => body['runAsUser'] === 0 && 'runAsUser must not be 0'),
  (pod) =>
    each(pod.containers, ({ body }) => {
      const type =
        at(body, 'securityContext', 'seccompProfile', 'type') ??
        at(pod.spec, 'securityContext', 'seccompProfile', 'type');
      return type !== 'RuntimeDefault' && type !== 'Localhost' && 'seccompProfile must be RuntimeDefault or Localhost';
    }),
  (pod) =>
    each(pod.containers, ({ body }) => {
      const { add, drop } = object(at(body, 'securityContext', 'capabilities'));
      if (!strings(drop).includes('ALL')) return 'must drop ALL capabilities';
      const extra = strings(add).filter((c) => c !== 'NET_BIND_SERVICE');
      return extra.length > 0 && `must not add the capabilities ${extra.join(', ')}`;
    }),
];

/** The violated controls of one pod specification, each naming its container. */
export function podSecurityFaults(pod: PodSpec, level: PodSecurityLevel): string[] {
  if (level === 'privileged') return [];
  const containers = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((key) =>
    list(pod.spec[key]).map((body, i) => ({ at: `${key}[${i}] ${text(object(body)['name'])}`, body: object(body) })),
  );
  const contexts = [
    { at: 'pod', body: object(pod.spec['securityContext']) },
    ...containers.map((part) => ({ at: part.at, body: object(part.body['securityContext']) })),
  ];
  const controls = level === 'restricted' ? [...BASELINE, ...RESTRICTED] : BASELINE;
  return [...new Set(controls.flatMap((control) => control({ ...pod, containers, contexts })))];
}

/**
 * Every pod specification inside an object, custom resources included: whatever holds a list of containers is one.
 */
export function podSpecsOf(manifest: Manifest): PodSpec[] {
  const found: PodSpec[] = [];
  const visit = (value: Json, path: string, owner: JsonObject): void => {
    if (Array.isArray(value)) (value as readonly Json[]).forEach((item, i) => visit(item, `${path}[${i}]`, owner));
    if (!isObject(value)) return;
    if (Array.isArray(value['containers']) && path !== '') {
      found.push({ path, spec: value, annotations: object(at(owner, 'metadata', 'annotations')) });
      return;
    }
    for (const [key, item] of Object.entries(value)) visit(item, path ? `${path}.${key}` : key, value);
  };
  if (manifest.kind !== 'CustomResourceDefinition') visit(manifest.object, '', {});
  return found;
}

/**
 * Judges every pod by the level that its namespace enforces, `restricted` where the objects do not say. A namespace of ours
 * that enforces nothing is a fault.
 */
export function checkPodSecurity(manifests: readonly Manifest[]): PodSecurityVerdict {
  const faults: string[] = [];
  const levels = new Map<string, PodSecurityLevel>();
  for (const namespace of manifests.filter((m) => m.kind === 'Namespace')) {
    const level = at(namespace.object, 'metadata', 'labels', 'pod-security.kubernetes.io/enforce');
    if (level === 'restricted' || level === 'baseline' || level === 'privileged') levels.set(namespace.name, level);
    else faults.push(`${describeManifest(namespace)}: enforces no Pod Security Standard`);
  }
  let pods = 0;
  for (const manifest of manifests) {
    for (const pod of podSpecsOf(manifest)) {
      pods++;
      const level = levels.get(manifest.namespace) ?? 'restricted';
      faults.push(
        ...podSecurityFaults(pod, level).map(
          (fault) => `${describeManifest(manifest)} ${pod.path}: ${fault} (${level})`,
        ),
      );
    }
  }
  const relaxed = [...levels].filter(([, level]) => level !== 'restricted').map(([name, level]) => `${name}=${level}`);
  return { faults, pods, relaxed: relaxed.sort() };
}

function nonRoot(pod: Pod): string[] {
  const ofPod = at(pod.spec, 'securityContext', 'runAsNonRoot');
  return each(pod.containers, ({ body }) => {
    const own = at(body, 'securityContext', 'runAsNonRoot');
    return (own ?? ofPod) !== true && 'runAsNonRoot must be true';
  });
}

function appArmor(pod: Pod): string[] {
  const fromAnnotations = Object.entries(pod.annotations).flatMap(([key, value]) =>
    key.startsWith('container.apparmor.security.beta.kubernetes.io/') &&
    !/^(runtime\/default|localhost\/.*)?$/.test(text(value))
      ? [`annotation ${key}: AppArmor must not be unconfined`]
      : [],
  );
  const fromContexts = each(
    pod.contexts,
    ({ body }) => at(body, 'appArmorProfile', 'type') === 'Unconfined' && 'AppArmor must not be Unconfined',
  );
  return [...fromAnnotations, ...fromContexts];
}

/** Since 1.34 the baseline level also refuses probes and hooks that name another host: they would let a pod reach out of its network. */
function hostOfProbes(pod: Pod): string[] {
  const hooks = [
    ['livenessProbe'],
    ['readinessProbe'],
    ['startupProbe'],
    ['lifecycle', 'preStop'],
    ['lifecycle', 'postStart'],
  ];
  return each(pod.containers, ({ body }) => {
    const named = hooks.filter((hook) =>
      ['httpGet', 'tcpSocket'].some((action) => Boolean(at(body, ...hook, action, 'host'))),
    );
    return named.length > 0 && `${named.map((hook) => hook.join('.')).join(', ')} must not name a host`;
  });
}

function each(parts: readonly Part[], fault: (part: Part) => string | false): string[] {
  return parts.flatMap((part) => {
    const found = fault(part);
    return found === false ? [] : [`${part.at}: ${found}`];
  });
}

const strings = (value: Json | undefined): string[] => list(value).map(text);
const text = (value: Json | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));
const at = (value: JsonObject, ...keys: string[]): Json | undefined =>
  keys.reduce<Json | undefined>((inner, key) => object(inner)[key], value);

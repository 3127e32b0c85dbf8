import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { LABELS, MANAGED_BY } from '../../runtime/contract';
import type { EgressRule } from '../cloud/egress';
import { DEFAULT_KUBERNETES_VERSION } from '../versions';
import type { KubernetesVersion } from '../versions';
import { denyAllBut } from './network-policy';
import { labelValue, objectName } from './object-names';
import { quantity } from './quantity';

/** What a container gets that says nothing about its resources. */
export interface ContainerDefaults {
  /** CPU request. @default '100m' */
  readonly cpu?: string;
  /** Memory request. @default '128Mi' */
  readonly memory?: string;
  /** Memory limit. There is no CPU limit by default: it throttles. @default '512Mi' */
  readonly memoryLimit?: string;
}

/** Props of a {@link PlatformNamespace}. */
export interface PlatformNamespaceProps {
  /** Name of the namespace. */
  readonly name: string;
  /** Minor whose version of the Pod Security Standards is enforced. @default - the platform default */
  readonly kubernetesVersion?: KubernetesVersion;
  /** Hard limits of the namespace, by resource, e.g. `{ 'requests.nvidia.com/gpu': '16' }`. @default { pods: '1000' } */
  readonly quota?: Readonly<Record<string, string>>;
  /** @default - see {@link ContainerDefaults} */
  readonly containerDefaults?: ContainerDefaults;
  /** Where every pod of the namespace may connect to, DNS apart. @default [] */
  readonly egress?: readonly EgressRule[];
  /** Platform that it belongs to, as a label. @default - none */
  readonly platform?: string;
  /** Further labels. @default {} */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * A namespace that starts closed: restricted pods only, no traffic but DNS, a quota, and defaults for containers that
 * state no resources.
 *
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 * @throws LNMT3000 for an illegal name, LNMT3003 for a malformed quantity, LNMT3006 for a rule without peer or port
 */
export class PlatformNamespace extends Construct {
  /** The Namespace. */
  readonly namespace: ApiObject;
  /** Name of the namespace. */
  readonly namespaceName: string;

  constructor(scope: Construct, id: string, props: PlatformNamespaceProps) {
    super(scope, id);
    this.namespaceName = objectName(this, 'name', props.name, 63);
    const labels = {
      ...props.labels,
      [LABELS.managedBy]: MANAGED_BY,
      ...(props.platform === undefined ? {} : { [LABELS.platform]: labelValue(props.platform) }),
    };
    this.namespace = new ApiObject(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: props.name, labels: { ...labels, ...podSecurityLabels(props.kubernetesVersion) } },
    });
    denyAllBut(this, 'DefaultDeny', {
      name: 'default-deny',
      namespace: props.name,
      labels,
      ingress: [],
      egress: props.egress ?? [],
    });
    const object = (kind: string, spec: object): void =>
      void new ApiObject(this, kind, {
        apiVersion: 'v1',
        kind,
        metadata: { name: 'defaults', namespace: props.name, labels },
        spec,
      });
    object('ResourceQuota', { hard: quota(props.quota) });
    object('LimitRange', { limits: [containerLimits(props.containerDefaults)] });
  }
}

function podSecurityLabels(version: KubernetesVersion = DEFAULT_KUBERNETES_VERSION): Record<string, string> {
  const modes = ['enforce', 'audit', 'warn'].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, 'restricted'],
    [`pod-security.kubernetes.io/${mode}-version`, `v${version}`],
  ]);
  return Object.fromEntries(modes) as Record<string, string>;
}

function quota(given: Readonly<Record<string, string>> = { pods: '1000' }): Readonly<Record<string, string>> {
  for (const [resource, value] of Object.entries(given)) {
    if (value !== '0') quantity(`quota ${resource}`, value);
  }
  return given;
}

function containerLimits({ cpu = '100m', memory = '128Mi', memoryLimit = '512Mi' }: ContainerDefaults = {}): object {
  return {
    type: 'Container',
    defaultRequest: { cpu: quantity('cpu', cpu), memory: quantity('memory', memory) },
    default: { memory: quantity('memoryLimit', memoryLimit) },
  };
}

import type { TerraformStack } from 'cdktf';
import { App as ManifestApp, Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import type { CapabilityGaps } from '../cloud/cloud';
import type { ClusterConnection } from '../cloud/cluster';
import type { DeploymentCheck, KubernetesObjects, KubernetesParts } from '../cloud/kubernetes-parts';
import { LABELS } from '../../runtime/contract';
import { LnmtError } from '../errors';
import type { Delivery } from './delivery';
import { duplicateObject, missingNamespace, neverReady, unrenderable } from './errors';
import type { ManifestObject } from './late-binding';
import { LateBinding, describeObject } from './late-binding';
import { planReleases } from './releases';
import type { PlannedRelease, RenderedPart, RequestedAddon } from './releases';
import { Synthesis } from './synthesis';
import { NAMESPACED_KINDS, isUnreadyInWaitingLayer } from './object-rules';
import { writerFor } from './writers';
import type { DeliveryOutput } from './writers';

/** Props of {@link Workloads}. */
export interface WorkloadsProps {
  /** Name of the platform, for labels and folders. */
  readonly platformName: string;
  /** Name of its cloud. */
  readonly cloud: string;
  /** What the cloud declares that it cannot offer. @default {} */
  readonly gaps?: CapabilityGaps;
  readonly connection: ClusterConnection;
  readonly delivery: Delivery;
  /** True where the GitOps controller is installed: once a platform. */
  readonly bootstrap: boolean;
  /** The Kubernetes half that installs the add-ons of the cluster: each is installed once, by the platform. @default - this one */
  readonly operators?: Workloads;
}

/** A part together with the construct that it belongs to. */
interface RecordedPart {
  readonly owner: IConstruct;
  readonly part: KubernetesObjects;
  chart?: Chart;
}

/**
 * The Kubernetes half of one stack: records what constructs contribute, by layer, in a tree of its own, and hands it to the
 * delivery mode when the app is synthesized.
 *
 * The tree is a second, hidden cdk8s app: a chart below a Terraform stack would be dropped silently.
 */
export class Workloads extends Construct {
  /** The stack that delivers. */
  readonly stack: TerraformStack;
  readonly props: WorkloadsProps;
  private readonly manifests = new ManifestApp();
  private readonly recorded: RecordedPart[] = [];
  private readonly addons: RequestedAddon[] = [];
  private readonly sources: (() => readonly (readonly [IConstruct, KubernetesParts])[])[] = [];

  constructor(stack: TerraformStack, id: string, props: WorkloadsProps) {
    super(stack, id);
    this.stack = stack;
    this.props = props;
    Synthesis.of(stack).register(this);
  }

  /** Records what a construct contributes. */
  add(owner: IConstruct, parts: KubernetesParts): void {
    for (const addon of parts.addons) (this.props.operators ?? this).addons.push({ addon, owners: [owner] });
    for (const part of parts.objects) this.recorded.push({ owner, part });
  }

  /** Records what is known only when the app is synthesized, e.g. the parts of a platform that still grows. */
  addLate(source: () => readonly (readonly [IConstruct, KubernetesParts])[]): void {
    this.sources.push(source);
  }

  /**
   * Renders everything and puts the resources of the delivery mode into the stack. Called at synthesis.
   *
   * @internal
   */
  _deliver(): DeliveryOutput {
    for (const source of this.sources.splice(0)) for (const [owner, parts] of source()) this.add(owner, parts);
    const binding = new LateBinding(this.stack);
    const rendered = this.recorded.map((recorded) => this.render(recorded));
    this.refuseDuplicates(rendered);
    const releases = planReleases(this, {
      prefix: this.stack.node.id,
      addons: this.addons,
      parts: rendered,
      namespaces: this.addonNamespaces(rendered),
    });
    const checks = this.recorded.flatMap(({ part }) => part.checks ?? []);
    return writerFor(this.props.delivery.mode)({ workloads: this, releases, binding, checks });
  }

  private render(recorded: RecordedPart): RenderedPart {
    const { owner, part } = recorded;
    const objects = this.renderObjects(recorded);
    for (const object of objects) {
      if (object.metadata.namespace === undefined && NAMESPACED_KINDS.has(object.kind)) {
        throw missingNamespace(owner, describeObject(object));
      }
      const reason = part.layer === '30-apps' ? undefined : isUnreadyInWaitingLayer(object, objects);
      if (reason !== undefined) throw neverReady(owner, describeObject(object), part.layer, reason);
    }
    return { owner, id: `${owner.node.path}/${part.id}`, layer: part.layer, objects };
  }

  private renderObjects(recorded: RecordedPart): ManifestObject[] {
    const { owner, part } = recorded;
    try {
      recorded.chart ??= this.chart(owner, part);
      const problems = recorded.chart.node.findAll().flatMap((node) => node.node.validate());
      if (problems.length > 0) throw new Error(problems.join('; '));
      return recorded.chart.toJson() as ManifestObject[];
    } catch (error) {
      // The tree of manifests is hidden: people know the construct that recorded the part.
      if (LnmtError.isLnmtError(error)) throw new LnmtError(error.code, owner, error.details);
      throw unrenderable(owner, part.id, error instanceof Error ? error.message : String(error));
    }
  }

  private chart(owner: IConstruct, part: KubernetesObjects): Chart {
    const id = `${owner.node.path}/${part.id}`.replaceAll('/', '-');
    const chart = new Chart(this.manifests, id, {
      ...(part.namespace === undefined ? {} : { namespace: part.namespace }),
      disableResourceNameHashes: true,
      labels: { [LABELS.platform]: this.props.platformName, [LABELS.layer]: part.layer },
    });
    part.define(chart);
    return chart;
  }

  private refuseDuplicates(parts: readonly RenderedPart[]): void {
    const seen = new Map<string, RenderedPart>();
    for (const part of parts) {
      for (const object of part.objects) {
        const identity = `${object.apiVersion.split('/')[0]}|${describeObject(object)}`;
        const first = seen.get(identity);
        if (first !== undefined) throw duplicateObject(part.owner, describeObject(object), first.id);
        seen.set(identity, part);
      }
    }
  }

  // Namespaces of add-ons exist before the add-ons, with the strictest level of pod security that these pass.
  private addonNamespaces(parts: readonly RenderedPart[]): RenderedPart | undefined {
    const own = new Set(
      parts.flatMap((part) => part.objects.filter((o) => o.kind === 'Namespace').map((o) => o.metadata.name)),
    );
    const addons = this.addons.map(({ addon }) => addon);
    const levels = ['restricted', 'baseline', 'privileged'] as const;
    const names = [...new Set(addons.map((addon) => addon.namespace))].sort();
    const objects = names
      .filter((name) => !name.startsWith('kube-') && name !== 'default' && !own.has(name))
      .map((name): ManifestObject => {
        const inside = addons.filter((addon) => addon.namespace === name);
        const level =
          levels[Math.max(...inside.map((addon) => levels.indexOf(addon.podSecurity.level)))] ?? 'privileged';
        const reasons = inside.flatMap((addon) =>
          addon.podSecurity.reason ? [`${addon.name}: ${addon.podSecurity.reason}`] : [],
        );
        return {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: {
            name,
            labels: {
              [LABELS.platform]: this.props.platformName,
              [LABELS.layer]: '00-crds',
              'pod-security.kubernetes.io/enforce': level,
              'pod-security.kubernetes.io/warn': level,
            },
            ...(reasons.length > 0 ? { annotations: { [LABELS.podSecurityReason]: reasons.join('; ') } } : {}),
          },
        };
      });
    return objects.length === 0 ? undefined : { owner: this, id: 'namespaces', layer: '00-crds', objects };
  }
}

/** What a writer gets. */
export interface DeliveryInput {
  readonly workloads: Workloads;
  readonly releases: readonly PlannedRelease[];
  readonly binding: LateBinding;
  readonly checks: readonly DeploymentCheck[];
}

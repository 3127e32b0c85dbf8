/** Label key of a zone. @see https://kubernetes.io/docs/reference/labels-annotations-taints/#topologykubernetesiozone */
const ZONE = 'topology.kubernetes.io/zone';
/** Label key of a node. */
const HOST = 'kubernetes.io/hostname';

/**
 * How replicas are kept apart: `preferred` spreads them over zones and nodes where it can; `strict` never puts two on
 * one node.
 */
export type Spread = 'preferred' | 'strict';

// Old and new pods of a rolling update are counted apart: the update would otherwise be balanced against pods that are leaving,
// and a strict one would need as many free nodes as it has surge pods.
const PER_REVISION = { matchLabelKeys: ['pod-template-hash'] };

/** Scheduling parts of a pod that keep replicas apart. */
export function spreadOf(spread: Spread, selector: Readonly<Record<string, string>>): SpreadParts {
  const labelSelector = { matchLabels: selector };
  const over = (topologyKey: string): TopologySpreadConstraint => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector,
    ...PER_REVISION,
  });
  if (spread === 'preferred') return { topologySpreadConstraints: [over(ZONE), over(HOST)] };
  return {
    topologySpreadConstraints: [over(ZONE)],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector, topologyKey: HOST, ...PER_REVISION }],
      },
    },
  };
}

/** What {@link spreadOf} returns. */
export interface SpreadParts {
  readonly topologySpreadConstraints: readonly TopologySpreadConstraint[];
  readonly affinity?: {
    readonly podAntiAffinity: {
      readonly requiredDuringSchedulingIgnoredDuringExecution: readonly {
        readonly labelSelector: { readonly matchLabels: Readonly<Record<string, string>> };
        readonly topologyKey: string;
        readonly matchLabelKeys: readonly string[];
      }[];
    };
  };
}

/** One spread constraint of a pod. */
export interface TopologySpreadConstraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  readonly whenUnsatisfiable: 'ScheduleAnyway' | 'DoNotSchedule';
  readonly labelSelector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly matchLabelKeys: readonly string[];
}

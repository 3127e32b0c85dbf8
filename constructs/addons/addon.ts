import type { Layer } from '../layers';

/** Level of the Pod Security Standards. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export type PodSecurityLevel = 'restricted' | 'baseline' | 'privileged';

/** A JSON-like value of a chart. Strings may hold Terraform tokens; delivery binds them late. */
export type HelmValue =
  string | number | boolean | null | readonly HelmValue[] | { readonly [key: string]: HelmValue | undefined };

/** Values of a chart. */
export type HelmValues = { readonly [key: string]: HelmValue | undefined };

/** A published chart, pinned. */
export interface ChartReference {
  /** URL of the chart repository, or `oci://…` of the registry folder that holds the chart. */
  readonly repository: string;
  readonly name: string;
  /** Exact version. */
  readonly version: string;
}

/**
 * An operator or chart of others that a platform installs, as data. Only delivery turns it into a Helm release, an Argo
 * CD Application or a Flux HelmRelease.
 */
export interface Addon {
  /** Name, unique on a platform; also the release name, e.g. `gpu-operator`. */
  readonly name: string;
  /** `00-crds` or `10-operators`. */
  readonly layer: Layer;
  /** Namespace that the chart is installed into. */
  readonly namespace: string;
  /** The strictest level that its pods pass, with the reason where it is not `restricted`. */
  readonly podSecurity: { readonly level: PodSecurityLevel; readonly reason?: string };
  readonly chart: ChartReference;
  /** @default - the chart's own */
  readonly values?: HelmValues;
  /** API groups whose definitions it brings, e.g. `kueue.x-k8s.io`. @default [] */
  readonly provides?: readonly string[];
  /** API groups that it acts on, where another release brings the definitions. @default [] */
  readonly serves?: readonly string[];
  /** Names of add-ons of the same layer that have to be installed before. @default [] */
  readonly after?: readonly string[];
}

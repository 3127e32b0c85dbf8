import type { Chart } from 'cdk8s';
import type { Addon } from '../addons/addon';
import type { Layer } from '../layers';

/**
 * A condition that has to hold before a release is installed, e.g. that a model is in its store. Evaluated by Terraform
 * when it plans, so that a missing thing is an error there and not a pod that never starts.
 */
export interface DeploymentCheck {
  /** Terraform expression that is true when all is well. */
  readonly condition: string;
  /** Coded message for people: what is missing and how to bring it. */
  readonly message: string;
}

/** Kubernetes objects that a construct contributes to the cluster, recorded now and rendered at synthesis. */
export interface KubernetesObjects {
  /** Unique below its owner; part of the chart's construct id. */
  readonly id: string;
  readonly layer: Layer;
  /** Namespace of the objects that name none. @default - the objects are cluster-scoped or name their own */
  readonly namespace?: string;
  /** Adds the objects to the chart. Called once. Strings may hold Terraform tokens. */
  readonly define: (chart: Chart) => void;
  /** @default [] */
  readonly checks?: readonly DeploymentCheck[];
}

/** What a building block brings into the cluster. */
export interface KubernetesParts {
  readonly addons: readonly Addon[];
  readonly objects: readonly KubernetesObjects[];
}

/** Nothing. */
export const NO_PARTS: KubernetesParts = { addons: [], objects: [] };

/** All parts of several blocks. */
export function joinParts(...parts: readonly KubernetesParts[]): KubernetesParts {
  return { addons: parts.flatMap((part) => part.addons), objects: parts.flatMap((part) => part.objects) };
}

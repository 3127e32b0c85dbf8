import type { IBuildingBlock } from './building-block';
import type { ICluster } from './cluster';

/** Props of a workload identity. */
export interface WorkloadIdentityProps {
  readonly cluster: ICluster;
  /** Namespace of the service account. */
  readonly namespace: string;
  /** Name of the service account; the consumer's manifest creates it. */
  readonly serviceAccountName: string;
  /** From the general to the particular, e.g. `['ml', 'digits']`. */
  readonly naming: readonly string[];
}

/** What a Kubernetes service account may do in the cloud, without any stored credential. Least privilege: nothing until granted. */
export interface IWorkloadIdentity extends IBuildingBlock {
  readonly namespace: string;
  readonly serviceAccountName: string;
  /** Annotations of the service account; values may be tokens. */
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  /** Labels of pods that use it. */
  readonly podLabels: Readonly<Record<string, string>>;
}

import type { EgressRule } from '../cloud/egress';
import type { Placement } from '../scheduling';
import type { PodResources } from './resources';
import type { SecretKey } from './secret-reference';

/** Props of a {@link TrainingWorkload}. Strings may be late-bound, except names and map keys. */
export interface TrainingWorkloadProps {
  /** Name of the job; a DNS label of at most 52 characters. */
  readonly name: string;
  /** Namespace of all its objects. It has to exist. */
  readonly namespace: string;
  /** Image of the training server, by digest. */
  readonly image: string;
  /** Command of the container. @default - the training server's */
  readonly command?: readonly string[];
  /** Arguments of the command. @default - none */
  readonly args?: readonly string[];
  /** Nodes that train together: one pod each. @default 1 */
  readonly nodes?: number;
  /** GPUs of each pod. @default 1 */
  readonly gpusPerNode?: number;
  /** Extended resource of one GPU. @default 'nvidia.com/gpu' */
  readonly gpuResourceName?: string;
  /**
   * What the fast fabric needs, by resource, e.g. `{ 'vpc.amazonaws.com/efa': '32', 'hugepages-2Mi': '5120Mi' }`.
   *
   * @default {}
   */
  readonly fabricResources?: Readonly<Record<string, string>>;
  /** Requests and limits, GPUs and fabric apart. @default - 8 CPU without limit, 64Gi memory */
  readonly resources?: PodResources;
  /** Shared memory for collective communication in GiB; counts as memory of the container. @default 16 */
  readonly sharedMemoryGiB?: number;
  /** Node pool. @default - any node with GPUs */
  readonly placement?: Placement;
  /** LocalQueue of Kueue; the job starts suspended and Kueue admits it as a whole. @default - starts at once */
  readonly queue?: string;
  /** Store that receives checkpoints, e.g. `s3://bucket/prefix`. */
  readonly checkpointUri: string;
  /** Room for checkpoints before they are uploaded, on the node's disk, in GiB. @default 100 */
  readonly checkpointGiB?: number;
  /** Claim of the parallel scratch. @default - none */
  readonly scratchClaimName?: string;
  /** Further environment variables that are not secret. @default {} */
  readonly env?: Readonly<Record<string, string>>;
  /** Environment variables from Kubernetes Secrets of the namespace. @default {} */
  readonly secretEnv?: Readonly<Record<string, SecretKey>>;
  /** Service account, which this construct creates. @default - named like the job, without annotations */
  readonly serviceAccount?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
  /** Further labels of the pods, e.g. those of a workload identity. @default {} */
  readonly podLabels?: Readonly<Record<string, string>>;
  /** Where the pods may connect to, DNS and one another apart. @default [] */
  readonly egress?: readonly EgressRule[];
  /** Failures of the program before the job fails; lost nodes do not count. @default 3 */
  readonly backoffLimit?: number;
  /** Seconds to write a last checkpoint when a node is taken away. @default 120 */
  readonly checkpointGraceSeconds?: number;
  /** Platform that it belongs to, as a label. @default - none */
  readonly platform?: string;
}

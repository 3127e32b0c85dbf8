import type { Accelerator } from '../accelerators';
import type { Capacity } from '../capacity';
import type { PriceTable } from '../select-shape';
import type { ICluster } from './cluster';

/** Props of a pool of accelerator nodes. */
export interface GpuNodePoolProps {
  readonly cluster: ICluster;
  /** Name of the pool: label of its nodes; unique in the cluster. */
  readonly name: string;
  readonly accelerator: Accelerator;
  /** Accelerators of one node, at least. @default 1 */
  readonly gpusPerNode?: number;
  /** vCPUs of one node, at least. @default 1 */
  readonly vcpus?: number;
  /** Memory of one node in GiB, at least. @default 1 */
  readonly memoryGiB?: number;
  /** @default 0 */
  readonly minNodes?: number;
  readonly maxNodes: number;
  /** Rungs in the order in which they are tried. @default [Capacity.onDemand()] */
  readonly capacity?: readonly Capacity[];
  /** `auto` uses the fast fabric of the chosen shape, and keeps the pool in one zone. @default 'none' */
  readonly fabric?: 'auto' | 'none';
  /** Size of each node's disk for images and scratch in GiB. @default 200 */
  readonly diskGiB?: number;
  /**
   * Whether nodes at work are replaced, a few at a time, when their image or their settings have a successor: for pods that may be
   * moved, such as replicas. Otherwise a node waits for its pods, where they say that they must not be disrupted.
   *
   * @default false
   */
  readonly rollingUpdates?: boolean;
  /** Prices by shape name. @default - none: the smallest shape is chosen */
  readonly prices?: PriceTable;
}

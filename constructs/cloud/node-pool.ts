import type { Capacity } from '../capacity';
import type { Placement } from '../scheduling';
import type { NodeShape, PriceTable } from '../select-shape';
import type { IBuildingBlock } from './building-block';
import type { ICluster } from './cluster';

/** Props of a pool of nodes without accelerators. */
export interface NodePoolProps {
  readonly cluster: ICluster;
  /** Name of the pool: label of its nodes; unique in the cluster. */
  readonly name: string;
  /** vCPUs of one node, at least. @default 4 */
  readonly vcpus?: number;
  /** Memory of one node in GiB, at least. @default 16 */
  readonly memoryGiB?: number;
  /** @default 0 */
  readonly minNodes?: number;
  readonly maxNodes: number;
  /** Rungs in the order in which they are tried. @default [Capacity.onDemand()] */
  readonly capacity?: readonly Capacity[];
  /** Prices by shape name. @default - none: the smallest shape is chosen */
  readonly prices?: PriceTable;
}

/** A pool of nodes, with what pods need to land on it. */
export interface INodePool extends IBuildingBlock {
  readonly poolName: string;
  /** The chosen shape. */
  readonly shape: NodeShape;
  readonly minNodes: number;
  readonly maxNodes: number;
  /** Node selector and tolerations. */
  readonly placement: Placement;
  /** Extended resources that a pod on a whole node asks for besides GPUs, e.g. `vpc.amazonaws.com/efa: '32'`. */
  readonly fabricResources: Readonly<Record<string, string>>;
  /** Command by which a person labels the nodes once. @default - nodes come with the labels of their pool */
  readonly labelCommand?: string;
}

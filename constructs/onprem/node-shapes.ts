import type { Accelerator } from '../accelerators';
import type { Architecture, Fabric, NodeShape } from '../select-shape';
import { unusableInventory } from './errors';

/** One kind of machine, as the capacity of its nodes says. */
export interface OnPremShape {
  /** @default - made of accelerator, vCPUs and memory, e.g. `8x-nvidia-h100-224cpu-2048gib` */
  readonly name?: string;
  /** @default - none */
  readonly accelerator?: Accelerator;
  /** Accelerators of one node. @default - 1 with an accelerator, else 0 */
  readonly gpus?: number;
  readonly vcpus: number;
  /** Memory of one node in GiB. */
  readonly memoryGiB: number;
  /** @default 'amd64' */
  readonly architecture?: Architecture;
  /** @default - none */
  readonly fabric?: Fabric;
  /** Local NVMe storage in GB. @default 0 */
  readonly localStorageGB?: number;
}

/** Nodes of one kind that the cluster has. */
export interface OnPremNodes {
  /** Pool that they form. @default - any pool whose request they hold */
  readonly pool?: string;
  /** The machine, or one of `ONPREM_GPU_SERVERS`. */
  readonly shape: OnPremShape;
  /** How many there are. */
  readonly count: number;
  /** Labels by which they are found, for the command that adds the pool's label. @default - chosen by hand */
  readonly labels?: Readonly<Record<string, string>>;
  /** Extended resources that reach the fast fabric, e.g. `{ 'rdma/hca_shared_devices_a': '1' }`. @default - none */
  readonly fabricResources?: Readonly<Record<string, string>>;
}

/** The shape of a row. @throws LNMT2301 for a machine that cannot be */
export function shapeOf(row: OnPremNodes, index: number): NodeShape {
  const { accelerator, vcpus, memoryGiB } = row.shape;
  const gpus = row.shape.gpus ?? (accelerator ? 1 : 0);
  const counts = { count: row.count, vcpus, memoryGiB };
  const bad = Object.entries(counts).find(([, value]) => !(Number.isFinite(value) && value >= 1));
  if (bad) throw unusableInventory(`nodes[${index}].${bad[0]}`, String(bad[1]));
  if (!Number.isInteger(row.count)) throw unusableInventory(`nodes[${index}].count`, String(row.count));
  if (gpus > 0 !== (accelerator !== undefined)) {
    throw unusableInventory(`nodes[${index}].shape`, `${gpus} gpus and ${accelerator?.name ?? 'no accelerator'}`);
  }
  const prefix = accelerator ? `${gpus}x-${accelerator.name}-` : '';
  return {
    name: row.shape.name ?? `${prefix}${vcpus}cpu-${memoryGiB}gib`,
    gpus,
    vcpus,
    memoryGiB,
    architecture: row.shape.architecture ?? 'amd64',
    ...(accelerator ? { accelerator } : {}),
    ...(row.shape.fabric ? { fabric: row.shape.fabric } : {}),
    ...(row.shape.localStorageGB === undefined ? {} : { localStorageGB: row.shape.localStorageGB }),
  };
}

/** Rows that may form a pool: those of its name, else those that name no pool. */
export function rowsOf(inventory: readonly OnPremNodes[], pool: string): readonly OnPremNodes[] {
  const named = inventory.filter((row) => row.pool === pool);
  return named.length > 0 ? named : inventory.filter((row) => row.pool === undefined);
}

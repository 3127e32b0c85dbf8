import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import type { Addon } from '../addons/addon';
import { gpuOperator } from '../addons/gpu-operator';
import type { Capacity } from '../capacity';
import { ordered, wholeNumber } from '../checks';
import { refuseGap } from '../cloud/cloud';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import type { INodePool, NodePoolProps } from '../cloud/node-pool';
import type { NodeTaint, Placement } from '../scheduling';
import { GPU_TAINT, poolLabels, poolPlacement } from '../scheduling';
import { selectShape } from '../select-shape';
import type { NodeShape, PriceTable, ShapeRequest } from '../select-shape';
import { LnmtError } from '../errors';
import { expectHere, ONPREM } from './context';
import type { OnPremContext, OnPremSite } from './context';
import { nodesOfAnotherPool, tooFewNodes } from './errors';
import { rowsOf, shapeOf } from './node-shapes';
import type { OnPremNodes } from './node-shapes';

/** What pools with and without accelerators are made of. */
export interface AdoptedPoolProps {
  readonly name: string;
  readonly row: OnPremNodes;
  readonly shape: NodeShape;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly fabricResources: Readonly<Record<string, string>>;
  readonly addons: readonly Addon[];
}

/** Nodes of the inventory, under the label of a pool. Nothing is created: a person labels the nodes once. */
export class AdoptedPool extends Construct implements INodePool {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly poolName: string;
  readonly shape: NodeShape;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly placement: Placement;
  readonly fabricResources: Readonly<Record<string, string>>;
  /** Command that labels the nodes, and taints those with accelerators. */
  readonly labelCommand: string;

  constructor(scope: Construct, id: string, props: AdoptedPoolProps) {
    super(scope, id);
    const { accelerator } = props.shape;
    const taints: readonly NodeTaint[] = accelerator ? [GPU_TAINT] : [];
    this.kubernetes = { addons: props.addons, objects: [] };
    this.poolName = props.name;
    this.shape = props.shape;
    this.minNodes = props.minNodes;
    this.maxNodes = props.maxNodes;
    this.fabricResources = props.fabricResources;
    this.placement = poolPlacement(props.name, taints);
    this.labelCommand = labelCommand(props.row, poolLabels(props.name, accelerator), taints);
  }
}

/** A pool of nodes without accelerators, adopted from the inventory; never larger than it. */
export class OnPremNodePool extends AdoptedPool {
  /**
   * @throws LNMT1002 and LNMT1003 for unusable bounds, LNMT1006 when no row holds the request, LNMT1007 for spot and
   * reserved capacity, LNMT2307 when fewer nodes exist than `minNodes`
   */
  constructor(scope: Construct, id: string, props: NodePoolProps & OnPremContext) {
    const { row, shape } = chooseRow(scope, props.site, {
      pool: props.name,
      request: { vcpus: props.vcpus ?? 4, memoryGiB: props.memoryGiB ?? 16 },
      ...(props.prices ? { prices: props.prices } : {}),
    });
    const bounds = checkBounds(scope, props, { row, shape });
    super(scope, id, {
      name: props.name,
      row,
      shape,
      minNodes: bounds.minNodes,
      maxNodes: Math.min(bounds.maxNodes, row.count),
      fabricResources: {},
      addons: [],
    });
    expectHere(this, { cluster: props.cluster });
    refuseBoughtCapacity(this, props.site, props.capacity);
  }
}

/** The GPU operator, with the parts that the nodes do not have. */
export function gpuAddons(site: OnPremSite): readonly Addon[] {
  return [gpuOperator({ stack: site.gpuStack })];
}

/** A row of the inventory with its shape. */
export interface ShapedRow {
  readonly row: OnPremNodes;
  readonly shape: NodeShape;
}

/**
 * The row of the inventory that holds a request.
 *
 * @throws LNMT1006 when none does, LNMT2309 when only those of other pools do
 */
export function chooseRow(
  scope: IConstruct,
  site: OnPremSite,
  wanted: { readonly pool: string; readonly request: ShapeRequest; readonly prices?: PriceTable },
): ShapedRow {
  const all = site.inventory.map((row, index) => ({ row, shape: shapeOf(row, index) }));
  const names = rowsOf(site.inventory, wanted.pool);
  const own = all.filter(({ row }) => names.includes(row));
  const { request, prices } = wanted;
  const target = `pool ${wanted.pool} of ${site.clusterName}`;
  // The whole inventory first: what fits nowhere is answered with the nearest of all machines.
  const anywhere = selectShape(target, site.nodeShapes, request, prices, scope);
  try {
    const shapes = own.map(({ shape }) => shape);
    const best = selectShape(target, shapes, request, prices, scope);
    return { row: own[shapes.indexOf(best)]?.row ?? { shape: best, count: 0 }, shape: best };
  } catch (error) {
    if (!LnmtError.isLnmtError(error)) throw error;
    const other = all.find(({ shape }) => shape.name === anywhere.name)?.row.pool;
    throw nodesOfAnotherPool(scope, wanted.pool, other ?? 'without a name');
  }
}

/** Checks the bounds of a pool against each other and the inventory. */
export function checkBounds(
  scope: IConstruct,
  pool: { readonly name: string; readonly minNodes?: number; readonly maxNodes: number },
  { row, shape }: ShapedRow,
): { readonly minNodes: number; readonly maxNodes: number } {
  const minNodes = wholeNumber(scope, 'minNodes', pool.minNodes ?? 0, { min: 0, unit: 'nodes' });
  const maxNodes = wholeNumber(scope, 'maxNodes', pool.maxNodes, { min: 1, unit: 'nodes' });
  ordered(scope, ['minNodes', minNodes], ['maxNodes', maxNodes]);
  if (minNodes > row.count) throw tooFewNodes(scope, pool.name, minNodes, { shape: shape.name, count: row.count });
  return { minNodes, maxNodes };
}

/** Refuses rungs of a capacity ladder that only a cloud sells. @throws LNMT1007 for spot and reserved capacity */
export function refuseBoughtCapacity(scope: IConstruct, site: OnPremSite, ladder: readonly Capacity[] = []): void {
  const target = { name: ONPREM, gaps: site.gaps };
  for (const rung of ladder) {
    if (rung.kind === 'spot') refuseGap(target, scope, 'spot-capacity');
    if (rung.kind === 'reserved') refuseGap(target, scope, 'reserved-capacity');
  }
}

function labelCommand(
  row: OnPremNodes,
  labels: Readonly<Record<string, string>>,
  taints: readonly NodeTaint[],
): string {
  const pairs = (entries: Readonly<Record<string, string>>): string[] =>
    Object.entries(entries).map(([key, value]) => `${key}=${value}`);
  const selector = row.labels ? `--selector ${pairs(row.labels).join(',')}` : 'NODE…';
  const label = `kubectl label nodes ${selector} --overwrite ${pairs(labels).join(' ')}`;
  const taint = taints.map(({ key, value, effect }) => `${key}=${value}:${effect}`).join(' ');
  return taint === '' ? label : `${label} && kubectl taint nodes ${selector} --overwrite ${taint}`;
}

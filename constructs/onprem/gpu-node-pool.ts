import type { Construct } from 'constructs';
import type { IConstruct } from 'constructs';
import { refuseGap } from '../cloud/cloud';
import type { GpuNodePoolProps } from '../cloud/gpu-node-pool';
import type { NodeShape } from '../select-shape';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';
import { fabricNotDescribed } from './errors';
import { AdoptedPool, checkBounds, chooseRow, gpuAddons, refuseBoughtCapacity } from './node-pool';
import type { OnPremNodes } from './node-shapes';

/** A pool of accelerator nodes, adopted from the inventory, with the GPU operator where the nodes need it. */
export class OnPremGpuNodePool extends AdoptedPool {
  /**
   * @throws LNMT1006 when no row of the inventory holds the request, LNMT1007 for more nodes than there are and for spot
   * and reserved capacity, LNMT2307 when fewer exist than `minNodes`, LNMT2308 for a fabric without resources
   */
  constructor(scope: Construct, id: string, props: GpuNodePoolProps & OnPremContext) {
    const { row, shape } = chooseRow(scope, props.site, {
      pool: props.name,
      request: {
        accelerator: props.accelerator,
        gpus: props.gpusPerNode ?? 1,
        vcpus: props.vcpus ?? 1,
        memoryGiB: props.memoryGiB ?? 1,
      },
      ...(props.prices ? { prices: props.prices } : {}),
    });
    const bounds = checkBounds(scope, props, { row, shape });
    refuseMoreThanThereAre(scope, props, { row, shape });
    super(scope, id, {
      name: props.name,
      row,
      shape,
      ...bounds,
      fabricResources: fabricOf(scope, props, { row, shape }),
      addons: gpuAddons(props.site),
    });
    expectHere(this, { cluster: props.cluster });
    refuseBoughtCapacity(this, props.site, props.capacity);
  }
}

// A training job waits for all of its nodes: one that cannot ever exist would wait for good.
function refuseMoreThanThereAre(
  scope: IConstruct,
  { name, maxNodes, site }: GpuNodePoolProps & OnPremContext,
  { row, shape }: { readonly row: OnPremNodes; readonly shape: NodeShape },
): void {
  if (maxNodes <= row.count) return;
  const gap = site.gaps['node-provisioning'];
  const gaps = {
    'node-provisioning': {
      reason: `${gap?.reason ?? ''}; pool ${name} asks for ${maxNodes} nodes (maxNodes) and has ${row.count} of shape ${shape.name}`,
      alternative: gap?.alternative ?? '',
    },
  };
  refuseGap({ name: ONPREM, gaps }, scope, 'node-provisioning');
}

function fabricOf(
  scope: IConstruct,
  props: GpuNodePoolProps,
  { row, shape }: { readonly row: OnPremNodes; readonly shape: NodeShape },
): Readonly<Record<string, string>> {
  if (props.fabric !== 'auto' || shape.fabric === undefined) return {};
  if (row.fabricResources === undefined) throw fabricNotDescribed(scope, props.name, shape.name);
  return row.fabricResources;
}

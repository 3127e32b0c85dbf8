import type { IConstruct } from 'constructs';
import { expectCloud } from '../cloud/building-block';
import type { IBuildingBlock } from '../cloud/building-block';
import type { CapabilityGaps } from '../cloud/cloud';
import type { EgressRule } from '../cloud/egress';
import type { NodeShape } from '../select-shape';
import type { OnPremCertificates } from './certificates';
import { foreignConstruct } from './errors';
import type { OnPremFileStorage } from './file-storage';
import type { OnPremGpuStack } from './onprem-gpu-stack';
import type { OnPremNodes } from './node-shapes';
import type { OnPremObjectStorage } from './object-storage';
import type { OnPremSecrets } from './secret-backend';

/** Name of this target, the value of `cloud` on all of its blocks. */
export const ONPREM = 'onprem';

/** What there is, with every default filled in: what the building blocks of one `OnPremCloud` share. */
export interface OnPremSite {
  readonly clusterName: string;
  readonly kubeconfig: { readonly path?: string; readonly context?: string };
  /** IPv4 range of the nodes. */
  readonly cidr: string;
  readonly gaps: CapabilityGaps;
  readonly inventory: readonly OnPremNodes[];
  readonly nodeShapes: readonly NodeShape[];
  readonly gpuStack: OnPremGpuStack;
  readonly objectStorage: OnPremObjectStorage;
  readonly fileStorage: OnPremFileStorage;
  readonly blockStorageClass?: string;
  readonly parallelStorageClass?: string;
  readonly registry?: string;
  readonly secrets: OnPremSecrets;
  readonly certificates?: OnPremCertificates;
  readonly resourceMetrics: 'install' | 'install-unverified' | 'present';
  readonly egress: readonly EgressRule[];
  readonly clientNamespaces?: readonly string[];
}

/** What every building block of this folder knows besides its own props. `OnPremCloud` passes it. */
export interface OnPremContext {
  readonly site: OnPremSite;
}

/** Marks a construct as one of this folder, recognised across copies of the package. */
export function brand(block: object, symbol: symbol): void {
  Object.defineProperty(block, symbol, { value: true });
}

/**
 * Narrows a neutral block to the construct of this folder that carries the brand.
 *
 * @throws LNMT1008 for a block of another cloud, LNMT2303 for one that was not made by this folder
 */
export function expectBrand<T extends IBuildingBlock>(
  scope: IConstruct,
  property: string,
  block: IBuildingBlock,
  { symbol, factory }: { readonly symbol: symbol; readonly factory: string },
): T {
  expectCloud(scope, property, block, ONPREM);
  if (!(symbol in block)) throw foreignConstruct(scope, property, block.node.path, factory);
  return block as T;
}

/** Checks that the neutral blocks among the props live here. @throws LNMT1008 when one does not */
export function expectHere(scope: IConstruct, blocks: Readonly<Record<string, IBuildingBlock | undefined>>): void {
  for (const [property, block] of Object.entries(blocks)) {
    if (block !== undefined) expectCloud(scope, property, block, ONPREM);
  }
}

import { createHash } from 'node:crypto';
import type { InferenceCall } from '../serving/layer';
import type { Run } from './frame';
import type { PlannedNode, PlannedStep } from './plan';
import type { StickyKey } from './spec';

type Splitter = PlannedNode & { readonly kind: 'splitter' };

const SHARE_BYTES = 6;

/** What keeps this caller on its branch; undefined where the request does not say. */
function keyOf(key: StickyKey | undefined, { attribute, caller, request }: InferenceCall): string | undefined {
  switch (key?.kind) {
    case undefined:
      return undefined;
    case 'header':
      return attribute(key.name);
    case 'parameter': {
      const { parameters = {} } = request;
      const value = Object.hasOwn(parameters, key.name) ? parameters[key.name] : undefined;
      return value === undefined ? undefined : String(value);
    }
    case 'caller':
      return caller?.id;
    case 'id':
      return request.id;
  }
}

/** A place from 0 to below 1 for a key: always the same, evenly spread, and another for each splitter. */
export function shareOf(salt: string, key: string): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([salt, key]))
    .digest();
  return digest.readUIntBE(0, SHARE_BYTES) / 2 ** (8 * SHARE_BYTES);
}

/** The branch at a place from 0 to below 1, each as wide as its weight. */
export function branchAt<B extends { readonly weight: number }>(branches: readonly B[], share: number): B | undefined {
  const total = branches.reduce((sum, { weight }) => sum + weight, 0);
  let rest = share * total;
  return branches.find(({ weight }) => {
    rest -= weight;
    return rest < 0;
  });
}

/** The branch that a request takes: by its key where it has one, else by chance. */
export function chooseBranch({ pipeline, call, random }: Run, node: Splitter): PlannedStep {
  const key = keyOf(node.key, call);
  const share = key === undefined ? random() : shareOf(`${pipeline.name}/${node.name}`, key);
  const branch = branchAt(node.branches, share) ?? node.branches.findLast(({ weight }) => weight > 0);
  if (branch === undefined) throw new TypeError('a splitter without a weight; this is a bug');
  return branch;
}

import { EFA_RESOURCE } from '../addons/efa-device-plugin';
import type { NodeShape } from '../select-shape';
import { EFA_STARTS_AT_CARD_ONE } from './gpu-shapes';

/** One network interface of a machine. */
export interface NetworkInterface {
  /** Card, counted from 0. */
  readonly networkCardIndex: number;
  /** Device on its card, counted from 0. */
  readonly deviceIndex: number;
  /** IP, or the fabric alone. */
  readonly interfaceType: 'interface' | 'efa-only';
}

/**
 * Interfaces that use the whole fabric of a shape and a single address: one for IP, the rest for EFA only. Empty for a shape
 * without EFA.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html
 */
export function efaInterfaces(shape: NodeShape): readonly NetworkInterface[] {
  if (shape.fabric?.kind !== 'efa') return [];
  const first = EFA_STARTS_AT_CARD_ONE.includes(shape.name) ? 1 : 0;
  const devices = Array.from({ length: shape.fabric.interfaces }, (_, index): NetworkInterface => {
    const networkCardIndex = first + index;
    // Card 0 carries the IP interface as its device 0.
    return { networkCardIndex, deviceIndex: networkCardIndex === 0 ? 1 : 0, interfaceType: 'efa-only' };
  });
  return [{ networkCardIndex: 0, deviceIndex: 0, interfaceType: 'interface' }, ...devices];
}

/**
 * What a pod on a whole node asks for to get the fabric.
 *
 * @param hugePages whether the nodes allocate huge pages at boot and Karpenter has no part in launching them: it knows of huge
 * pages on no instance type, and would never launch a node for a pod that asks for them
 * @see https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html
 * @see https://github.com/kubernetes-sigs/karpenter/issues/751
 */
export function efaResources(shape: NodeShape, hugePages: boolean): Readonly<Record<string, string>> {
  if (shape.fabric?.kind !== 'efa') return {};
  return {
    [EFA_RESOURCE]: String(shape.fabric.interfaces),
    ...(hugePages ? { 'hugepages-2Mi': '5120Mi' } : {}),
  };
}

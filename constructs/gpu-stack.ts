/** Who owns one part of the GPU software of a node. */
export type GpuPartOwner = 'node-image' | 'cloud' | 'gpu-operator';

/**
 * Owner of each part of the GPU software stack. Exactly one owner a part: two drivers break a node, two device plugins
 * count its GPUs twice. A cloud offers complete stacks only, so that a wrong pair of node-pool flag and operator value
 * cannot be expressed.
 */
export interface GpuStack {
  /** Name of the mode, e.g. `al2023`. */
  readonly mode: string;
  readonly driver: GpuPartOwner;
  /** Container toolkit. */
  readonly toolkit: GpuPartOwner;
  readonly devicePlugin: GpuPartOwner;
}

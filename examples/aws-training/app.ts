import type { App } from 'cdktf';
import { Accelerator, Block, Capacity, ClusterAccess, Images } from 'lnmt';
import { AwsCloud, AwsGpuStack } from 'lnmt/aws';
import { PlatformStacks, StateBackend } from 'lnmt/stacks';
import digests from './images.json';

/**
 * Nodes with eight H100 each, from a reservation first, then on demand, then from spot capacity; with EFA, Lustre scratch and
 * a sample job on two nodes. A platform that only trains needs no cache and no document store.
 */
export function build(app: App): void {
  new PlatformStacks(app, 'lab', {
    cloud: new AwsCloud({ region: 'us-east-2', gpuStack: AwsGpuStack.bottlerocket() }),
    platform: {
      environment: 'staging',
      access: ClusterAccess.insideNetwork(),
      cache: Block.off(),
      documentStore: Block.off(),
      bastion: Block.create({}),
    },
    training: [
      {
        id: 'trainers',
        accelerator: Accelerator.NVIDIA_H100,
        gpusPerNode: 8,
        maxNodes: 4,
        capacity: [Capacity.reserved({ tags: { purpose: 'lab' } }), Capacity.onDemand(), Capacity.spot()],
        scratch: Block.create({ sizeGiB: 4800 }),
        sampleJob: { nodes: 2 },
      },
    ],
    images: Images.fromPlatform(digests),
    state: StateBackend.s3({ bucket: 'example-terraform-state', region: 'us-east-2', prefix: 'lab' }),
  });
}

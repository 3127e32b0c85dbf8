import type { TerraformStack } from 'cdktf';
import type { IBuildingBlock, ICluster, INetwork } from 'lnmt';
import { ClusterAccess } from 'lnmt';
import { OnPremCloud, OnPremFileStorage, OnPremObjectStorage, ONPREM_GPU_SERVERS } from 'lnmt/onprem';
import type { OnPremCloudProps } from 'lnmt/onprem';
import { renderObjects, testStack } from 'lnmt/testing';
import type { JsonObject } from 'lnmt/testing';

export const SITE: OnPremCloudProps = {
  clusterName: 'plant-7',
  network: { cidr: '10.20.0.0/16' },
  nodes: [
    { shape: { vcpus: 32, memoryGiB: 128 }, count: 3 },
    { pool: 'trainers', shape: ONPREM_GPU_SERVERS.dgxH100, count: 4, labels: { 'example.com/kind': 'dgx' } },
  ],
  objectStore: OnPremObjectStorage.s3({
    endpoint: 'https://s3.example.com:9000',
    bucket: 'lnmt',
    credentialsSecret: ['ml', 's3'],
  }),
  fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/lnmt' }),
};

/** A site with network and cluster, ready for the block under test. */
export class Bench {
  readonly stack: TerraformStack = testStack('ml');
  readonly cloud: OnPremCloud;
  readonly network: INetwork;
  readonly cluster: ICluster;

  constructor(changes: Partial<OnPremCloudProps> = {}) {
    this.cloud = new OnPremCloud({ ...SITE, ...changes });
    this.network = this.cloud.compute.network(this.stack, 'network', { naming: ['ml'] });
    this.cluster = this.cloud.compute.cluster(this.stack, 'cluster', {
      naming: ['ml'],
      network: this.network,
      version: '1.36',
      access: ClusterAccess.insideNetwork(),
    });
  }

  /** What blocks in a network and a cluster share. */
  get placed(): { readonly network: INetwork; readonly cluster: ICluster } {
    return { network: this.network, cluster: this.cluster };
  }
}

/** Objects of one kind that a block brings. */
export function objectsOf(block: IBuildingBlock, kind: string): readonly JsonObject[] {
  return renderObjects(block.kubernetes)
    .filter((rendered) => rendered.kind === kind)
    .map((rendered) => rendered.object);
}

/** Names of the add-ons that a block brings. */
export function addonsOf(block: IBuildingBlock): readonly string[] {
  return block.kubernetes.addons.map((addon) => addon.name);
}

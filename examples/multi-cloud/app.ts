import type { App } from 'cdktf';
import type { ICloud } from 'lnmt';
import { Accelerator, Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { OnPremCloud, OnPremFileStorage, OnPremObjectStorage } from 'lnmt/onprem';
import { PlatformStacks, StateBackend } from 'lnmt/stacks';
import digests from './images.json';

/** The targets; everything else is the same for all of them. */
const targets: Readonly<Record<string, ICloud>> = {
  ireland: new AwsCloud({ region: 'eu-west-1' }),
  california: new AwsCloud({ region: 'us-west-1' }),
  basement: new OnPremCloud({
    network: { cidr: '10.40.0.0/16' },
    nodes: [
      { shape: { vcpus: 16, memoryGiB: 64 }, count: 4 },
      { shape: { accelerator: Accelerator.NVIDIA_L4, gpus: 4, vcpus: 64, memoryGiB: 256 }, count: 3 },
    ],
    objectStore: OnPremObjectStorage.s3({
      endpoint: 'https://s3.example.com',
      bucket: 'lnmt',
      credentialsSecret: ['basement', 's3'],
    }),
    fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/lnmt' }),
    registry: 'registry.example.com/lnmt',
  }),
};

/** The same platform with the same two endpoints on every target, two stacks each. */
export function build(app: App): void {
  for (const [id, cloud] of Object.entries(targets)) {
    new PlatformStacks(app, id, {
      cloud,
      platform: { environment: 'staging', access: ClusterAccess.publicFrom('203.0.113.0/24') },
      endpoints: [
        {
          id: 'digits',
          model: Model.fromStore('digits', 3),
          scaling: Scaling.between(2, 10).cpu(70),
          auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
        },
        {
          id: 'captions',
          model: Model.fromStore('captions', 2),
          accelerator: Accelerator.NVIDIA_L4,
          scaling: Scaling.between(1, 3).requestsPerSecond(10),
          auth: Auth.apiKeys(SecretReference.fromStore('captions-api-keys')),
        },
      ],
      images: Images.fromPlatform(digests),
      state: StateBackend.local(),
    });
  }
}

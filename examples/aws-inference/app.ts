import type { App } from 'cdktf';
import { Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { PlatformStacks, StateBackend } from 'lnmt/stacks';
import digests from './images.json';

/** Recognises handwritten digits on CPUs, on a platform of its own in AWS: stacks `ml-infra` and `ml-workloads`. */
export function build(app: App): void {
  new PlatformStacks(app, 'ml', {
    cloud: new AwsCloud({ region: 'eu-west-1' }),
    platform: {
      environment: 'production',
      access: ClusterAccess.publicFrom('203.0.113.0/24'),
      tags: { team: 'ml', 'cost-center': 'research' },
    },
    endpoints: [
      {
        id: 'digits',
        model: Model.fromStore('digits', 3),
        scaling: Scaling.between(3, 50).cpu(70).requestsPerSecond(100),
        auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
        ingressFrom: [{ description: 'the shop', namespace: { name: 'shop' } }],
      },
    ],
    images: Images.fromPlatform(digests),
    state: StateBackend.s3({ bucket: 'example-terraform-state', region: 'eu-west-1' }),
  });
}

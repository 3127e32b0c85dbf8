import type { App } from 'cdktf';
import { Auth, ClusterAccess, Delivery, Images, Model, Scaling, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { PlatformStacks, StateBackend } from 'lnmt/stacks';
import digests from './images.json';

/** Terraform installs Argo CD and one Application; everything that runs in the cluster is pulled from git. */
export function build(app: App): void {
  new PlatformStacks(app, 'ml', {
    cloud: new AwsCloud({ region: 'eu-central-1' }),
    platform: { environment: 'production', access: ClusterAccess.publicFrom('203.0.113.0/24') },
    endpoints: [
      {
        id: 'digits',
        model: Model.fromStore('digits', 3),
        scaling: Scaling.between(2, 20).requestsPerSecond(100),
        auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
      },
    ],
    images: Images.fromPlatform(digests),
    delivery: Delivery.argocd({ repo: { url: 'https://git.example.com/ml/platform.git', path: 'gitops' } }),
    state: StateBackend.s3({ bucket: 'example-terraform-state', region: 'eu-central-1' }),
  });
}

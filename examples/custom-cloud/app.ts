import type { App } from 'cdktf';
import { Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import { PlatformStacks } from 'lnmt/stacks';
import digests from './images.json';
import { WorkshopCloud } from './workshop-cloud';

/** The same platform as on every other target, on a cloud that LNMT has never heard of. */
export function build(app: App): void {
  new PlatformStacks(app, 'shop', {
    cloud: new WorkshopCloud(),
    platform: { environment: 'staging', access: ClusterAccess.publicFrom('203.0.113.0/24') },
    endpoints: [
      {
        id: 'digits',
        model: Model.fromStore('digits', 3),
        scaling: Scaling.between(2, 10).cpu(70),
        auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
      },
    ],
    images: Images.fromPlatform(digests),
  });
}

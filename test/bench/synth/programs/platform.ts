import { App } from 'cdktf';
import type { ICloud } from 'lnmt';
import { Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import { PlatformStacks } from 'lnmt/stacks';

/** The platform of the quickstart on one target, with any number of endpoints. */
export function synthesize(cloud: ICloud, endpoints: number): void {
  const app = new App({ skipValidation: false });
  new PlatformStacks(app, 'ml', {
    cloud,
    platform: { environment: 'production', access: ClusterAccess.publicFrom('203.0.113.0/24') },
    endpoints: Array.from({ length: endpoints }, (_, index) => ({
      id: index === 0 ? 'digits' : `digits${index}`,
      model: Model.fromStore('digits', index + 1),
      scaling: Scaling.between(3, 50).cpu(70).memory(80).requestsPerSecond(100),
      auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
    })),
    images: Images.from('registry.example.com/lnmt', { inference: `sha256:${'0'.repeat(64)}` }),
  });
  app.synth();
}

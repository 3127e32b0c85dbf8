import type { App } from 'cdktf';
import type { ICloud } from 'lnmt';
import { Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { OnPremCloud, OnPremFileStorage, OnPremObjectStorage } from 'lnmt/onprem';
import { PlatformStacks } from 'lnmt/stacks';
import { DIGITS_MODEL } from './digits';

/** Every target that there is. One row more is one target more. */
export const TARGETS: Readonly<Record<string, () => ICloud>> = {
  aws: () => new AwsCloud({ region: 'eu-west-1' }),
  onprem: () =>
    new OnPremCloud({
      network: { cidr: '10.40.0.0/16' },
      nodes: [{ shape: { vcpus: 16, memoryGiB: 64 }, count: 50 }],
      objectStore: OnPremObjectStorage.s3({
        endpoint: 'https://s3.example.com',
        bucket: 'lnmt',
        credentialsSecret: ['site', 's3'],
      }),
      fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/lnmt' }),
      registry: 'registry.example.com/lnmt',
    }),
};

/** Digest of an image that was never built: the quickstart runs the server from this repository. */
const DIGESTS = { inference: `sha256:${'0'.repeat(64)}` };

/** The same platform on one target: the digits model behind an endpoint that scales from 3 to 50 replicas. */
export function buildTarget(app: App, target: string): PlatformStacks {
  const cloud = TARGETS[target];
  if (cloud === undefined) throw new Error(`no target ${target}; there are ${Object.keys(TARGETS).join(', ')}`);
  return new PlatformStacks(app, target, {
    cloud: cloud(),
    platform: { environment: 'production', access: ClusterAccess.publicFrom('203.0.113.0/24') },
    endpoints: [
      {
        id: 'digits',
        model: Model.fromStore(DIGITS_MODEL.name, Number(DIGITS_MODEL.version)),
        scaling: Scaling.between(3, 50).cpu(70).memory(80).requestsPerSecond(100),
        auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
      },
    ],
    images: Images.from('registry.example.com/lnmt', DIGESTS),
  });
}

/** The same platform on every target. */
export function build(app: App): void {
  for (const target of Object.keys(TARGETS)) buildTarget(app, target);
}

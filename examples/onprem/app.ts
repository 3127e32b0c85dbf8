import type { App } from 'cdktf';
import {
  Accelerator,
  Auth,
  Block,
  ClusterAccess,
  Images,
  KServeRuntime,
  Model,
  PodResources,
  Rollout,
  Scaling,
  SecretReference,
} from 'lnmt';
import { OnPremCertificates, OnPremCloud, OnPremFileStorage, OnPremObjectStorage, OnPremSecrets } from 'lnmt/onprem';
import { PlatformStacks } from 'lnmt/stacks';
import digests from './images.json';

/** What the site has. Nothing outside the cluster is created. */
const site = new OnPremCloud({
  clusterName: 'plant-7',
  kubeconfig: { context: 'plant-7' },
  network: { cidr: '10.30.0.0/16' },
  nodes: [
    { shape: { vcpus: 32, memoryGiB: 128 }, count: 6 },
    {
      pool: 'inspection',
      shape: { accelerator: Accelerator.NVIDIA_L40S, gpus: 2, vcpus: 64, memoryGiB: 256 },
      count: 3,
      labels: { 'node-role.example.com/gpu': 'l40s' },
    },
  ],
  objectStore: OnPremObjectStorage.s3({
    endpoint: 'https://s3.example.com',
    bucket: 'plant-7-ml',
    credentialsSecret: ['plant', 's3'],
    cidrs: ['198.51.100.0/24'],
  }),
  fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/ml' }),
  blockStorageClass: 'ceph-block',
  registry: 'harbor.example.com/lnmt',
  secrets: OnPremSecrets.vault({ server: 'https://vault.example.com:8200', role: 'plant-7' }),
  certificates: OnPremCertificates.privateAuthority(['plant', 'authority']),
});

/** Two models in a factory: one on CPUs, one that needs a GPU a replica. */
export function build(app: App): void {
  const { platform, workloads } = new PlatformStacks(app, 'plant', {
    cloud: site,
    platform: {
      environment: 'production',
      access: ClusterAccess.insideNetwork(),
      dns: Block.create({ domainName: 'ml.plant-7.example.com' }),
    },
    endpoints: [
      {
        id: 'digits',
        model: Model.fromStore('digits', 3),
        scaling: Scaling.between(3, 12).cpu(70),
        auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
      },
      {
        id: 'inspection',
        model: Model.fromStore('inspection', 1),
        accelerator: Accelerator.NVIDIA_L40S,
        gpus: 1,
        maxNodes: 3,
        // The weights pass through the memory of the pod on their way to the GPU.
        resources: PodResources.of({ cpu: '4', memory: '16Gi' }),
        // At six replicas no GPU is left: an update has to free one before a new replica finds room, so two are the least.
        scaling: Scaling.between(2, 6).requestsPerSecond(20),
        rollout: Rollout.rolling({ maxUnavailable: 1, maxSurge: 0 }),
        auth: Auth.apiKeys(SecretReference.fromStore('inspection-api-keys')),
      },
    ],
    images: Images.fromPlatform(digests),
  });
  // Teams that already describe models as InferenceServices keep doing so, on our server.
  new KServeRuntime(workloads, 'kserve', {
    platform,
    auth: Auth.apiKeys(SecretReference.fromKubernetes('kserve-api-keys')),
  });
}

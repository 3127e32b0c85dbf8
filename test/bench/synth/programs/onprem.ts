import { OnPremCloud, OnPremFileStorage, OnPremObjectStorage } from 'lnmt/onprem';
import { synthesize } from './platform';

const site = new OnPremCloud({
  network: { cidr: '10.40.0.0/16' },
  nodes: [{ shape: { vcpus: 16, memoryGiB: 64 }, count: 50 }],
  objectStore: OnPremObjectStorage.s3({
    endpoint: 'https://s3.example.com',
    bucket: 'lnmt',
    credentialsSecret: ['site', 's3'],
  }),
  fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/lnmt' }),
  registry: 'registry.example.com/lnmt',
});
synthesize(site, Number(process.argv[2] ?? 1));

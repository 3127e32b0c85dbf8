import {
  OnPremCertificates,
  OnPremCloud,
  OnPremFileStorage,
  OnPremObjectStorage,
  OnPremSecrets,
  ONPREM_GPU_SERVERS,
} from 'lnmt/onprem';
import type { OnPremCloudProps } from 'lnmt/onprem';
import { conformance } from 'lnmt/testing';
import { describe, it } from 'vitest';

const small: OnPremCloudProps = {
  network: { cidr: '10.20.0.0/16' },
  nodes: [
    { shape: { vcpus: 32, memoryGiB: 128 }, count: 3 },
    { pool: 'gpus', shape: ONPREM_GPU_SERVERS.dgxH100, count: 2, labels: { 'example.com/kind': 'dgx' } },
  ],
  objectStore: OnPremObjectStorage.s3({
    endpoint: 'https://s3.example.com:9000',
    bucket: 'lnmt',
    credentialsSecret: ['ml', 's3'],
  }),
  fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/lnmt' }),
};

describe('an on-premises site with S3, NFS and nothing else', () => {
  for (const check of conformance(() => new OnPremCloud(small))) it(check.name, check.run);
});

describe('an on-premises site with Rook, a registry and a private authority', () => {
  const make = (): OnPremCloud =>
    new OnPremCloud({
      ...small,
      objectStore: OnPremObjectStorage.bucketClaim({
        storageClass: 'rook-ceph-bucket',
        endpoint: 'http://rook-ceph-rgw-store.rook-ceph.svc',
      }),
      fileStore: OnPremFileStorage.csi({
        provisioner: 'rook-ceph.cephfs.csi.ceph.com',
        parameters: { clusterID: 'rook-ceph', fsName: 'shared' },
      }),
      parallelStorageClass: 'cephfs-fast',
      registry: 'harbor.example.com/lnmt',
      certificates: OnPremCertificates.privateAuthority(['ca']),
    });
  for (const check of conformance(make)) it(check.name, check.run);
});

describe('an on-premises site with Vault and an issuer of its own', () => {
  const make = (): OnPremCloud =>
    new OnPremCloud({
      ...small,
      secrets: OnPremSecrets.vault({ server: 'https://vault.example.com:8200', role: 'lnmt' }),
      certificates: OnPremCertificates.issuer('site'),
    });
  for (const check of conformance(make)) it(check.name, check.run);
});

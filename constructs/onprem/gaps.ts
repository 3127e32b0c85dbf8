import type { CapabilityGaps } from '../cloud/cloud';
import type { OnPremCloudProps } from './onprem-cloud-props';

const ALWAYS: CapabilityGaps = {
  'virtual-machine': {
    reason: 'machines belong to whoever runs the site',
    alternative: 'use the machine from which you reach the cluster today as bastion',
  },
  'node-provisioning': {
    reason: 'machines are bought, not provisioned',
    alternative: 'lower maxNodes, or add the machines to the cluster and to nodes of OnPremCloud',
  },
  'spot-capacity': {
    reason: 'nobody takes machines of the site back',
    alternative: 'use Capacity.onDemand(), and a queue with preemption for jobs that may wait',
  },
  'reserved-capacity': {
    reason: 'all machines of the site are its own',
    alternative: 'use Capacity.onDemand(), and a quota of the queue to keep machines free',
  },
  'encryption-key': {
    reason: 'there is no key service; the cluster encrypts etcd, the storage encrypts its disks',
    alternative: 'leave the key out, and enable encryption at rest in the cluster and in its storage',
  },
};

/** What a site cannot offer, by what it has. */
export function gapsOf(props: OnPremCloudProps): CapabilityGaps {
  return {
    ...ALWAYS,
    ...(props.parallelStorageClass === undefined
      ? {
          'parallel-file-store': {
            reason: 'the site states no parallel file system',
            alternative: 'set parallelStorageClass of OnPremCloud, or use the file store',
          },
        }
      : {}),
    ...(props.registry === undefined
      ? {
          'container-registry': {
            reason: 'the site states no registry',
            alternative: 'set registry of OnPremCloud to the prefix of a project, e.g. harbor.example.com/lnmt',
          },
        }
      : {}),
    ...(props.certificates === undefined
      ? {
          'dns-zone': {
            reason: 'the site states nobody who signs certificates',
            alternative: 'set certificates of OnPremCloud to a private authority or to an issuer of cert-manager',
          },
        }
      : {}),
  };
}

import { ApiObject } from 'cdk8s';
import type { KubernetesObjects } from '../cloud/kubernetes-parts';

/**
 * The default StorageClass. EKS has had none since Kubernetes 1.30, and charts with volumes expect one. Volumes are
 * encrypted gp3, in the zone of their first pod.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html
 */
export function defaultStorageClass(): KubernetesObjects {
  return {
    id: 'default-storage-class',
    // Beside the charts that ask for volumes: claims that are older than their default class still get it.
    layer: '10-operators',
    define: (chart) => {
      new ApiObject(chart, 'gp3', {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: {
          name: 'gp3',
          annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
        },
        provisioner: 'ebs.csi.aws.com',
        parameters: { type: 'gp3', encrypted: 'true', 'csi.storage.k8s.io/fstype': 'ext4' },
        volumeBindingMode: 'WaitForFirstConsumer',
        reclaimPolicy: 'Delete',
        allowVolumeExpansion: true,
      });
    },
  };
}

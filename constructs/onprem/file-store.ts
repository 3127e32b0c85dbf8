import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { csiDriverNfs } from '../addons/csi-driver-nfs';
import { SHARED_STORAGE_CLASS } from '../cloud/file-store';
import type { FileStoreProps, IFileStore } from '../cloud/file-store';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';
import type { CsiOptions, OnPremFileStorage } from './file-storage';

/** The shared StorageClass on an NFS server or on a driver that the cluster has. Volumes outlive their claims. */
export class OnPremFileStore extends Construct implements IFileStore {
  /** Adopts a StorageClass with ReadWriteMany volumes under its own name. */
  static fromStorageClass(scope: Construct, id: string, storageClassName: string): IFileStore {
    return new ImportedFileStore(scope, id, storageClassName);
  }

  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly storageClassName = SHARED_STORAGE_CLASS;

  constructor(scope: Construct, id: string, props: FileStoreProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { network: props.network, cluster: props.cluster, encryptionKey: props.encryptionKey });
    this.kubernetes = partsOf(props.site.fileStorage);
  }
}

function partsOf({ csi, nfs }: OnPremFileStorage): KubernetesParts {
  if (nfs) return { addons: [csiDriverNfs({ ...nfs, storageClassName: SHARED_STORAGE_CLASS })], objects: [] };
  return csi ? sharedClass(csi) : NO_PARTS;
}

function sharedClass({ parameters, provisioner }: CsiOptions): KubernetesParts {
  return {
    addons: [],
    objects: [
      {
        id: 'shared-storage-class',
        layer: '20-platform',
        define: (chart) =>
          void new ApiObject(chart, 'Class', {
            apiVersion: 'storage.k8s.io/v1',
            kind: 'StorageClass',
            metadata: { name: SHARED_STORAGE_CLASS },
            provisioner,
            parameters,
            reclaimPolicy: 'Retain',
            allowVolumeExpansion: true,
          }),
      },
    ],
  };
}

class ImportedFileStore extends Construct implements IFileStore {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;

  constructor(
    scope: Construct,
    id: string,
    readonly storageClassName: string,
  ) {
    super(scope, id);
  }
}

import { EfsFileSystem } from '@cdktf/provider-aws/lib/efs-file-system';
import { EfsFileSystemPolicy } from '@cdktf/provider-aws/lib/efs-file-system-policy';
import { EfsMountTarget } from '@cdktf/provider-aws/lib/efs-mount-target';
import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { RUN_AS } from '../../runtime/contract';
import { SHARED_STORAGE_CLASS } from '../cloud/file-store';
import type { FileStoreProps, IFileStore } from '../cloud/file-store';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { expectArn } from './arn';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { EfsCsiDriver } from './efs-csi-driver';
import { keyArnOf } from './encryption-key';
import { policyDocument } from './iam';
import { AWS_DATA_NAMES } from './names-data';
import { NodesOnly } from './nodes-only';

const BRAND = Symbol.for('lnmt/aws/file-store');
const NFS = { from: 2049, to: 2049 };

/** A file store on EFS, with what other blocks of AWS need to know of it. */
export interface IEfsFileStore extends IFileStore {
  /** Id of the file system; may be a token. */
  readonly fileSystemId: string;
  /** ARN that AWS Backup selects. */
  readonly backupArn: string;
}

/** What `EfsFileStore.fromFileSystem` needs to know. */
export interface ExistingFileSystem extends AwsContext {
  /** Id of the file system, e.g. `fs-0123`; may be a token. */
  readonly fileSystemId: string;
  /** ARN of the file system; may be a token. */
  readonly fileSystemArn: string;
}

/**
 * An elastic EFS file system with a mount target in every private subnet: encrypted at rest, TLS only, reached from the
 * nodes of one cluster. It grows and shrinks by itself, so that `sizeGiB` has no meaning here. Pods get access points of
 * their own through the storage class, all as the user that LNMT's images run as.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/efs-csi.html
 */
export class EfsFileStore extends Construct implements IEfsFileStore {
  /**
   * Adopts a file system that has mount targets in the network of the cluster and an EFS CSI driver in the cluster.
   *
   * @throws LNMT2100 for what is not an ARN of EFS
   */
  static fromFileSystem(scope: Construct, id: string, existing: ExistingFileSystem): IEfsFileStore {
    return new ImportedFileSystem(scope, id, existing);
  }

  /** Narrows a neutral store. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, store: IFileStore, property = 'fileStore'): IEfsFileStore {
    return expectBrand<IEfsFileStore & Construct>(scope, property, store, BRAND, 'EfsFileStore');
  }

  readonly cloud = AWS;
  readonly storageClassName = SHARED_STORAGE_CLASS;
  readonly kubernetes: KubernetesParts;
  readonly fileSystemId: string;
  readonly backupArn: string;

  constructor(scope: Construct, id: string, props: FileStoreProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const fileSystem = new EfsFileSystem(this, 'Resource', {
      creationToken: legalName(AWS_DATA_NAMES.creationToken, props.naming, this),
      encrypted: true,
      kmsKeyId: keyArnOf(this, props.encryptionKey),
      throughputMode: 'elastic',
      lifecyclePolicy: [{ transitionToIa: 'AFTER_30_DAYS' }, { transitionToPrimaryStorageClass: 'AFTER_1_ACCESS' }],
    });
    stateful(fileSystem, props.naming, props.onRemoval ?? 'retain');
    this.fileSystemId = fileSystem.id;
    this.backupArn = fileSystem.arn;
    new EfsFileSystemPolicy(this, 'Policy', { fileSystemId: fileSystem.id, policy: mountPolicy(fileSystem.arn) });
    this.mountTargets(props);
    new EfsCsiDriver(this, 'Driver', { ...props, fileSystemArn: fileSystem.arn });
    this.kubernetes = storageClass(fileSystem.id);
  }

  private mountTargets(props: FileStoreProps): void {
    const guard = new NodesOnly(this, 'SecurityGroup', { ...props, service: 'NFS', ports: [NFS] });
    guard.subnetIds.forEach((subnetId, index) => {
      new EfsMountTarget(this, `MountTarget${index}`, {
        fileSystemId: this.fileSystemId,
        subnetId,
        securityGroups: [guard.securityGroupId],
      });
    });
  }
}

class ImportedFileSystem extends Construct implements IEfsFileStore {
  readonly cloud = AWS;
  readonly storageClassName = SHARED_STORAGE_CLASS;
  readonly kubernetes: KubernetesParts;
  readonly fileSystemId: string;
  readonly backupArn: string;

  constructor(scope: Construct, id: string, existing: ExistingFileSystem) {
    super(scope, id);
    brand(this, BRAND);
    this.fileSystemId = existing.fileSystemId;
    this.backupArn = expectArn(this, 'fileSystemArn', existing.fileSystemArn, 'elasticfilesystem');
    this.kubernetes = storageClass(existing.fileSystemId);
  }
}

// A policy replaces the default, which lets every client in the network in as root and without TLS.
function mountPolicy(arn: string): string {
  return policyDocument([
    {
      sid: 'MountTargetsOnly',
      principals: { AWS: '*' },
      actions: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'],
      resources: [arn],
      conditions: { Bool: { 'elasticfilesystem:AccessedViaMountTarget': 'true' } },
    },
    {
      sid: 'TlsOnly',
      effect: 'Deny',
      principals: { AWS: '*' },
      actions: ['elasticfilesystem:Client*'],
      resources: [arn],
      conditions: { Bool: { 'aws:SecureTransport': 'false' } },
    },
  ]);
}

function storageClass(fileSystemId: string): KubernetesParts {
  return {
    addons: [],
    objects: [
      {
        id: 'shared-storage-class',
        layer: '20-platform',
        define: (chart) => {
          new ApiObject(chart, 'StorageClass', {
            apiVersion: 'storage.k8s.io/v1',
            kind: 'StorageClass',
            metadata: { name: SHARED_STORAGE_CLASS },
            provisioner: 'efs.csi.aws.com',
            reclaimPolicy: 'Retain',
            volumeBindingMode: 'Immediate',
            mountOptions: ['tls'],
            parameters: {
              provisioningMode: 'efs-ap',
              fileSystemId,
              basePath: '/volumes',
              directoryPerms: '0770',
              uid: String(RUN_AS.user),
              gid: String(RUN_AS.group),
            },
          });
        },
      },
    ],
  };
}

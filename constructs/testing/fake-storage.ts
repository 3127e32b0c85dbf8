import { ApiObject } from 'cdk8s';
import { Op } from 'cdktf';
import type { Construct } from 'constructs';
import { expectCloud } from '../cloud/building-block';
import { SHARED_STORAGE_CLASS } from '../cloud/file-store';
import type { FileStoreProps, IFileStore } from '../cloud/file-store';
import type { DeploymentCheck, KubernetesParts } from '../cloud/kubernetes-parts';
import type { IObjectStore, IObjectStoreGrants, ObjectStoreProps, StoreBinding } from '../cloud/object-store';
import type { IParallelFileStore, ParallelFileStoreProps } from '../cloud/parallel-file-store';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import { asExpression } from '../expression';
import { FakeBlock, fakeName } from './fake-block';
import type { Faked } from './fake-block';
import { FakeResource } from './fake-resource';

/** A store whose URI is late-bound; its grants are resources below the identity, in the consumer's stack. */
export class FakeObjectStore extends FakeBlock implements IObjectStore {
  readonly uri: string;
  readonly binding: StoreBinding;
  readonly grants: IObjectStoreGrants;

  constructor(scope: Construct, id: string, props: Faked<ObjectStoreProps>) {
    super(scope, id, { target: props.target, values: { uri: `fake://${fakeName(props.naming)}`, region: 'nowhere' } });
    if (props.encryptionKey) expectCloud(this, 'encryptionKey', props.encryptionKey, props.target.name);
    this.keep('objects', props);
    this.uri = this.resource.output('uri');
    this.binding = {
      env: { FAKE_REGION: this.resource.output('region') },
      egress: [{ description: 'fake object store', cidrs: ['192.0.2.0/24'], ports: [{ port: 443, protocol: 'TCP' }] }],
    };
    this.grants = {
      read: (identity, prefix) => this.grant('read', identity, prefix),
      readWrite: (identity, prefix) => this.grant('read-write', identity, prefix),
    };
  }

  objectExists(scope: Construct, id: string, key: string, message: string): DeploymentCheck {
    const object = new FakeResource(scope, id, { object: `${this.uri}/${key}` });
    return { condition: Op.neq(object.output('object'), asExpression('')).toString(), message };
  }

  private grant(kind: string, identity: IWorkloadIdentity, prefix = ''): void {
    expectCloud(this, 'identity', identity, this.cloud);
    const id = `${kind}-${this.node.addr.slice(0, 8)}${prefix === '' ? '' : `-${prefix.replaceAll('/', '-')}`}`;
    if (identity.node.tryFindChild(id)) return;
    new FakeResource(identity, id, { grant: kind, uri: this.uri, prefix });
  }
}

/** A file store that brings the shared storage class. */
export class FakeFileStore extends FakeBlock implements IFileStore {
  readonly storageClassName = SHARED_STORAGE_CLASS;
  override readonly kubernetes: KubernetesParts;

  constructor(scope: Construct, id: string, props: Faked<FileStoreProps>) {
    super(scope, id, { target: props.target, values: { fileSystem: fakeName(props.naming) } });
    expectCloud(this, 'network', props.network, props.target.name);
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    this.keep('files', props);
    this.kubernetes = {
      addons: [],
      objects: [
        {
          id: 'shared-storage-class',
          layer: '20-platform',
          define: (chart) =>
            new ApiObject(chart, 'class', {
              apiVersion: 'storage.k8s.io/v1',
              kind: 'StorageClass',
              metadata: { name: SHARED_STORAGE_CLASS },
              provisioner: 'fake.example/files',
              parameters: { fileSystem: this.resource.output('fileSystem') },
            }),
        },
      ],
    };
  }
}

/** Scratch that is a claim on the shared storage class. */
export class FakeParallelFileStore extends FakeBlock implements IParallelFileStore {
  readonly sizeGiB: number;
  private readonly claimName: string;

  constructor(scope: Construct, id: string, props: Faked<ParallelFileStoreProps>) {
    const sizeGiB = props.sizeGiB ?? 1200;
    super(scope, id, { target: props.target, values: { name: fakeName(props.naming), sizeGiB } });
    expectCloud(this, 'network', props.network, props.target.name);
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    if (props.linkedStore) expectCloud(this, 'linkedStore', props.linkedStore, props.target.name);
    this.keep('scratch', props);
    this.sizeGiB = sizeGiB;
    this.claimName = fakeName([...props.naming, 'scratch']);
  }

  claim(_namespace: string): { readonly claimName: string } {
    return { claimName: this.claimName };
  }
}

import { ApiObject } from 'cdk8s';
import { Fn, Op } from 'cdktf';
import type { Construct } from 'constructs';
import { SHARED_STORAGE_CLASS } from 'lnmt';
import type {
  CacheProps,
  DeploymentCheck,
  EgressRule,
  FileStoreProps,
  ICache,
  IFileStore,
  IObjectStore,
  IObjectStoreGrants,
  IRelationalDatabase,
  IWorkloadIdentity,
  KubernetesParts,
  ObjectStoreProps,
  RelationalDatabaseProps,
  StoreBinding,
} from 'lnmt';
import { WorkshopBlock, WorkshopResource, nameOf } from './workshop-block';

/** Addresses of the provider's own services. */
const SERVICES = ['192.0.2.0/24'];

function services(description: string, port: number): readonly EgressRule[] {
  return [{ description, cidrs: SERVICES, ports: [{ port, protocol: 'TCP' }] }];
}

/** A bucket that speaks S3; identities of pods are granted access, so that no credential is stored. */
export class WorkshopObjectStore extends WorkshopBlock implements IObjectStore {
  readonly uri: string;
  readonly binding: StoreBinding;
  readonly grants: IObjectStoreGrants;

  constructor(scope: Construct, id: string, props: ObjectStoreProps) {
    const bucket = nameOf(props.naming);
    super(scope, id, { bucket, endpoint: 'https://s3.workshop.example' });
    this.on({ encryptionKey: props.encryptionKey });
    this.keep('bucket', props);
    this.uri = `s3://${this.resource.output('bucket')}`;
    this.binding = { env: { AWS_REGION: 'workshop-1' }, egress: services('object store', 443) };
    this.grants = {
      read: (identity, prefix) => this.grant('read', identity, prefix),
      readWrite: (identity, prefix) => this.grant('write', identity, prefix),
    };
  }

  objectExists(scope: Construct, id: string, key: string, message: string): DeploymentCheck {
    const object = new WorkshopResource(scope, id, { object: `${this.uri}/${key}` });
    // A plain '' would be left out of the condition.
    return { condition: Op.neq(object.output('object'), Fn.rawString('')).toString(), message };
  }

  private grant(right: string, identity: IWorkloadIdentity, prefix = ''): void {
    this.on({ identity });
    const id = `${right}-${this.node.addr.slice(0, 8)}-${prefix}`;
    if (!identity.node.tryFindChild(id)) new WorkshopResource(identity, id, { right, store: this.uri, prefix });
  }
}

/** A file system, and the StorageClass that leads to it. */
export class WorkshopFileStore extends WorkshopBlock implements IFileStore {
  readonly storageClassName = SHARED_STORAGE_CLASS;
  override readonly kubernetes: KubernetesParts;

  constructor(scope: Construct, id: string, props: FileStoreProps) {
    super(scope, id, { fileSystem: nameOf(props.naming), sizeGiB: props.sizeGiB ?? 1024 });
    this.on({ network: props.network, cluster: props.cluster, encryptionKey: props.encryptionKey });
    this.keep('files', props);
    const fileSystem = this.resource.output('fileSystem');
    this.kubernetes = {
      addons: [],
      objects: [
        {
          id: 'shared-storage-class',
          layer: '20-platform',
          define: (chart) =>
            void new ApiObject(chart, 'class', {
              apiVersion: 'storage.k8s.io/v1',
              kind: 'StorageClass',
              metadata: { name: SHARED_STORAGE_CLASS },
              provisioner: 'files.csi.workshop.example',
              parameters: { fileSystem },
              reclaimPolicy: 'Retain',
            }),
        },
      ],
    };
  }
}

export class WorkshopDatabase extends WorkshopBlock implements IRelationalDatabase {
  readonly host: string;
  readonly port = 5432;
  readonly databaseName: string;
  readonly egress = services('PostgreSQL', this.port);

  constructor(scope: Construct, id: string, props: RelationalDatabaseProps) {
    super(scope, id, {
      host: `${nameOf(props.naming)}.pg.workshop.example`,
      version: props.version ?? '17',
      storageGiB: props.storageGiB ?? 100,
      backupDays: props.backupRetentionDays ?? 14,
    });
    this.on({ network: props.network, cluster: props.cluster, encryptionKey: props.encryptionKey });
    this.keep('database', props);
    this.host = this.resource.output('host');
    this.databaseName = props.databaseName ?? 'lnmt';
  }
}

export class WorkshopCache extends WorkshopBlock implements ICache {
  readonly host: string;
  readonly port = 6380;
  readonly tls = true;
  readonly egress = services('Valkey', this.port);

  constructor(scope: Construct, id: string, props: CacheProps) {
    super(scope, id, { host: `${nameOf(props.naming)}.cache.workshop.example`, memoryGiB: props.memoryGiB ?? 1 });
    this.on({ network: props.network, cluster: props.cluster, encryptionKey: props.encryptionKey });
    this.keep('cache', props);
    this.host = this.resource.output('host');
  }
}

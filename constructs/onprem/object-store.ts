import type { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import type { IConstruct } from 'constructs';
import { INFERENCE_ENV, toEnv } from '../../runtime/contract';
import { expectCloud } from '../cloud/building-block';
import type { DeploymentCheck, KubernetesObjects, KubernetesParts } from '../cloud/kubernetes-parts';
import type { IObjectStore, IObjectStoreGrants, ObjectStoreProps, StoreBinding } from '../cloud/object-store';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import { ObjectBucket } from '../kubernetes/object-bucket';
import type { ObjectBucketProps } from '../kubernetes/object-bucket';
import { KUBERNETES_NAMES, legalName } from '../names';
import type { RemovalPolicy } from '../stateful';
import { brand, expectBrand, expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';
import { keepUnlessDestroyed } from './in-cluster';
import { OnPremObjectStorage } from './object-storage';
import type { S3CompatibleOptions } from './object-storage';
import { OnPremSecrets } from './secret-backend';
import { syncSecretInto } from './synced-secret';

const BRAND = Symbol.for('lnmt/onprem/object-store');
const ACCESS_KEY = INFERENCE_ENV.s3AccessKeyId.name;
const SECRET_KEY = INFERENCE_ENV.s3SecretAccessKey.name;

/** A store on this target, with what other blocks need to know of it. */
export interface IOnPremObjectStore extends IObjectStore {
  /** Name of the bucket. */
  readonly bucketName: string;
  /** Folder in the bucket; empty where the store is the whole bucket. */
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  /** Key of the credentials in the site's backend. */
  readonly credentialsKey: string;
}

interface StoreFacts {
  readonly bucket: string;
  readonly prefix: string;
  readonly secretName: string;
  readonly credentialsKey: string;
  readonly storage: OnPremObjectStorage;
  readonly cidr: string;
  readonly objects: readonly KubernetesObjects[];
}

/** What `OnPremObjectStore.fromS3` needs to know. */
export interface ExistingS3Store extends S3CompatibleOptions {
  /** Folder in the bucket. @default - the whole bucket */
  readonly prefix?: string;
  /** IPv4 ranges that the server answers from. */
  readonly cidrs: readonly string[];
  /** Where the credentials are. @default OnPremSecrets.kubernetes() */
  readonly secrets?: OnPremSecrets;
}

/**
 * A folder in the site's S3-compatible bucket, or a bucket that the cluster's provisioner makes. Its credentials appear as a
 * Secret in each namespace that has a grant, and in no other; what they allow is decided where they were issued.
 */
export class OnPremObjectStore extends Construct implements IOnPremObjectStore {
  /** Adopts a bucket of an S3-compatible server. @throws LNMT2305 when `endpoint` is no URL */
  static fromS3(scope: Construct, id: string, existing: ExistingS3Store): IOnPremObjectStore {
    const { bucket, prefix = '', secrets = OnPremSecrets.kubernetes() } = existing;
    return new OnPremObjectStore(scope, id, {
      bucket,
      prefix,
      secretName: legalName(KUBERNETES_NAMES.label, [bucket, prefix === '' ? 'all' : prefix, 's3'], scope),
      credentialsKey: secrets.key(existing.credentialsSecret),
      storage: OnPremObjectStorage.s3(existing),
      cidr: '',
      objects: [],
    });
  }

  /** The store that a platform asks for. */
  static create(scope: Construct, id: string, props: ObjectStoreProps & OnPremContext): OnPremObjectStore {
    const store = new OnPremObjectStore(scope, id, factsOf(props));
    expectHere(store, { encryptionKey: props.encryptionKey });
    return store;
  }

  /** Narrows a neutral store. @throws LNMT1008 for another cloud's, LNMT2303 for one that is not of this folder */
  static expect(scope: IConstruct, store: IObjectStore, property = 'objectStore'): IOnPremObjectStore {
    return expectBrand<OnPremObjectStore>(scope, property, store, {
      symbol: BRAND,
      factory: 'OnPremObjectStore.fromS3',
    });
  }

  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly uri: string;
  readonly bucketName: string;
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentialsKey: string;
  readonly binding: StoreBinding;
  readonly grants: IObjectStoreGrants;
  private readonly granted = new Set<string>();

  private constructor(scope: Construct, id: string, facts: StoreFacts) {
    super(scope, id);
    brand(this, BRAND);
    const { endpoint, region, egress } = facts.storage.settings;
    this.bucketName = facts.bucket;
    this.prefix = facts.prefix;
    this.endpoint = endpoint;
    this.region = region;
    this.credentialsKey = facts.credentialsKey;
    const folder = facts.prefix.split('/').map(encodeURIComponent).join('/');
    this.uri = folder === '' ? `s3://${facts.bucket}` : `s3://${facts.bucket}/${folder}`;
    this.binding = {
      env: toEnv(INFERENCE_ENV, { s3Endpoint: endpoint, s3Region: region }),
      secretEnv: {
        [ACCESS_KEY]: { secret: facts.secretName, key: ACCESS_KEY },
        [SECRET_KEY]: { secret: facts.secretName, key: SECRET_KEY },
      },
      egress: egress(facts.cidr),
    };
    this.grants = { read: (identity) => this.grant(identity), readWrite: (identity) => this.grant(identity) };
    this.kubernetes = {
      addons: [],
      objects: [
        ...facts.objects,
        { id: 'credentials', layer: '20-platform', define: (chart) => this.defineCredentials(chart, facts) },
      ],
    };
  }

  /** Undefined: the server may be out of reach of whoever deploys. */
  objectExists(): DeploymentCheck | undefined {
    return undefined;
  }

  private grant(identity: IWorkloadIdentity): void {
    expectCloud(this, 'identity', identity, ONPREM);
    this.granted.add(identity.namespace);
  }

  // Runs at synthesis, when all grants are known.
  private defineCredentials(chart: Chart, facts: StoreFacts): void {
    if (this.granted.size === 0) return;
    syncSecretInto(chart, 'Credentials', [...this.granted].sort(), {
      name: facts.secretName,
      key: facts.credentialsKey,
      fields: { [ACCESS_KEY]: ACCESS_KEY, [SECRET_KEY]: SECRET_KEY },
    });
  }
}

function factsOf({ naming, onRemoval = 'retain', site }: ObjectStoreProps & OnPremContext): StoreFacts {
  const name = legalName(KUBERNETES_NAMES.label, naming);
  const { bucket, credentialsSecret, claimStorageClass } = site.objectStorage.settings;
  const common = {
    storage: site.objectStorage,
    cidr: site.cidr,
    secretName: legalName(KUBERNETES_NAMES.label, [...naming, 's3']),
  };
  const namespace = site.secrets.namespace ?? '';
  if (bucket !== undefined && credentialsSecret !== undefined) {
    return { ...common, bucket, prefix: name, credentialsKey: site.secrets.key(credentialsSecret), objects: [] };
  }
  const claim = { name, namespace, onRemoval, bucketName: name, storageClassName: claimStorageClass ?? '' };
  return { ...common, bucket: name, prefix: '', credentialsKey: name, objects: [bucketClaim(claim)] };
}

function bucketClaim(claim: ObjectBucketProps & { readonly onRemoval: RemovalPolicy }): KubernetesObjects {
  const { onRemoval, ...props } = claim;
  return {
    id: 'bucket',
    layer: '20-platform',
    namespace: claim.namespace,
    define: (chart) => keepUnlessDestroyed(new ObjectBucket(chart, 'Bucket', props), onRemoval),
  };
}

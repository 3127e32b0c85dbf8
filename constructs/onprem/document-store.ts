import type { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { mongodbKubernetes } from '../addons/mongodb-kubernetes';
import { expectCloud } from '../cloud/building-block';
import type { DocumentStoreProps, IDocumentStore, IDocumentStoreGrants } from '../cloud/document-store';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import { MongoDb } from '../kubernetes/mongodb';
import { expectHere, ONPREM } from './context';
import type { OnPremContext, OnPremSite } from './context';
import { generatePassword } from './generated-password';
import { certificatesOf, fromNamespaces, keepUnlessDestroyed, serverName } from './in-cluster';
import { ownNamespace } from './restricted-namespace';
import { syncSecret, syncSecretInto } from './synced-secret';
import type { SyncedSecret } from './synced-secret';

const PASSWORD = 'password';
const USERNAME = 'username';
const DATABASE = 'lnmt';

/** What `OnPremDocumentStore.fromMongoDb` needs to know. */
export interface ExistingMongoDb {
  readonly databaseName: string;
  /** Key of the credentials in the site's backend, with the fields `username` and `password`. */
  readonly credentialsKey: string;
}

/**
 * A MongoDB replica set in the cluster, run by MongoDB Controllers for Kubernetes. A grant lets the pods of a namespace connect and
 * brings them the credentials, as Secret `<name>-mongodb`.
 *
 * MongoDB has no schema: partition, sort and expiry attributes are indexes that the consumer makes.
 */
export class OnPremDocumentStore extends Construct implements IDocumentStore {
  /** Adopts a MongoDB database. */
  static fromMongoDb(scope: Construct, id: string, existing: ExistingMongoDb): IDocumentStore {
    return new ImportedDocumentStore(scope, id, existing);
  }

  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly api = 'mongodb';
  readonly storeName = DATABASE;
  readonly grants: IDocumentStoreGrants;

  constructor(scope: Construct, id: string, props: DocumentStoreProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { cluster: props.cluster, encryptionKey: props.encryptionKey });
    const { naming, onRemoval, site } = props;
    const operator = mongodbKubernetes();
    const credentials = new DocumentCredentials(
      this,
      serverName(naming, this),
      site.secrets.key([...naming, PASSWORD]),
    );
    this.grants = credentials;
    const { addons, issuer } = certificatesOf(site);
    this.kubernetes = {
      addons: [operator, ...addons],
      objects: [
        ...ownNamespace(this, operator.namespace, onRemoval),
        ...generatePassword(site.secrets, { key: credentials.key, username: DATABASE }),
        {
          id: 'replica-set',
          layer: '20-platform',
          namespace: operator.namespace,
          define: (chart) => {
            const settings = settingsOf(site, credentials, operator.namespace);
            const database = new MongoDb(chart, 'MongoDb', { ...settings, ...(issuer ? { issuer } : {}) });
            keepUnlessDestroyed(database, onRemoval);
            credentials.define(chart, operator.namespace);
          },
        },
      ],
    };
  }
}

function settingsOf(site: OnPremSite, credentials: DocumentCredentials, namespace: string): MongoSettings {
  return {
    name: credentials.name,
    namespace,
    passwordSecret: credentials.secretName,
    databaseName: DATABASE,
    clients: fromNamespaces(credentials.namespaces),
    ...(site.blockStorageClass === undefined ? {} : { storageClassName: site.blockStorageClass }),
  };
}

type MongoSettings = ConstructorParameters<typeof MongoDb>[2];

/** Grants on a database, and the Secrets that they lead to. Written at synthesis, when all grants are known. */
class DocumentCredentials implements IDocumentStoreGrants {
  private readonly granted = new Set<string>();

  constructor(
    private readonly scope: Construct,
    readonly name: string,
    /** Key in the site's backend. */
    readonly key: string,
  ) {}

  get secretName(): string {
    return `${this.name}-mongodb`;
  }

  get namespaces(): readonly string[] {
    return [...this.granted].sort();
  }

  readWrite(identity: IWorkloadIdentity): void {
    expectCloud(this.scope, 'identity', identity, ONPREM);
    this.granted.add(identity.namespace);
  }

  /** The Secret that the operator reads, and those of the consumers. */
  define(chart: Chart, namespace: string): void {
    syncSecret(chart, 'Password', namespace, this.secret());
    this.share(chart);
  }

  /** The Secrets of the consumers. */
  share(chart: Chart): void {
    if (this.granted.size > 0) syncSecretInto(chart, 'Credentials', this.namespaces, this.secret());
  }

  private secret(): SyncedSecret {
    return { name: this.secretName, key: this.key, fields: { [USERNAME]: USERNAME, [PASSWORD]: PASSWORD } };
  }
}

class ImportedDocumentStore extends Construct implements IDocumentStore {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly api = 'mongodb';
  readonly storeName: string;
  readonly grants: IDocumentStoreGrants;

  constructor(scope: Construct, id: string, existing: ExistingMongoDb) {
    super(scope, id);
    const credentials = new DocumentCredentials(
      this,
      serverName([existing.databaseName], this),
      existing.credentialsKey,
    );
    this.storeName = existing.databaseName;
    this.grants = credentials;
    this.kubernetes = {
      addons: NO_PARTS.addons,
      objects: [{ id: 'credentials', layer: '20-platform', define: (chart) => credentials.share(chart) }],
    };
  }
}

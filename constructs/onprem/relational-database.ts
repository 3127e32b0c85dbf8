import { JsonPatch } from 'cdk8s';
import type { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { cloudNativePg } from '../addons/cloud-native-pg';
import { wholeNumber } from '../checks';
import type { EgressRule } from '../cloud/egress';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IRelationalDatabase, RelationalDatabaseProps } from '../cloud/relational-database';
import type { ISecret } from '../cloud/secret';
import { PostgresCluster } from '../kubernetes/postgres-cluster';
import { PodResources } from '../kubernetes/resources';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';
import { generatePassword } from './generated-password';
import { clientsOf, keepUnlessDestroyed, mainObject, serverName } from './in-cluster';
import { ownNamespace } from './restricted-namespace';
import { ImportedSecret } from './secret';
import { syncSecret } from './synced-secret';

const PORT = 5432;
const OWNER_SECRET = 'owner';

/** What `OnPremDatabase.fromPostgres` needs to know. */
export interface ExistingPostgres {
  readonly host: string;
  /** @default 5432 */
  readonly port?: number;
  /** @default 'lnmt' */
  readonly databaseName?: string;
  /** IPv4 ranges that the server answers from. */
  readonly cidrs: readonly string[];
  /** Key of the credentials in the site's backend, with the fields `username` and `password`. @default - none */
  readonly credentialsKey?: string;
}

/**
 * PostgreSQL in the cluster, run by CloudNativePG in a namespace of its own: three instances, TLS only. Its backups are those of
 * the cluster (`backup`); there is no recovery to a point in time.
 */
export class OnPremDatabase extends Construct implements IRelationalDatabase {
  /** Adopts a PostgreSQL server. */
  static fromPostgres(scope: Construct, id: string, existing: ExistingPostgres): IRelationalDatabase {
    return new ImportedDatabase(scope, id, existing);
  }

  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly host: string;
  readonly port = PORT;
  readonly databaseName: string;
  readonly credentials: ISecret;
  readonly egress: readonly EgressRule[];

  /** @throws LNMT1002 for a size below 1 */
  constructor(scope: Construct, id: string, props: RelationalDatabaseProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { network: props.network, cluster: props.cluster, encryptionKey: props.encryptionKey });
    const { naming, site } = props;
    const name = serverName(naming, this);
    const key = site.secrets.key([...naming, OWNER_SECRET]);
    this.databaseName = props.databaseName ?? 'lnmt';
    this.host = `${name}-rw.${name}.svc`;
    this.credentials = new ImportedSecret(this, 'Credentials', key);
    this.egress = [
      {
        description: `PostgreSQL ${name}`,
        namespace: { name, podLabels: { 'cnpg.io/cluster': name } },
        ports: [{ port: PORT, protocol: 'TCP' }],
      },
    ];
    const settings = this.settings(props, name);
    this.kubernetes = {
      addons: [cloudNativePg()],
      objects: [
        ...ownNamespace(this, name, props.onRemoval),
        ...generatePassword(site.secrets, { key, username: this.databaseName }),
        {
          id: 'cluster',
          layer: '20-platform',
          namespace: name,
          define: (chart) => this.define(chart, settings, { key, onRemoval: props.onRemoval }),
        },
      ],
    };
  }

  private settings(props: RelationalDatabaseProps & OnPremContext, name: string): PostgresSettings {
    const vcpus = wholeNumber(this, 'vcpus', props.vcpus ?? 2, { min: 1 });
    const memory = wholeNumber(this, 'memoryGiB', props.memoryGiB ?? 8, { min: 1, unit: 'GiB' });
    const { blockStorageClass } = props.site;
    return {
      name,
      namespace: name,
      version: props.version ?? '17',
      instances: (props.highlyAvailable ?? true) ? 3 : 1,
      databaseName: this.databaseName,
      storageGiB: wholeNumber(this, 'storageGiB', props.storageGiB ?? 100, { min: 1, unit: 'GiB' }),
      resources: PodResources.of({ cpu: String(vcpus), memory: `${memory}Gi` }),
      clients: clientsOf(props.site, props.naming),
      ...(blockStorageClass === undefined ? {} : { storageClassName: blockStorageClass }),
    };
  }

  private define(
    chart: Chart,
    settings: PostgresSettings,
    { key, onRemoval }: { readonly key: string } & Pick<RelationalDatabaseProps, 'onRemoval'>,
  ): void {
    const cluster = new PostgresCluster(chart, 'Cluster', settings);
    keepUnlessDestroyed(cluster, onRemoval);
    // The owner's password comes from the site's backend, so that consumers in other namespaces find it there too.
    mainObject(cluster).addJsonPatch(JsonPatch.add('/spec/bootstrap/initdb/secret', { name: OWNER_SECRET }));
    syncSecret(chart, 'Owner', settings.namespace, {
      name: OWNER_SECRET,
      key,
      fields: { username: 'username', password: 'password' },
      type: 'kubernetes.io/basic-auth',
    });
  }
}

type PostgresSettings = ConstructorParameters<typeof PostgresCluster>[2];

class ImportedDatabase extends Construct implements IRelationalDatabase {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;
  readonly host: string;
  readonly port: number;
  readonly databaseName: string;
  readonly credentials?: ISecret;
  readonly egress: readonly EgressRule[];

  constructor(scope: Construct, id: string, existing: ExistingPostgres) {
    super(scope, id);
    this.host = existing.host;
    this.port = existing.port ?? PORT;
    this.databaseName = existing.databaseName ?? 'lnmt';
    if (existing.credentialsKey !== undefined) {
      this.credentials = new ImportedSecret(this, 'Credentials', existing.credentialsKey);
    }
    this.egress = [
      {
        description: `PostgreSQL ${existing.host}`,
        cidrs: existing.cidrs,
        ports: [{ port: this.port, protocol: 'TCP' }],
      },
    ];
  }
}

import type { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { wholeNumber } from '../checks';
import type { CacheProps, ICache } from '../cloud/cache';
import type { EgressRule } from '../cloud/egress';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { ISecret } from '../cloud/secret';
import { PodResources } from '../kubernetes/resources';
import { Valkey } from '../kubernetes/valkey';
import { LABELS } from '../../runtime/contract';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';
import { generatePassword } from './generated-password';
import { certificatesOf, clientsOf, keepUnlessDestroyed, serverName } from './in-cluster';
import { ownNamespace } from './restricted-namespace';
import { ImportedSecret } from './secret';
import { syncSecret } from './synced-secret';

const PORT = 6379;
const PASSWORD_SECRET = 'password';
const PASSWORD = 'password';

/** What `OnPremCache.fromValkey` needs to know. */
export interface ExistingValkey {
  readonly host: string;
  /** @default 6379 */
  readonly port?: number;
  /** @default true */
  readonly tls?: boolean;
  /** IPv4 ranges that the server answers from. */
  readonly cidrs: readonly string[];
  /** Key of the credentials in the site's backend, with the field `password`. @default - none */
  readonly credentialsKey?: string;
}

/** Valkey in the cluster, in a namespace of its own: TLS, a password, persistent. */
export class OnPremCache extends Construct implements ICache {
  /** Adopts a Valkey or Redis server. */
  static fromValkey(scope: Construct, id: string, existing: ExistingValkey): ICache {
    return new ImportedCache(scope, id, existing);
  }

  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly host: string;
  readonly port = PORT;
  readonly tls = true;
  readonly credentials: ISecret;
  readonly egress: readonly EgressRule[];

  /** @throws LNMT1002 for a size below 1 or a negative number of replicas */
  constructor(scope: Construct, id: string, props: CacheProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { network: props.network, cluster: props.cluster, encryptionKey: props.encryptionKey });
    const { naming, site } = props;
    const name = serverName(naming, this);
    const key = site.secrets.key([...naming, PASSWORD_SECRET]);
    this.host = `${name}-primary.${name}.svc`;
    this.credentials = new ImportedSecret(this, 'Credentials', key);
    this.egress = [
      {
        description: `Valkey ${name}`,
        namespace: { name, podLabels: { [LABELS.instance]: name } },
        ports: [{ port: PORT, protocol: 'TCP' }],
      },
    ];
    const { addons, issuer } = certificatesOf(site);
    const settings = { ...this.settings(props, name), ...(issuer ? { issuer } : {}) };
    this.kubernetes = {
      addons,
      objects: [
        ...ownNamespace(this, name, props.onRemoval),
        ...generatePassword(site.secrets, { key, username: 'default' }),
        {
          id: 'server',
          layer: '20-platform',
          namespace: name,
          define: (chart) => define(chart, settings, { key, onRemoval: props.onRemoval }),
        },
      ],
    };
  }

  private settings(props: CacheProps & OnPremContext, name: string): ValkeySettings {
    const memory = wholeNumber(this, 'memoryGiB', props.memoryGiB ?? 1, { min: 1, unit: 'GiB' });
    const { blockStorageClass } = props.site;
    return {
      name,
      namespace: name,
      password: { secret: PASSWORD_SECRET, key: PASSWORD },
      replicas: wholeNumber(this, 'replicas', props.replicas ?? 1, { min: 0 }),
      // The log that the memory is restored from is rewritten beside itself.
      storageGiB: Math.max(8, memory * 3),
      resources: PodResources.of({ cpu: '250m', memory: `${memory}Gi` }),
      clients: clientsOf(props.site, props.naming),
      ...(blockStorageClass === undefined ? {} : { storageClassName: blockStorageClass }),
    };
  }
}

type ValkeySettings = ConstructorParameters<typeof Valkey>[2];

function define(
  chart: Chart,
  settings: ValkeySettings,
  { key, onRemoval }: { readonly key: string } & Pick<CacheProps, 'onRemoval'>,
): void {
  const valkey = new Valkey(chart, 'Valkey', settings);
  keepUnlessDestroyed(valkey, onRemoval);
  syncSecret(chart, 'Password', settings.namespace, { name: PASSWORD_SECRET, key, fields: { [PASSWORD]: PASSWORD } });
}

class ImportedCache extends Construct implements ICache {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly credentials?: ISecret;
  readonly egress: readonly EgressRule[];

  constructor(scope: Construct, id: string, existing: ExistingValkey) {
    super(scope, id);
    this.host = existing.host;
    this.port = existing.port ?? PORT;
    this.tls = existing.tls ?? true;
    if (existing.credentialsKey !== undefined) {
      this.credentials = new ImportedSecret(this, 'Credentials', existing.credentialsKey);
    }
    this.egress = [
      { description: `Valkey ${existing.host}`, cidrs: existing.cidrs, ports: [{ port: this.port, protocol: 'TCP' }] },
    ];
  }
}

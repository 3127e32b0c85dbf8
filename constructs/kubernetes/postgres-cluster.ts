import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { LABELS, MANAGED_BY } from '../../runtime/contract';
import { numberOutOfRange } from '../errors';
import { denyAllBut } from './network-policy';
import type { IngressRule } from './network-policy';
import { objectName } from './object-names';
import { PodResources } from './resources';
import { THIRD_PARTY_IMAGES } from './third-party-images';

const POSTGRES_PORT = 5432;
/** Port on which the operator asks an instance for its state. */
const STATUS_PORT = 8000;
const BARMAN_PLUGIN = 'barman-cloud.cloudnative-pg.io';

/** Continuous backup of a {@link PostgresCluster}, through the Barman Cloud plugin. */
export interface PostgresBackup {
  /** Folder of an S3-compatible store, e.g. `s3://bucket/databases`; may be late-bound. */
  readonly destination: string;
  /** URL of the store. @default - AWS */
  readonly endpointUrl?: string;
  /** Secret of the namespace with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. */
  readonly credentialsSecret: string;
  /** Days that can be gone back. @default 14 */
  readonly retentionDays?: number;
  /** Hour of the day (UTC) of the base backup. @default 2 */
  readonly hour?: number;
}

/** Props of a {@link PostgresCluster}. */
export interface PostgresClusterProps {
  /** Name of the cluster; clients connect to `<name>-rw`. A DNS label. */
  readonly name: string;
  /** Namespace. It has to exist. */
  readonly namespace: string;
  /** PostgreSQL major. @default '17' */
  readonly version?: '16' | '17' | '18';
  /** Instances, one of them the primary. @default 3 */
  readonly instances?: number;
  /** Name of the database and of its owner. @default 'lnmt' */
  readonly databaseName?: string;
  /** Size of each instance's volume in GiB. @default 100 */
  readonly storageGiB?: number;
  /** StorageClass. @default - the cluster's default */
  readonly storageClassName?: string;
  /** Requests and limits of each instance. @default - 2 CPU without limit, 4Gi memory */
  readonly resources?: PodResources;
  /** Who may connect. @default - nobody */
  readonly clients?: readonly IngressRule[];
  /** Namespace of the operator. @default 'cnpg-system' */
  readonly operatorNamespace?: string;
  /** @default - none: the standbys protect against a lost node, not against a dropped table */
  readonly backup?: PostgresBackup;
}

/**
 * A highly available PostgreSQL run by CloudNativePG; TLS only. The operator writes the owner's credentials to the Secret
 * `<name>-app`.
 *
 * @see https://cloudnative-pg.io/documentation/current/
 * @throws LNMT1002 for a number out of range, LNMT3000 for an illegal name
 */
export class PostgresCluster extends Construct {
  /** Host of the primary. */
  readonly host: string;
  /** Port of the database. */
  readonly port = POSTGRES_PORT;
  /** Secret with user name and password of the owner. */
  readonly credentialsSecret: string;
  /** Labels that select the pods. */
  readonly podSelector: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: PostgresClusterProps) {
    super(scope, id);
    const name = objectName(this, 'name', props.name, 50);
    const { namespace, instances = 3, storageGiB = 100 } = props;
    for (const [property, value, unit] of [
      ['instances', instances, 'instances'],
      ['storageGiB', storageGiB, 'GiB'],
    ] as const) {
      if (!Number.isInteger(value) || value < 1) throw numberOutOfRange(this, property, value, { min: 1, unit });
    }
    this.host = `${name}-rw.${namespace}.svc`;
    this.credentialsSecret = `${name}-app`;
    this.podSelector = { 'cnpg.io/cluster': name };
    const labels = { [LABELS.managedBy]: MANAGED_BY, [LABELS.instance]: name };
    const metadata = { name, namespace, labels };
    new ApiObject(this, 'Resource', {
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'Cluster',
      metadata,
      spec: clusterSpec(props, instances, storageGiB),
    });
    denyAllBut(this, 'NetworkPolicy', {
      ...metadata,
      podSelector: this.podSelector,
      ingress: [
        ...(props.clients ?? []).map((rule) => ({ ...rule, ports: [POSTGRES_PORT] })),
        {
          description: 'the operator',
          namespace: { name: props.operatorNamespace ?? 'cnpg-system' },
          ports: [STATUS_PORT, POSTGRES_PORT],
        },
      ],
      amongThemselves: true,
    });
    if (props.backup) this.backUp(metadata, props.backup);
  }

  private backUp(metadata: { readonly name: string; readonly namespace: string }, backup: PostgresBackup): void {
    const key = (name: string): object => ({ name: backup.credentialsSecret, key: name });
    new ApiObject(this, 'ObjectStore', {
      apiVersion: 'barmancloud.cnpg.io/v1',
      kind: 'ObjectStore',
      metadata,
      spec: {
        retentionPolicy: `${backup.retentionDays ?? 14}d`,
        configuration: {
          destinationPath: backup.destination,
          endpointURL: backup.endpointUrl,
          s3Credentials: { accessKeyId: key('AWS_ACCESS_KEY_ID'), secretAccessKey: key('AWS_SECRET_ACCESS_KEY') },
          wal: { compression: 'gzip' },
        },
      },
    });
    new ApiObject(this, 'ScheduledBackup', {
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'ScheduledBackup',
      metadata,
      // Six fields: the operator counts seconds first.
      spec: {
        schedule: `0 0 ${backup.hour ?? 2} * * *`,
        cluster: { name: metadata.name },
        method: 'plugin',
        pluginConfiguration: { name: BARMAN_PLUGIN },
        backupOwnerReference: 'cluster',
      },
    });
  }
}

function clusterSpec(props: PostgresClusterProps, instances: number, storageGiB: number): object {
  const database = props.databaseName ?? 'lnmt';
  const resources = props.resources ?? PodResources.of({ cpu: '2', memory: '4Gi' });
  return {
    instances,
    imageName: THIRD_PARTY_IMAGES.postgres(props.version ?? '17'),
    bootstrap: { initdb: { database, owner: database, dataChecksums: true } },
    storage: { size: `${storageGiB}Gi`, storageClass: props.storageClassName },
    resources: resources.render(),
    enableSuperuserAccess: false,
    postgresql: postgresSettings(instances),
    affinity: { enablePodAntiAffinity: true, topologyKey: 'kubernetes.io/hostname', podAntiAffinityType: 'preferred' },
    plugins: props.backup && [
      { name: BARMAN_PLUGIN, isWALArchiver: true, parameters: { barmanObjectName: props.name } },
    ],
  };
}

function postgresSettings(instances: number): object {
  return {
    // Ours come before the operator's own last rule, which would let passwords travel in the clear.
    pg_hba: ['hostnossl all all all reject'],
    parameters: { ssl_min_protocol_version: 'TLSv1.3' },
    // With two copies or more a commit waits for one of them, and the loss of the other stops nobody.
    synchronous: instances > 2 ? { method: 'any', number: 1 } : undefined,
  };
}

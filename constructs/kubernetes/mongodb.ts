import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { LABELS, MANAGED_BY } from '../../runtime/contract';
import { numberOutOfRange } from '../errors';
import { evenMembers } from './errors';
import { denyAllBut } from './network-policy';
import type { IngressRule } from './network-policy';
import { objectName } from './object-names';
import { CONTAINER_SECURITY, podSecurity } from './pod-defaults';
import { serverCertificate } from './server-certificate';
import type { CertificateIssuer } from './server-certificate';
import { MONGODB_VERSION } from './third-party-images';

const MONGODB_PORT = 27017;

/** Props of a {@link MongoDb}. */
export interface MongoDbProps {
  /** Name of the replica set. A DNS label. */
  readonly name: string;
  /** Namespace; the operator has to watch it. */
  readonly namespace: string;
  /** Secret of the namespace with the owner's password under `password`. */
  readonly passwordSecret: string;
  /** Members of the replica set: 1, 3, 5 or 7. @default 3 */
  readonly members?: number;
  /** Name of the database and of its owner. @default 'lnmt' */
  readonly databaseName?: string;
  /** Size of each member's volume in GiB. @default 20 */
  readonly storageGiB?: number;
  /** StorageClass. @default - the cluster's default */
  readonly storageClassName?: string;
  /** Who may connect. @default - nobody */
  readonly clients?: readonly IngressRule[];
  /** Signs its certificate. @default - an authority of its own */
  readonly issuer?: CertificateIssuer;
}

/**
 * A MongoDB replica set run by MongoDB Controllers for Kubernetes: TLS only, SCRAM.
 *
 * @see https://www.mongodb.com/docs/kubernetes/current/
 * @throws LNMT1002 for a size out of range, LNMT3000 for an illegal name, LNMT3013 for an even number of members
 */
export class MongoDb extends Construct {
  /** Host of the headless Service of all members. */
  readonly host: string;
  /** Port of every member. */
  readonly port = MONGODB_PORT;
  /** Secret with `ca.crt`, by which clients recognise the server. */
  readonly certificateSecret: string;
  /** Secret with connection strings, which the operator writes. */
  readonly connectionSecret: string;

  constructor(scope: Construct, id: string, props: MongoDbProps) {
    super(scope, id);
    const name = objectName(this, 'name', props.name, 50);
    const { namespace, members = 3, storageGiB = 20, databaseName = 'lnmt' } = props;
    if (![1, 3, 5, 7].includes(members)) throw evenMembers(this, members);
    if (!Number.isInteger(storageGiB) || storageGiB < 1) {
      throw numberOutOfRange(this, 'storageGiB', storageGiB, { min: 1, unit: 'GiB' });
    }
    const labels = { [LABELS.managedBy]: MANAGED_BY, [LABELS.instance]: name };
    const service = `${name}-svc`;
    const podSelector = { app: service };
    this.host = `${service}.${namespace}.svc`;
    this.connectionSecret = `${name}-${databaseName}-${databaseName}`;
    const dnsNames = [`*.${service}.${namespace}.svc.cluster.local`, `*.${service}.${namespace}.svc`, this.host];
    const tls = { name, namespace, labels, dnsNames, issuer: props.issuer };
    this.certificateSecret = serverCertificate(this, 'Certificate', tls);
    new ApiObject(this, 'Resource', {
      apiVersion: 'mongodbcommunity.mongodb.com/v1',
      kind: 'MongoDBCommunity',
      metadata: { name, namespace, labels },
      spec: {
        type: 'ReplicaSet',
        members,
        version: MONGODB_VERSION,
        security: {
          authentication: { modes: ['SCRAM'] },
          tls: {
            enabled: true,
            certificateKeySecretRef: { name: this.certificateSecret },
            caCertificateSecretRef: { name: this.certificateSecret },
          },
        },
        users: [owner(databaseName, props.passwordSecret)],
        statefulSet: { spec: memberSpec(storageGiB, props.storageClassName) },
      },
    });
    denyAllBut(this, 'NetworkPolicy', {
      name,
      namespace,
      labels,
      podSelector,
      ingress: (props.clients ?? []).map((rule) => ({ ...rule, ports: [MONGODB_PORT] })),
      amongThemselves: true,
    });
  }
}

function owner(database: string, passwordSecret: string): object {
  return {
    name: database,
    db: database,
    passwordSecretRef: { name: passwordSecret },
    scramCredentialsSecretName: database,
    roles: [{ name: 'dbOwner', db: database }],
  };
}

// The operator merges this into its own StatefulSet; containers are matched by name.
function memberSpec(storageGiB: number, storageClassName: string | undefined): object {
  const { runAsNonRoot, seccompProfile } = podSecurity();
  const { allowPrivilegeEscalation, capabilities } = CONTAINER_SECURITY;
  const securityContext = { allowPrivilegeEscalation, capabilities };
  const initContainers = ['mongod-posthook', 'mongodb-agent-readinessprobe'];
  const claim = (name: string, gib: number): object => ({
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: `${gib}Gi` } } },
  });
  return {
    template: {
      spec: {
        securityContext: { runAsNonRoot, runAsUser: 2000, fsGroup: 2000, seccompProfile },
        containers: ['mongod', 'mongodb-agent'].map((name) => ({ name, securityContext })),
        initContainers: initContainers.map((name) => ({ name, securityContext })),
      },
    },
    volumeClaimTemplates: [claim('data-volume', storageGiB), claim('logs-volume', 2)],
  };
}

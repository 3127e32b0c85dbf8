import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { LABELS, MANAGED_BY, VOLUMES } from '../../runtime/contract';
import { numberOutOfRange } from '../errors';
import { denyAllBut } from './network-policy';
import type { IngressRule } from './network-policy';
import { objectName } from './object-names';
import { CONTAINER_SECURITY, restrictedPod, sizedEmptyDir } from './pod-defaults';
import { PodResources } from './resources';
import { serverCertificate } from './server-certificate';
import type { CertificateIssuer } from './server-certificate';
import { spreadOf } from './spread';
import { THIRD_PARTY_IMAGES } from './third-party-images';
import { VALKEY_FILES, valkeyConfig, valkeyStart } from './valkey-config';

const APPLICATION = 'valkey';
const VALKEY_PORT = 6379;

/** Props of a {@link Valkey}. */
export interface ValkeyProps {
  /** Name; clients connect to `<name>-primary`. A DNS label. */
  readonly name: string;
  /** Namespace. It has to exist. */
  readonly namespace: string;
  /** Key of a Secret of the namespace with the password. */
  readonly password: { readonly secret: string; readonly key: string };
  /** Copies besides the primary. They protect the data; they do not take over. @default 1 */
  readonly replicas?: number;
  /** Size of each volume in GiB. @default 8 */
  readonly storageGiB?: number;
  /** StorageClass. @default - the cluster's default */
  readonly storageClassName?: string;
  /** Requests and limits of each pod. @default - 250m CPU without limit, 1Gi memory */
  readonly resources?: PodResources;
  /** Who may connect. @default - nobody */
  readonly clients?: readonly IngressRule[];
  /** Signs its certificate. @default - an authority of its own */
  readonly issuer?: CertificateIssuer;
}

/**
 * A Valkey (Redis protocol) from the official image, for clusters without a managed cache: TLS only, password, persistent.
 * The primary is always the first pod and is restarted where it fell; there is no automatic promotion of a copy.
 *
 * @see https://valkey.io/topics/
 * @throws LNMT1002 for a number out of range, LNMT3000 for an illegal name
 */
export class Valkey extends Construct {
  /** Host of the primary. */
  readonly host: string;
  /** TLS port. */
  readonly port = VALKEY_PORT;
  /** Secret with `ca.crt`, by which clients recognise the server. */
  readonly certificateSecret: string;
  /** Labels that select the pods. */
  readonly podSelector: Readonly<Record<string, string>>;

  private readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Record<string, string>;
  };

  constructor(scope: Construct, id: string, props: ValkeyProps) {
    super(scope, id);
    const name = objectName(this, 'name', props.name, 50);
    const { namespace } = props;
    for (const [property, value, min, unit] of [
      ['replicas', props.replicas, 0, 'copies'],
      ['storageGiB', props.storageGiB, 1, 'GiB'],
    ] as const) {
      if (value !== undefined && !(Number.isInteger(value) && value >= min)) {
        throw numberOutOfRange(this, property, value, { min, unit });
      }
    }
    this.host = `${name}-primary.${namespace}.svc`;
    this.podSelector = { [LABELS.name]: APPLICATION, [LABELS.instance]: name };
    this.metadata = { name, namespace, labels: { ...this.podSelector, [LABELS.managedBy]: MANAGED_BY } };
    const { labels } = this.metadata;
    const dnsNames = [`${name}-primary`, `*.${name}`].flatMap((host) => [host, `${host}.${namespace}.svc`]);
    this.certificateSecret = serverCertificate(this, 'Certificate', {
      name,
      namespace,
      labels,
      dnsNames,
      issuer: props.issuer,
    });
    this.object('Config', 'v1', 'ConfigMap', `${name}-config`, { data: { [VALKEY_FILES.configName]: valkeyConfig() } });
    this.object('ServiceAccount', 'v1', 'ServiceAccount', name, { automountServiceAccountToken: false });
    this.services();
    this.object('DisruptionBudget', 'policy/v1', 'PodDisruptionBudget', name, {
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: this.podSelector },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });
    denyAllBut(this, 'NetworkPolicy', {
      ...this.metadata,
      podSelector: this.podSelector,
      ingress: (props.clients ?? []).map((rule) => ({ ...rule, ports: [VALKEY_PORT] })),
      egress: [],
      amongThemselves: true,
    });
    this.statefulSet(props);
  }

  private services(): void {
    const { name } = this.metadata;
    const ports = [{ name: 'valkey', port: VALKEY_PORT, targetPort: 'valkey', protocol: 'TCP' }];
    const headless = { clusterIP: 'None', publishNotReadyAddresses: true, selector: this.podSelector, ports };
    this.object('Pods', 'v1', 'Service', name, { spec: headless });
    const first = { ...this.podSelector, 'statefulset.kubernetes.io/pod-name': `${name}-0` };
    this.object('Primary', 'v1', 'Service', `${name}-primary`, { spec: { type: 'ClusterIP', selector: first, ports } });
  }

  private statefulSet(props: ValkeyProps): void {
    const { name, labels } = this.metadata;
    const storage = { requests: { storage: `${props.storageGiB ?? 8}Gi` } };
    this.object('Resource', 'apps/v1', 'StatefulSet', name, {
      spec: {
        serviceName: name,
        replicas: 1 + (props.replicas ?? 1),
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: this.podSelector },
        template: {
          metadata: { labels },
          spec: {
            ...restrictedPod(name),
            ...spreadWithoutRevision(this.podSelector),
            terminationGracePeriodSeconds: 60,
            containers: [this.container(props)],
            volumes: [
              sizedEmptyDir('tmp', '64Mi'),
              { name: 'config', configMap: { name: `${name}-config` } },
              { name: 'tls', secret: { secretName: this.certificateSecret, defaultMode: 0o440 } },
            ],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], storageClassName: props.storageClassName, resources: storage },
          },
        ],
      },
    });
  }

  private container(props: ValkeyProps): object {
    const { name } = this.metadata;
    const secretKeyRef = { name: props.password.secret, key: props.password.key };
    const ping = { exec: { command: ['sh', '-c', VALKEY_FILES.ping] }, timeoutSeconds: 5 };
    return {
      name: APPLICATION,
      image: THIRD_PARTY_IMAGES.valkey,
      imagePullPolicy: 'IfNotPresent',
      command: ['sh', '-c', valkeyStart(name)],
      env: [{ name: 'VALKEYCLI_AUTH', valueFrom: { secretKeyRef } }],
      ports: [{ name: 'valkey', containerPort: VALKEY_PORT, protocol: 'TCP' }],
      resources: (props.resources ?? PodResources.of({ cpu: '250m', memory: '1Gi' })).render(),
      securityContext: CONTAINER_SECURITY,
      startupProbe: { ...ping, periodSeconds: 5, failureThreshold: 60 },
      livenessProbe: { ...ping, periodSeconds: 10, failureThreshold: 3 },
      readinessProbe: { ...ping, periodSeconds: 5, failureThreshold: 2 },
      volumeMounts: [
        { name: 'tmp', mountPath: VOLUMES.tmp },
        { name: 'data', mountPath: VALKEY_FILES.data },
        { name: 'config', mountPath: VALKEY_FILES.config, readOnly: true },
        { name: 'tls', mountPath: VALKEY_FILES.tls, readOnly: true },
      ],
    };
  }

  private object(id: string, apiVersion: string, kind: string, name: string, body: Record<string, unknown>): void {
    new ApiObject(this, id, { apiVersion, kind, metadata: { ...this.metadata, name }, ...body });
  }
}

// Pods of a StatefulSet carry no template hash.
function spreadWithoutRevision(selector: Readonly<Record<string, string>>): object {
  const { topologySpreadConstraints } = spreadOf('preferred', selector);
  return {
    topologySpreadConstraints: topologySpreadConstraints.map(({ matchLabelKeys: _, ...constraint }) => constraint),
  };
}

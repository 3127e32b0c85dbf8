import type { Construct } from 'constructs';
import { SECRET_STORE } from 'lnmt';
import type {
  Addon,
  ContainerRegistryProps,
  IContainerRegistry,
  IMonitoring,
  ISecret,
  ISecretStore,
  IWorkloadIdentity,
  KubernetesParts,
  MonitoringProps,
  SecretProps,
  SecretStoreProps,
  WorkloadIdentityProps,
} from 'lnmt';
import { ClusterSecretStore } from 'lnmt/kubernetes';
import { WorkshopBlock, nameOf } from './workshop-block';

export class WorkshopIdentity extends WorkshopBlock implements IWorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  readonly podLabels = {};

  constructor(scope: Construct, id: string, props: WorkloadIdentityProps) {
    super(scope, id, { principal: nameOf(props.naming), subject: `${props.namespace}/${props.serviceAccountName}` });
    this.on({ cluster: props.cluster });
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;
    this.serviceAccountAnnotations = { 'workshop.example/principal': this.resource.output('principal') };
  }
}

export class WorkshopSecret extends WorkshopBlock implements ISecret {
  readonly externalKey: string;

  constructor(scope: Construct, id: string, props: SecretProps) {
    super(scope, id, { secret: props.naming.join('/'), description: props.description });
    this.on({ encryptionKey: props.encryptionKey });
    this.keep('secret', props);
    this.externalKey = this.resource.output('secret');
  }
}

/** External Secrets, as data: delivery turns it into a Helm release, an Application or a HelmRelease. */
const EXTERNAL_SECRETS: Addon = {
  name: 'external-secrets',
  layer: '10-operators',
  namespace: 'external-secrets',
  podSecurity: { level: 'restricted' },
  chart: { repository: 'https://charts.external-secrets.io', name: 'external-secrets', version: '2.9.0' },
  values: { installCRDs: true },
  provides: ['external-secrets.io'],
};

export class WorkshopSecretStore extends WorkshopBlock implements ISecretStore {
  readonly storeName = SECRET_STORE;
  override readonly kubernetes: KubernetesParts;
  private readonly prefix: string;

  constructor(scope: Construct, id: string, props: SecretStoreProps) {
    super(scope, id, { url: 'https://secrets.workshop.example/v1', prefix: props.naming.join('/') });
    this.on({ cluster: props.cluster, encryptionKey: props.encryptionKey });
    this.prefix = props.naming.join('/');
    const url = `${this.resource.output('url')}/{{ .remoteRef.key }}`;
    this.kubernetes = {
      addons: [EXTERNAL_SECRETS],
      objects: [
        {
          id: 'secret-store',
          layer: '20-platform',
          define: (chart) =>
            void new ClusterSecretStore(chart, 'store', {
              name: SECRET_STORE,
              platform: props.platform,
              namespaces: props.namespaces ?? [],
              provider: { webhook: { url, result: { jsonPath: '$.value' } } },
            }),
        },
      ],
    };
  }

  externalKey(name: string): string {
    return `${this.prefix}/${name}`;
  }
}

export class WorkshopRegistry extends WorkshopBlock implements IContainerRegistry {
  readonly prefix: string;
  readonly loginCommand: string;

  constructor(scope: Construct, id: string, props: ContainerRegistryProps) {
    super(scope, id, { prefix: `registry.workshop.example/${nameOf(props.naming)}`, repositories: props.repositories });
    this.on({ encryptionKey: props.encryptionKey });
    this.keep('registry', props);
    this.prefix = this.resource.output('prefix');
    this.loginCommand = 'workshop registry login';
  }

  /** The registry of the workshop cannot be asked by Terraform. */
  imageExists(): undefined {
    return undefined;
  }
}

const NODE_EXPORTER = 'the node exporter reads the host’s network, processes and disks';
const NAMESPACE = 'monitoring';

export class WorkshopMonitoring extends WorkshopBlock implements IMonitoring {
  override readonly kubernetes: KubernetesParts;
  readonly scraperNamespace = NAMESPACE;
  readonly prometheusUrl = `http://prometheus-operated.${NAMESPACE}.svc:9090`;

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id, { workspace: nameOf(props.naming), days: props.metricsRetentionDays ?? 15 });
    this.on({ cluster: props.cluster, encryptionKey: props.encryptionKey });
    const repository = 'https://prometheus-community.github.io/helm-charts';
    const definitions: Addon = {
      name: 'prometheus-operator-crds',
      layer: '00-crds',
      namespace: NAMESPACE,
      podSecurity: { level: 'restricted' },
      chart: { repository, name: 'prometheus-operator-crds', version: '31.0.1' },
      provides: ['monitoring.coreos.com'],
    };
    const prometheus: Addon = {
      name: 'kube-prometheus-stack',
      layer: '10-operators',
      namespace: NAMESPACE,
      podSecurity: { level: 'privileged', reason: NODE_EXPORTER },
      chart: { repository, name: 'kube-prometheus-stack', version: '88.5.3' },
      values: {
        crds: { enabled: false },
        prometheus: { prometheusSpec: { serviceMonitorSelectorNilUsesHelmValues: false } },
      },
    };
    this.kubernetes = { addons: [definitions, prometheus], objects: [] };
  }
}

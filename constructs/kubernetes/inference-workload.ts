import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import {
  API_KEYS_FILE,
  COMPONENTS,
  DASHBOARD_MARK,
  INFERENCE_ENV,
  LABELS,
  MANAGED_BY,
  METRICS,
  MODEL_NAME_PATTERN,
  PATHS,
  PORTS,
  PORT_NAMES,
} from '../../runtime/contract';
import type { ImageFeature } from '../../runtime/contract';
import { metricsServiceName } from '../endpoint-metrics';
import { acceleratorsIdle, modelNameRefused, numberOutOfRange } from '../errors';
import { Alerts } from './alerts';
import { autoscaler } from './autoscaler';
import { alertRules } from './endpoint-alerts';
import { dashboardJson } from './endpoint-dashboard';
import { metricWithoutScraper, reservedLabel } from './errors';
import { imageFeatures } from './image-features';
import { configAnnotations, inferenceConfig, watchedFeatures } from './inference-config';
import { inferencePod } from './inference-pod';
import type { InferenceWorkloadProps } from './inference-workload-props';
import { startupBudget } from './model-budgets';
import { denyAllBut } from './network-policy';
import { labelValue, objectName } from './object-names';
import { Rollout } from './rollout';
import { Scaling } from './scaling';
import { fileData } from './server-files';
import { materializeSecrets } from './secret-reference';
import type { SecretKey, SecretValues } from './secret-reference';

const APPLICATION = 'lnmt-inference';

/**
 * A model behind HTTP: Deployment, Service, autoscaler, disruption budget, network policy, service account, settings,
 * scraping, alerts and a dashboard, from plain values.
 *
 * @throws LNMT1001 for a model name that the server refuses, LNMT1002 for a number out of range, LNMT1022 for several accelerators a pod, LNMT3000 to LNMT3011 and LNMT3020 to
 * LNMT3024 as their explanations say
 */
export class InferenceWorkload extends Construct {
  /** The Deployment. */
  readonly deployment: ApiObject;
  /** Name of the Service in front of the pods. */
  readonly serviceName: string;
  /** Name of the service account of the pods. */
  readonly serviceAccountName: string;
  /** Labels that select the pods, e.g. for policies of their callers. */
  readonly podSelector: Readonly<Record<string, string>>;
  /** Replicas, as the autoscaler or the Deployment states them. */
  readonly scaling: Scaling;
  /** Features that the image must have, as `lnmt images build --features` takes them. */
  readonly imageFeatures: readonly ImageFeature[];

  private readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Record<string, string>;
  };

  constructor(scope: Construct, id: string, props: InferenceWorkloadProps) {
    super(scope, id);
    this.serviceName = objectName(this, 'name', props.name);
    this.serviceAccountName = objectName(this, 'serviceAccount.name', props.serviceAccount?.name ?? props.name, 63);
    this.scaling = props.scaling ?? Scaling.between(2, 10).cpu(70);
    this.podSelector = { [LABELS.name]: APPLICATION, [LABELS.instance]: props.name };
    this.metadata = { name: props.name, namespace: props.namespace, labels: this.labels(props) };
    this.check(props);
    this.imageFeatures = imageFeatures(props);

    const config = inferenceConfig(this, props);
    this.object('Config', 'v1', 'ConfigMap', 'config', { data: config });
    const files = fileData(this, props.files);
    if (files !== undefined) this.object('Files', 'v1', 'ConfigMap', 'files', { data: files });
    this.serviceAccount(props);
    this.deployment = this.deploy(props, { ...config, ...files });
    this.service(props);
    if (!this.scaling.isFixed) {
      const { name, namespace, labels } = this.metadata;
      autoscaler(this, 'Autoscaler', {
        name: `${name}-hpa`,
        namespace,
        labels,
        deployment: name,
        scaling: this.scaling,
      });
    }
    this.disruptionBudget();
    this.networkPolicy(props);
    if (props.scraperNamespace !== undefined) this.scraping(props, config);
  }

  private labels(props: InferenceWorkloadProps): Record<string, string> {
    return {
      ...this.podSelector,
      [LABELS.component]: COMPONENTS.inference,
      [LABELS.partOf]: 'lnmt',
      [LABELS.managedBy]: MANAGED_BY,
      [LABELS.model]: labelValue(props.model.name),
      [LABELS.modelVersion]: labelValue(props.model.version),
      ...(props.platform === undefined ? {} : { [LABELS.platform]: labelValue(props.platform) }),
    };
  }

  private check(props: InferenceWorkloadProps): void {
    const whole: readonly (readonly [property: string, value: number | undefined, unit: string, max?: number])[] = [
      ['startupSeconds', props.startupSeconds, 's', INFERENCE_ENV.loadTimeout.max / 2],
      ['graceSeconds', props.graceSeconds, 's', INFERENCE_ENV.grace.max],
      ['modelCacheGiB', props.modelCacheGiB, 'GiB'],
      ['accelerator.count', props.accelerator?.count, 'devices'],
      ['probes.readinessPeriodSeconds', props.probes?.readinessPeriodSeconds, 's'],
      ['probes.livenessPeriodSeconds', props.probes?.livenessPeriodSeconds, 's'],
    ];
    for (const [property, value, unit, max] of whole) {
      if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= (max ?? value))) {
        throw numberOutOfRange(this, property, value, { min: 1, max, unit });
      }
    }
    for (const part of ['name', 'version'] as const) {
      const value = props.model[part];
      if (!MODEL_NAME_PATTERN.test(value)) throw modelNameRefused(this, `model.${part}`, value);
    }
    const devices = props.accelerator?.count ?? 1;
    if (devices > 1) throw acceleratorsIdle(this, 'accelerator.count', devices);
    for (const label of Object.keys(props.podLabels ?? {})) {
      if (label in this.metadata.labels) throw reservedLabel(this, 'podLabels', label);
    }
    if (this.scaling.requestsPerSecondPerPod !== undefined && props.scraperNamespace === undefined) {
      throw metricWithoutScraper(this, METRICS.inferenceRequests.derived.name);
    }
  }

  private object(
    id: string,
    apiVersion: string,
    kind: string,
    suffix: string,
    body: Record<string, unknown>,
  ): ApiObject {
    const name = suffix === '' ? this.metadata.name : `${this.metadata.name}-${suffix}`;
    return new ApiObject(this, id, { apiVersion, kind, metadata: { ...this.metadata, name }, ...body });
  }

  private secrets(
    { name, namespace, secretStore }: InferenceWorkloadProps,
    id: string,
    suffix: string,
    secrets: SecretValues = {},
  ): Readonly<Record<string, SecretKey>> {
    const { labels } = this.metadata;
    return materializeSecrets(this, id, {
      ...{ secrets, namespace, labels, targetName: `${name}-${suffix}` },
      ...(secretStore === undefined ? {} : { store: secretStore }),
    });
  }

  private serviceAccount(props: InferenceWorkloadProps): void {
    const metadata = {
      ...this.metadata,
      name: this.serviceAccountName,
      annotations: props.serviceAccount?.annotations,
    };
    const body = { metadata, automountServiceAccountToken: false };
    new ApiObject(this, 'ServiceAccount', { apiVersion: 'v1', kind: 'ServiceAccount', ...body });
  }

  private deploy(props: InferenceWorkloadProps, config: Readonly<Record<string, string>>): ApiObject {
    const { maxUnavailable, maxSurge } = props.rollout ?? Rollout.surge();
    const { secret: keys } = props.auth;
    const pod = {
      serviceAccountName: this.serviceAccountName,
      selector: this.podSelector,
      configMapName: `${props.name}-config`,
      filesName: fileData(this, props.files) && `${props.name}-files`,
      apiKeys: keys && this.secrets(props, 'ApiKeys', 'api-keys', { [API_KEYS_FILE]: keys })[API_KEYS_FILE],
      secretEnv: this.secrets(props, 'SecretEnv', 'secret-env', props.secretEnv),
      secretFiles: this.secrets(props, 'SecretFiles', 'secret-files', props.secretFiles),
    };
    const annotations = { [LABELS.imageFeatures]: this.imageFeatures.join(',') };
    return this.object('Resource', 'apps/v1', 'Deployment', '', {
      metadata: { ...this.metadata, ...(this.imageFeatures.length > 0 ? { annotations } : {}) },
      spec: {
        // With an autoscaler the number is its own: a written one would undo its work at every deployment.
        replicas: this.scaling.isFixed ? this.scaling.minReplicas : undefined,
        revisionHistoryLimit: 5,
        progressDeadlineSeconds: Math.max(600, startupBudget(props) + 300),
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } },
        selector: { matchLabels: this.podSelector },
        template: {
          metadata: {
            labels: { ...props.podLabels, ...this.metadata.labels },
            annotations: configAnnotations(config),
          },
          spec: inferencePod(props, pod),
        },
      },
    });
  }

  private service(props: InferenceWorkloadProps): void {
    const port = (name: 'http' | 'grpc', appProtocol: string): object => ({
      name: PORT_NAMES[name],
      port: PORTS[name],
      targetPort: PORT_NAMES[name],
      protocol: 'TCP',
      appProtocol,
    });
    const plain = props.tls === undefined;
    const grpc = props.grpc ? [port('grpc', plain ? 'kubernetes.io/h2c' : 'https')] : [];
    const ports = [port('http', plain ? 'http' : 'https'), ...grpc];
    this.object('Service', 'v1', 'Service', '', { spec: { type: 'ClusterIP', selector: this.podSelector, ports } });
  }

  private disruptionBudget(): void {
    this.object('DisruptionBudget', 'policy/v1', 'PodDisruptionBudget', '', {
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: this.podSelector },
        // A pod that is not ready serves nobody, and would block the node's drain for ever.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    });
  }

  private networkPolicy(props: InferenceWorkloadProps): void {
    const serving = [PORTS.http, ...(props.grpc ? [PORTS.grpc] : [])];
    const calls = (props.ingressFrom ?? []).map((rule) => ({ ...rule, ports: serving }));
    const scraper = props.scraperNamespace;
    denyAllBut(this, 'NetworkPolicy', {
      ...this.metadata,
      podSelector: this.podSelector,
      ingress: scraper
        ? [...calls, { description: 'metrics', namespace: { name: scraper }, ports: [PORTS.metrics] }]
        : calls,
      egress: props.egress ?? [],
    });
  }

  // Metrics have a Service of their own, so that whatever routes to the endpoint cannot reach them.
  private scraping(props: InferenceWorkloadProps, config: Readonly<Record<string, string>>): void {
    const ports = [{ name: PORT_NAMES.metrics, port: PORTS.metrics, targetPort: PORT_NAMES.metrics, protocol: 'TCP' }];
    const spec = { clusterIP: 'None', selector: this.podSelector, ports };
    const metadata = { ...this.metadata, name: metricsServiceName(this.metadata.name) };
    this.object('MetricsService', 'v1', 'Service', '', { metadata, spec });
    this.object('ServiceMonitor', 'monitoring.coreos.com/v1', 'ServiceMonitor', '', {
      spec: {
        selector: { matchLabels: this.podSelector },
        // At least two samples in every rate window of the contract's metrics.
        endpoints: [{ port: PORT_NAMES.metrics, path: PATHS.metrics, interval: '15s', scrapeTimeout: '10s' }],
      },
    });
    this.watching(props, config);
  }

  private watching(props: InferenceWorkloadProps, config: Readonly<Record<string, string>>): void {
    const { name, namespace, model, alerts, dashboard } = props;
    const endpoint = { name, namespace, model: model.name, ...watchedFeatures(config, props) };
    const { thresholds } = alerts ?? Alerts.at();
    if (thresholds !== undefined) {
      const groups = [{ name: `${name}.${namespace}`, rules: alertRules(endpoint, thresholds) }];
      this.object('Alerts', 'monitoring.coreos.com/v1', 'PrometheusRule', '', { spec: { groups } });
    }
    if (dashboard === false) return;
    const labels = { ...this.metadata.labels, [LABELS.dashboard]: DASHBOARD_MARK };
    this.object('Dashboard', 'v1', 'ConfigMap', 'dashboard', {
      metadata: { ...this.metadata, name: `${name}-dashboard`, labels },
      // Grafana keeps the dashboards of all namespaces in one folder, so the name of the file is theirs alone.
      data: { [`${namespace}.${name}.json`]: dashboardJson(endpoint) },
    });
  }
}

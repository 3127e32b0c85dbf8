import { PATHS } from '../../runtime/contract';
import { EndpointMetrics } from '../endpoint-metrics';
import type { EachModel } from '../endpoint-metrics';
import type { AlertThresholds, ModelThresholds } from './alerts';

/** What is watched. */
export interface WatchedEndpoint {
  readonly name: string;
  readonly namespace: string;
  /** Name of the model that it is for; further ones and pipelines are watched as they come. */
  readonly model: string;
  /** Whether it keeps an audit log. */
  readonly audits: boolean;
  /** Whether it follows files with keys, certificates or authorities as they change. */
  readonly followsFiles: boolean;
}

/** One alert, as a rule of Prometheus has it. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

interface AlertRow {
  readonly alert: string;
  readonly expr: string;
  /** How long it has to be so, as a PromQL duration. */
  readonly lasting: string;
  readonly severity: 'critical' | 'warning' | 'info';
  /** What is the matter, after the name of the endpoint. */
  readonly summary: string;
  readonly description: string;
  readonly runbook: string;
}

/**
 * The alerts of one endpoint. Replicas and versions are summed away, so that what fires is one alert a model or pipeline, or
 * one an endpoint, however many replicas it has; namespace and endpoint are labels of the alert.
 */
export function alertRules(endpoint: WatchedEndpoint, thresholds: Required<AlertThresholds>): readonly AlertRule[] {
  const { name, namespace, audits, followsFiles } = endpoint;
  const metrics = metricsOf(endpoint, { except: [] });
  const rows = [
    ...requestAlerts(endpoint, thresholds),
    ...readinessAlerts(endpoint.model, metrics),
    ...modelAlerts(metrics),
    ...(audits ? [auditAlert(metrics)] : []),
    ...(followsFiles ? [filesAlert(metrics)] : []),
  ];
  return rows.map((row) => ({
    alert: row.alert,
    expr: row.expr,
    for: row.lasting,
    labels: { severity: row.severity, namespace, endpoint: name },
    annotations: {
      summary: `Endpoint ${name} ${row.summary}`,
      description: row.description,
      runbook: row.runbook,
    },
  }));
}

/** Queries of a watched endpoint. */
export function metricsOf({ name, namespace }: WatchedEndpoint, model: string | EachModel): EndpointMetrics {
  return new EndpointMetrics(namespace, model, name);
}

const named = (series: string, model: string): string =>
  `label_replace(${series}, "model", ${JSON.stringify(model)}, "", "")`;

/** Models and pipelines that are above their threshold, by the label `model`. */
function above(
  endpoint: WatchedEndpoint,
  thresholds: Required<AlertThresholds>,
  property: keyof ModelThresholds,
  query: (metrics: EndpointMetrics) => string,
): string {
  const own = Object.entries(thresholds.models).flatMap(([model, { [property]: threshold }]) =>
    threshold === undefined ? [] : [{ model, threshold }],
  );
  const others = metricsOf(endpoint, { except: own.map(({ model }) => model) });
  return [
    `${query(others)} > ${thresholds[property]}`,
    ...own.map(({ model, threshold }) => named(`${query(metricsOf(endpoint, model))} > ${threshold}`, model)),
  ].join(' or ');
}

function requestAlerts(endpoint: WatchedEndpoint, thresholds: Required<AlertThresholds>): readonly AlertRow[] {
  return [
    {
      alert: 'LnmtEndpointErrors',
      expr: above(endpoint, thresholds, 'errorRatio', (metrics) => metrics.errorRatio()),
      lasting: '5m',
      severity: 'critical',
      summary: 'fails requests to {{ $labels.model }}',
      description:
        '{{ $value | humanizePercentage }} of the inference requests to {{ $labels.model }} failed over the last 5 minutes.',
      runbook:
        'Look at the dashboard for the status that callers get. 503 with a saturation near 1 is too much load: raise maxReplicas. Other ones are in the log of the pods, each with a code; lnmt explain CODE says what it means. If it began with a new version, deploy the one before. The name other stands for models that are not served here.',
    },
    {
      alert: 'LnmtEndpointSlow',
      expr: above(endpoint, thresholds, 'latencySeconds', (metrics) => metrics.latency(0.99)),
      lasting: '10m',
      severity: 'warning',
      summary: 'is slow to answer for {{ $labels.model }}',
      description:
        'The slowest of a hundred requests to {{ $labels.model }} takes {{ $value | humanizeDuration }} or more.',
      runbook:
        'Compare on the dashboard how long requests wait with how long the model runs. Waiting is a lack of replicas: look at the autoscaler and at pods that cannot be scheduled. Running is the model: larger batches, more CPU or an accelerator, or a smaller model. One that may take longer than the others has a threshold of its own: Alerts.at({ models }).',
    },
    {
      alert: 'LnmtEndpointSaturated',
      expr: `${metricsOf(endpoint, { except: [] }).saturation()} > ${thresholds.saturation}`,
      lasting: '10m',
      severity: 'warning',
      summary: 'is about to refuse requests',
      description: 'The replicas are at {{ $value | humanizePercentage }} of what they admit.',
      runbook:
        'Look whether the autoscaler is at maxReplicas, and whether new pods wait for nodes. Raise maxReplicas or maxNodes of the pool, or lower the target that the autoscaler follows, so that it acts earlier.',
    },
  ];
}

function readinessAlerts(model: string, metrics: EndpointMetrics): readonly AlertRow[] {
  return [
    {
      alert: 'LnmtModelNotReady',
      // Pods that are gone, or that nobody can scrape, have no series to be 0.
      expr: `(${metrics.readyReplicas()} or ${named('vector(0)', model)}) < 1`,
      // As long as a node with accelerators, a large image and a large model may take.
      lasting: '15m',
      severity: 'critical',
      summary: 'does not serve {{ $labels.model }}',
      description: 'No replica has model {{ $labels.model }} ready, or none can be scraped.',
      runbook:
        'kubectl describe the pods: waiting for a node, for the image, or for the model? The log names what is wrong with a model, with a code for lnmt explain CODE. If pods are ready and Prometheus has no target, look at the NetworkPolicy and at the targets page of Prometheus.',
    },
    {
      alert: 'LnmtPipelineNotReady',
      expr: `${metrics.readyReplicasByPipeline()} < 1`,
      lasting: '15m',
      severity: 'critical',
      summary: 'does not serve pipeline {{ $labels.pipeline }}',
      description: 'No replica has pipeline {{ $labels.pipeline }} ready.',
      runbook: `POST ${PATHS.repository}/index says why: a model of it is not ready, for which there is an alert of its own; is not loaded, because it was unloaded or never configured; or is none that the pipeline fits, because its new version takes or gives other tensors. The log has the code of what does not fit, for lnmt explain CODE. Bring the model back, or the version before.`,
    },
  ];
}

function modelAlerts(metrics: EndpointMetrics): readonly AlertRow[] {
  return [
    {
      alert: 'LnmtModelOffline',
      expr: `${metrics.offlineReplicas()} > 0`,
      lasting: '15m',
      severity: 'warning',
      summary: 'cannot reach the repository of {{ $labels.model }}',
      description:
        '{{ $value }} replicas serve the last files of {{ $labels.model }} that they know; a new replica might not start.',
      runbook:
        'Look at the log of the pods for what the store answers. Usual causes are a grant that was taken away, an egress rule that no longer fits, and an outage of the store. Do not restart the pods: they have what a new one cannot get.',
    },
    {
      alert: 'LnmtModelDrift',
      expr: `${metrics.driftingReplicas()} > 0`,
      lasting: '30m',
      severity: 'warning',
      summary: 'sees data that differs from the baseline of {{ $labels.model }}',
      description: '{{ $value }} replicas see a distribution that chance does not explain.',
      runbook:
        'The dashboard shows which features moved. Ask what changed for the callers: units, a new source, missing values. If the new data is what will come from now on, train on it and make a new baseline.',
    },
  ];
}

function auditAlert(metrics: EndpointMetrics): AlertRow {
  return {
    alert: 'LnmtAuditLogBroken',
    expr: `${metrics.brokenAuditLogs()} > 0`,
    lasting: '1m',
    severity: 'critical',
    summary: 'answers without an audit log',
    description: '{{ $value }} replicas can no longer write their audit log, and go on without.',
    runbook:
      'The log of the pods says why, most often a volume that is full or gone. Note the time: what is done from now on is in no audit log. Bring the volume back, and replace the pods one by one with kubectl rollout restart: a server that failed to write does not try again.',
  };
}

function filesAlert(metrics: EndpointMetrics): AlertRow {
  return {
    alert: 'LnmtFilesRefused',
    expr: `${metrics.replicasRefusingFiles()} > 0`,
    // Longer than the kubelet takes to bring all files of a Secret.
    lasting: '15m',
    severity: 'warning',
    summary: 'refuses new files ({{ $labels.files }})',
    description:
      '{{ $value }} replicas use the last good files ({{ $labels.files }}), because what they find now cannot be used.',
    runbook:
      'The log of the pods says what is wrong: a key that belongs to another certificate, a file that is gone or cut, JSON that is none. Mend the Secret before the certificate that is in use expires; keys that were withdrawn are good until then. Do not restart the pods: without good files a server does not start.',
  };
}

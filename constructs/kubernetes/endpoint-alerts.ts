import type { EndpointMetrics } from '../endpoint-metrics';
import type { AlertThresholds } from './alerts';

/** What an alert is about. */
export interface AlertedEndpoint {
  readonly name: string;
  readonly namespace: string;
  readonly metrics: EndpointMetrics;
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
 * The alerts of one endpoint. Labels of the series are summed away, so that what fires is one alert an endpoint, however many
 * replicas it has; namespace and endpoint are labels of the alert.
 */
export function alertRules(endpoint: AlertedEndpoint, thresholds: Required<AlertThresholds>): readonly AlertRule[] {
  const { name, namespace, metrics } = endpoint;
  return [...requestAlerts(metrics, thresholds), ...modelAlerts(metrics)].map((row) => ({
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

function requestAlerts(metrics: EndpointMetrics, thresholds: Required<AlertThresholds>): readonly AlertRow[] {
  return [
    {
      alert: 'LnmtEndpointErrors',
      expr: `${metrics.errorRatio()} > ${thresholds.errorRatio}`,
      lasting: '5m',
      severity: 'critical',
      summary: 'fails requests',
      description: `{{ $value | humanizePercentage }} of the inference requests failed over the last 5 minutes.`,
      runbook:
        'Look at the dashboard for the status that callers get. 503 with a saturation near 1 is too much load: raise maxReplicas. Other ones are in the log of the pods, each with a code; lnmt explain CODE says what it means. If it began with a new version, deploy the one before.',
    },
    {
      alert: 'LnmtEndpointSlow',
      expr: `${metrics.latency(0.99)} > ${thresholds.latencySeconds}`,
      lasting: '10m',
      severity: 'warning',
      summary: 'is slow',
      description: 'The slowest of a hundred requests takes {{ $value | humanizeDuration }} or more.',
      runbook:
        'Compare on the dashboard how long requests wait with how long the model runs. Waiting is a lack of replicas: look at the autoscaler and at pods that cannot be scheduled. Running is the model: larger batches, more CPU or an accelerator, or a smaller model.',
    },
    {
      alert: 'LnmtEndpointSaturated',
      expr: `${metrics.saturation()} > ${thresholds.saturation}`,
      lasting: '10m',
      severity: 'warning',
      summary: 'is about to refuse requests',
      description: 'The replicas are at {{ $value | humanizePercentage }} of what they admit.',
      runbook:
        'Look whether the autoscaler is at maxReplicas, and whether new pods wait for nodes. Raise maxReplicas or maxNodes of the pool, or lower the target that the autoscaler follows, so that it acts earlier.',
    },
  ];
}

function modelAlerts(metrics: EndpointMetrics): readonly AlertRow[] {
  const ready = metrics.readyReplicas();
  return [
    {
      alert: 'LnmtModelNotReady',
      // Pods that are gone, or that nobody can scrape, have no series to be 0.
      expr: `(${ready} or vector(0)) < 1`,
      // As long as a node with accelerators, a large image and a large model may take.
      lasting: '15m',
      severity: 'critical',
      summary: 'serves nothing',
      description: 'No replica has its model ready, or none can be scraped.',
      runbook:
        'kubectl describe the pods: waiting for a node, for the image, or for the model? The log names what is wrong with a model, with a code for lnmt explain CODE. If pods are ready and Prometheus has no target, look at the NetworkPolicy and at the targets page of Prometheus.',
    },
    {
      alert: 'LnmtModelOffline',
      expr: `${metrics.offlineReplicas()} > 0`,
      lasting: '15m',
      severity: 'warning',
      summary: 'cannot reach the repository of its model',
      description: '{{ $value }} replicas serve the last files that they know; a new replica might not start.',
      runbook:
        'Look at the log of the pods for what the store answers. Usual causes are a grant that was taken away, an egress rule that no longer fits, and an outage of the store. Do not restart the pods: they have what a new one cannot get.',
    },
    {
      alert: 'LnmtModelDrift',
      expr: `${metrics.driftingReplicas()} > 0`,
      lasting: '30m',
      severity: 'warning',
      summary: 'sees data that differs from the baseline of its model',
      description: '{{ $value }} replicas see a distribution that chance does not explain.',
      runbook:
        'The dashboard shows which features moved. Ask what changed for the callers: units, a new source, missing values. If the new data is what will come from now on, train on it and make a new baseline.',
    },
  ];
}

import { createHash } from 'node:crypto';
import type { EndpointMetrics } from '../endpoint-metrics';
import { metricsOf } from './endpoint-alerts';
import type { WatchedEndpoint } from './endpoint-alerts';

/** One picture: what it is called, the unit as Grafana names it, and its lines as legend and query. */
interface PanelRow {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly (readonly [legend: string, expr: string])[];
}

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;
const COLUMNS = 2;
const PANEL = { width: 12, height: 8 } as const;

/** What callers see, and why. */
function requestPanels(metrics: EndpointMetrics): readonly PanelRow[] {
  return [
    { title: 'Requests', unit: 'reqps', lines: [['{{model}} {{code}}', metrics.requestRateByCode()]] },
    { title: 'Failed requests', unit: 'percentunit', lines: [['{{model}}', metrics.errorRatio()]] },
    {
      title: 'Latency',
      unit: 's',
      lines: [0.5, 0.9, 0.99].map((quantile) => [`{{model}} p${quantile * 100}`, metrics.latency(quantile)]),
    },
    {
      title: 'Where the time goes (p99)',
      unit: 's',
      lines: [
        ['{{model}} waiting for a batch', metrics.waiting(0.99)],
        ['{{model}} running', metrics.computing(0.99)],
      ],
    },
    { title: 'Saturation', unit: 'percentunit', lines: [['{{pod}}', metrics.saturationByPod()]] },
    {
      title: 'Queue and batches',
      unit: 'short',
      lines: [
        ['{{model}} waiting requests', metrics.queueDepth()],
        ['{{model}} requests in a batch', metrics.batchSize()],
      ],
    },
  ];
}

/** How replicas stand, and what the models see. */
function replicaPanels(metrics: EndpointMetrics, { audits, followsFiles }: WatchedEndpoint): readonly PanelRow[] {
  return [
    {
      title: 'Replicas that serve',
      unit: 'short',
      lines: [
        ['{{model}}', metrics.readyReplicas()],
        ['pipeline {{pipeline}}', metrics.readyReplicasByPipeline()],
      ],
    },
    {
      title: 'Replicas with a fault',
      unit: 'short',
      lines: [
        ['{{model}} repository out of reach', metrics.offlineReplicas()],
        ['{{model}} drift detected', metrics.driftingReplicas()],
        ...(audits ? [['no audit log', metrics.brokenAuditLogs()] as const] : []),
        ...(followsFiles ? [['new files refused ({{files}})', metrics.replicasRefusingFiles()] as const] : []),
      ],
    },
    { title: 'Memory of the models', unit: 'bytes', lines: [['{{pod}} {{model}}', metrics.memoryByPod()]] },
    { title: 'GPU use', unit: 'percentunit', lines: [['{{pod}} GPU {{gpu}}', metrics.gpuUtilization()]] },
    { title: 'Drift by feature (PSI)', unit: 'short', lines: [['{{model}} {{feature}}', metrics.driftByFeature()]] },
  ];
}

/**
 * The dashboard of one endpoint, as the JSON that Grafana reads.
 *
 * @see https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
 */
export function dashboardJson(endpoint: WatchedEndpoint): string {
  const { name, namespace } = endpoint;
  const metrics = metricsOf(endpoint, { except: [] });
  return JSON.stringify({
    // A fixed one, so that links to it live as long as the endpoint. Grafana takes at most 40 characters.
    uid: createHash('sha256')
      .update(JSON.stringify([namespace, name]))
      .digest('hex')
      .slice(0, 40),
    title: `Endpoint ${name} (${namespace})`,
    tags: ['lnmt', 'inference'],
    schemaVersion: 39,
    editable: false,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    // In the order of reading.
    panels: [...requestPanels(metrics), ...replicaPanels(metrics, endpoint)].map(panelJson),
  });
}

function panelJson({ title, unit, lines }: PanelRow, index: number): object {
  const { width, height } = PANEL;
  return {
    id: index + 1,
    type: 'timeseries',
    title,
    datasource: DATASOURCE,
    gridPos: { x: (index % COLUMNS) * width, y: Math.floor(index / COLUMNS) * height, w: width, h: height },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: lines.map(([legendFormat, expr], line) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + line),
      datasource: DATASOURCE,
      expr,
      legendFormat,
    })),
  };
}

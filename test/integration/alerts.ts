import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { EndpointMetrics } from '../../constructs/endpoint-metrics';
import { Alerts, metricRules } from '../../constructs/kubernetes';
import type { InferenceWorkloadProps } from '../../constructs/kubernetes';
import type { AlertRule } from '../../constructs/kubernetes/endpoint-alerts';
import { METRICS } from '../../runtime/contract';
import { at, objectOf, workload } from '../constructs/kubernetes/support';
import { run } from './processes';
import type { Checks, Suite } from './suite';
import { programOnPath } from './tools';

/** Series of a story: exposition with labels of the server, and values a minute as promtool writes them. */
interface Story {
  readonly name: string;
  readonly series: readonly (readonly [name: string, labels: string, values: string])[];
  /** Alerts that fire after 45 minutes, with the model, pipeline or files that they are about. */
  readonly firing: readonly string[];
}

const MODEL = 'model="digits",version="3"';
/** A second model, which answers in its own time, and a pipeline over both. */
const CHAT = 'model="chat",version="1"';
const PIPELINE = 'pipeline="digits-then-chat"';
const { name: REQUESTS } = METRICS.inferenceRequests;
const BUCKET = `${METRICS.inferenceDuration.name}_bucket`;
const READY: Story['series'] = [[METRICS.modelReady.name, MODEL, '1x60']];
const SERVING: Story['series'] = [...READY, [REQUESTS, `${MODEL},code="200"`, '0+600x60']];

const STORIES: readonly Story[] = [
  {
    name: 'a healthy endpoint',
    series: [
      ...SERVING,
      [REQUESTS, `${MODEL},code="400"`, '0+600x60'],
      [BUCKET, `${MODEL},le="0.5"`, '0+1200x60'],
      [BUCKET, `${MODEL},le="+Inf"`, '0+1200x60'],
      [METRICS.saturation.name, '', '0.4x60'],
      [METRICS.modelOffline.name, MODEL, '0x60'],
      [METRICS.driftDetected.name, MODEL, '0x60'],
      [METRICS.modelReady.name, CHAT, '1x60'],
      [REQUESTS, `${CHAT},code="200"`, '0+6x60'],
      [BUCKET, `${CHAT},le="10"`, '0+6x60'],
      [BUCKET, `${CHAT},le="+Inf"`, '0+6x60'],
      [METRICS.pipelineReady.name, PIPELINE, '1x60'],
      [METRICS.auditBroken.name, '', '0x60'],
      [METRICS.filesRefused.name, 'files="tls"', '0x60'],
      [METRICS.filesRefused.name, 'files="api-keys"', '0x60'],
    ],
    firing: [],
  },
  {
    name: 'a second model that always fails, beside one that is called far more often and never does',
    series: [...SERVING, [REQUESTS, `${CHAT},code="503"`, '0+6x60']],
    firing: ['LnmtEndpointErrors chat'],
  },
  {
    name: 'a pipeline that fails and is slow beside its models',
    series: [
      ...SERVING,
      [REQUESTS, 'model="digits-then-chat",version="1",code="500"', '0+60x60'],
      [BUCKET, 'model="digits-then-chat",version="1",le="2.5"', '0+60x60'],
      [BUCKET, 'model="digits-then-chat",version="1",le="+Inf"', '0+60x60'],
    ],
    firing: ['LnmtEndpointErrors digits-then-chat', 'LnmtEndpointSlow digits-then-chat'],
  },
  {
    name: 'a second model that is slower than even it may be',
    series: [
      ...SERVING,
      [BUCKET, `${CHAT},le="10"`, '0+6x60'],
      [BUCKET, `${CHAT},le="30"`, '0+12x60'],
      [BUCKET, `${CHAT},le="+Inf"`, '0+12x60'],
    ],
    firing: ['LnmtEndpointSlow chat'],
  },
  {
    name: 'a second model that no replica has, and the pipeline over it',
    series: [
      ...SERVING,
      [METRICS.modelReady.name, 'model="chat",version="other"', '0x60'],
      [METRICS.pipelineReady.name, PIPELINE, '0x60'],
    ],
    firing: ['LnmtModelNotReady chat', 'LnmtPipelineNotReady digits-then-chat'],
  },
  {
    name: 'a second model whose old version serves while the new one does not',
    series: [
      ...SERVING,
      [METRICS.modelReady.name, CHAT, '1x60'],
      [METRICS.modelReady.name, 'model="chat",version="2"', '0x60'],
    ],
    firing: [],
  },
  {
    name: 'an audit log that is lost, and a renewed certificate that is refused',
    series: [...SERVING, [METRICS.auditBroken.name, '', '1x60'], [METRICS.filesRefused.name, 'files="tls"', '1x60']],
    firing: ['LnmtAuditLogBroken', 'LnmtFilesRefused tls'],
  },
  {
    name: 'a renewed certificate whose key comes ten minutes later',
    series: [...SERVING, [METRICS.filesRefused.name, 'files="tls"', '0x34 1x9 0x15']],
    firing: [],
  },
  { name: 'an endpoint that nobody calls', series: READY, firing: [] },
  { name: 'an endpoint without pods', series: [], firing: ['LnmtModelNotReady digits'] },
  {
    name: 'a model that cannot be loaded',
    series: [[METRICS.modelReady.name, MODEL, '0x60']],
    firing: ['LnmtModelNotReady digits'],
  },
  { name: 'a model that is away for 10 minutes', series: [[METRICS.modelReady.name, MODEL, '1x34 0x26']], firing: [] },
  {
    name: 'failing requests',
    series: [...SERVING, [REQUESTS, `${MODEL},code="503"`, '0+60x60']],
    firing: ['LnmtEndpointErrors digits'],
  },
  {
    name: 'failing requests among many of callers that were turned away',
    series: [
      ...SERVING,
      [REQUESTS, `${MODEL},code="503"`, '0+60x60'],
      ...['401', '403', '429'].map((code) => [REQUESTS, `${MODEL},code="${code}"`, '0+60000x60'] as const),
    ],
    firing: ['LnmtEndpointErrors digits'],
  },
  {
    name: 'an error in a thousand',
    series: [...SERVING, [REQUESTS, `${MODEL},code="500"`, '0+1x60']],
    firing: [],
  },
  {
    name: 'slow requests',
    series: [
      ...SERVING,
      [BUCKET, `${MODEL},le="1"`, '0+500x60'],
      [BUCKET, `${MODEL},le="2.5"`, '0+600x60'],
      [BUCKET, `${MODEL},le="+Inf"`, '0+600x60'],
    ],
    firing: ['LnmtEndpointSlow digits'],
  },
  {
    name: 'a full server, out of reach of its repository, with drift',
    series: [
      ...SERVING,
      [METRICS.saturation.name, '', '1x60'],
      [METRICS.modelOffline.name, MODEL, '1x60'],
      [METRICS.driftDetected.name, MODEL, '1x60'],
    ],
    firing: ['LnmtEndpointSaturated', 'LnmtModelDrift digits', 'LnmtModelOffline digits'],
  },
];

/** Real promtool over the rules of an endpoint: it reads them, and they fire when they should. */
export const alerts: Suite = {
  name: 'alerts',
  timeoutMinutes: 3,
  run: async (checks: Checks) => {
    const rules = path.join(checks.folder, 'rules.yaml');
    fs.writeFileSync(rules, stringify(at(objectOf(workload(props), 'PrometheusRule'), 'spec')));
    await checks.check('promtool accepts the rules', () => judge(['check', 'rules', '--lint-fatal', rules]));
    for (const [index, story] of STORIES.entries()) {
      const file = path.join(checks.folder, `story-${index}.yaml`);
      fs.writeFileSync(file, stringify(testFile(rules, story)));
      await checks.check(`${story.name}: ${story.firing.join(', ') || 'nothing'} fires`, () =>
        judge(['test', 'rules', file]),
      );
    }
    await checks.check('the texts of an alert are filled in', () => {
      const file = path.join(checks.folder, 'texts.yaml');
      fs.writeFileSync(file, stringify(textFile(rules)));
      return judge(['test', 'rules', file]);
    });
    await checks.check('promtool reads every query of dashboards, of users and of the adapter', () => {
      const file = path.join(checks.folder, 'queries.yaml');
      fs.writeFileSync(file, stringify({ groups: [{ name: 'queries', rules: queries() }] }));
      return judge(['check', 'rules', file]);
    });
  },
};

const props: Partial<InferenceWorkloadProps> = {
  scraperNamespace: 'monitoring',
  alerts: Alerts.at({ models: { chat: { latencySeconds: 20 } } }),
  auditLog: { claimName: 'audit' },
  tls: { secretName: 'digits-tls' },
};

async function judge(args: readonly string[]): Promise<void> {
  const { code, output } = await run(programOnPath('promtool'), [...args]);
  if (code !== 0) throw new Error(output);
}

function seriesOf({ series }: Story): object[] {
  const scraped = 'namespace="models",service="digits-metrics"';
  return ['digits-a', 'digits-b'].flatMap((pod) =>
    series.map(([name, labels, values]) => ({
      series: `${name}{${[scraped, `pod="${pod}"`, ...(labels === '' ? [] : [labels])].join(',')}}`,
      values,
    })),
  );
}

// Every alert is asked for, so that one which fires unasked is a fault too.
function testFile(rules: string, story: Story): object {
  const firing = story.firing.map((alert) => {
    const [name = '', about] = alert.split(' ');
    return { labels: `{alertname="${name}"${about === undefined ? '' : `,about="${about}"`}}`, value: 1 };
  });
  // The label that an alert has is what it is about.
  const about = ['model', 'pipeline', 'files'].reduce(
    (series, label) => `label_replace(${series}, "about", "$1", "${label}", "(.+)")`,
    'ALERTS{alertstate="firing"}',
  );
  const expr = `count by (alertname, about) (${about})`;
  return {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: seriesOf(story),
        promql_expr_test: [{ expr, eval_time: '45m', exp_samples: firing }],
      },
    ],
  };
}

function textFile(rules: string): object {
  const ruleOf = (name: string): AlertRule | undefined =>
    (at(objectOf(workload(props), 'PrometheusRule'), 'spec.groups.0.rules') as unknown as AlertRule[]).find(
      ({ alert }) => alert === name,
    );
  const errors = ruleOf('LnmtEndpointErrors');
  const summary = 'Endpoint digits fails requests to digits';
  const description = '9.091% of the inference requests to digits failed over the last 5 minutes.';
  const expected = {
    exp_labels: { ...errors?.labels, model: 'digits' },
    exp_annotations: { ...errors?.annotations, summary, description },
  };
  const story = STORIES.find(({ name }) => name === 'failing requests');
  if (story === undefined) throw new Error('the story of failing requests is gone');
  const alert = { alertname: 'LnmtEndpointErrors', eval_time: '45m', exp_alerts: [expected] };
  return {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [{ interval: '1m', input_series: seriesOf(story), alert_rule_test: [alert] }],
  };
}

function queries(): object[] {
  const map = objectOf(workload(props), 'ConfigMap', 'digits-dashboard');
  const [text = ''] = Object.values(map['data'] as Record<string, string>);
  const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] };
  const ofUsers = new EndpointMetrics('models', 'a"b');
  const ofAdapter = metricRules().map(({ metricsQuery }) =>
    metricsQuery
      .replace('<<.Series>>', REQUESTS)
      .replace('<<.LabelMatchers>>', 'namespace="models"')
      .replace('<<.GroupBy>>', 'pod'),
  );
  const ofPanels = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const ofEach = new EndpointMetrics('models', { except: ['a.b', 'c"d'] }).latency(0.9, '1h');
  const all = [...ofPanels, ofUsers.errorRatio('1h'), ofEach, ...ofAdapter];
  return all.map((expr, index) => ({ record: `query:${index}`, expr }));
}

import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { EndpointMetrics } from '../../constructs/endpoint-metrics';
import { Alerts, metricRules } from '../../constructs/kubernetes';
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
  /** Alerts that fire after 45 minutes. */
  readonly firing: readonly string[];
}

const MODEL = 'model="digits",version="3"';
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
    ],
    firing: [],
  },
  { name: 'an endpoint that nobody calls', series: READY, firing: [] },
  { name: 'an endpoint without pods', series: [], firing: ['LnmtModelNotReady'] },
  {
    name: 'a model that cannot be loaded',
    series: [[METRICS.modelReady.name, MODEL, '0x60']],
    firing: ['LnmtModelNotReady'],
  },
  { name: 'a model that is away for 10 minutes', series: [[METRICS.modelReady.name, MODEL, '1x34 0x26']], firing: [] },
  {
    name: 'failing requests',
    series: [...SERVING, [REQUESTS, `${MODEL},code="503"`, '0+60x60']],
    firing: ['LnmtEndpointErrors'],
  },
  {
    name: 'failing requests among many of callers that were turned away',
    series: [
      ...SERVING,
      [REQUESTS, `${MODEL},code="503"`, '0+60x60'],
      ...['401', '403', '429'].map((code) => [REQUESTS, `${MODEL},code="${code}"`, '0+60000x60'] as const),
    ],
    firing: ['LnmtEndpointErrors'],
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
    firing: ['LnmtEndpointSlow'],
  },
  {
    name: 'a full server, out of reach of its repository, with drift',
    series: [
      ...SERVING,
      [METRICS.saturation.name, '', '1x60'],
      [METRICS.modelOffline.name, MODEL, '1x60'],
      [METRICS.driftDetected.name, MODEL, '1x60'],
    ],
    firing: ['LnmtEndpointSaturated', 'LnmtModelDrift', 'LnmtModelOffline'],
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

const props = { scraperNamespace: 'monitoring', alerts: Alerts.at() } as const;

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
  const firing = story.firing.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 }));
  const expr = 'count by (alertname) (ALERTS{alertstate="firing"})';
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
  const description = '9.091% of the inference requests failed over the last 5 minutes.';
  const expected = { exp_labels: errors?.labels, exp_annotations: { ...errors?.annotations, description } };
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
  const all = [...ofPanels, ofUsers.errorRatio('1h'), ...ofAdapter];
  return all.map((expr, index) => ({ record: `query:${index}`, expr }));
}

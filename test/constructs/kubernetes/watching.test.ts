import { Chart, Testing } from 'cdk8s';
import { App, TerraformStack } from 'cdktf';
import { describe, expect, test } from 'vitest';
import { EndpointMetrics } from '../../../constructs/endpoint-metrics';
import type { EachModel } from '../../../constructs/endpoint-metrics';
import { Alerts, Auth, InferenceWorkload, SecretReference } from '../../../constructs/kubernetes';
import type { AlertThresholds, InferenceWorkloadProps } from '../../../constructs/kubernetes';
import { HELM_DIALECT, FLUX_DIALECT, dataText, expandTemplate } from '../../../constructs/delivery/template';
import { LateBinding } from '../../../constructs/delivery/late-binding';
import { LATENCY_BUCKETS, METRICS } from '../../../runtime/contract';
import type { MetricDefinition } from '../../../runtime/contract';
import { parse } from 'yaml';
import { checkManifests } from '../../support/kubernetes-check';
import type { Json } from '../../support/terraform-json';
import { MINIMAL, at, objectOf, workload } from './support';

const WATCHED: Partial<InferenceWorkloadProps> = { scraperNamespace: 'monitoring' };
/** What can be watched, all of it. */
const EVERYTHING: Partial<InferenceWorkloadProps> = {
  auditLog: { claimName: 'audit' },
  tls: { secretName: 'digits-tls' },
};
const METRIC_ROWS: readonly MetricDefinition[] = Object.values(METRICS);
/** Labels that Prometheus puts on every series, and those of histograms. */
const ADDED = ['namespace', 'service', 'pod', 'le'];

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}

interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string; readonly refId: string }[];
}

function rulesOf(props: Partial<InferenceWorkloadProps> = {}): Rule[] {
  const rule = objectOf(workload({ ...WATCHED, ...props }), 'PrometheusRule');
  return at(rule, 'spec.groups.0.rules') as unknown as Rule[];
}

function dashboardText(props: Partial<InferenceWorkloadProps> = {}): string {
  const map = objectOf(workload({ ...WATCHED, ...props }), 'ConfigMap', 'digits-dashboard');
  const [text, ...others] = Object.values(map['data'] as Record<string, string>);
  expect(others).toEqual([]);
  return text ?? '';
}

function dashboardOf(props: Partial<InferenceWorkloadProps> = {}): { uid: string; panels: Panel[] } {
  return JSON.parse(dashboardText(props)) as { uid: string; panels: Panel[] };
}

function expressions(): string[] {
  const targets = dashboardOf(EVERYTHING).panels.flatMap(({ targets: list }) => list);
  return [...rulesOf(EVERYTHING), ...targets].map(({ expr }) => expr);
}

/** The row of the contract that a series of an expression belongs to. */
function rowOf(series: string): MetricDefinition | undefined {
  return METRIC_ROWS.find(({ name, type }) =>
    type === 'histogram' ? ['_bucket', '_sum', '_count'].some((end) => name + end === series) : name === series,
  );
}

describe('what watches an endpoint', () => {
  test('fits the schemas of its kinds', async () => {
    const manifests = workload(WATCHED);
    expect(await checkManifests(manifests)).toEqual({ faults: [], unmodelled: [], checked: manifests.length });
  });

  test('is there only where something scrapes it', () => {
    const kinds = workload().map(({ kind }) => kind);
    expect(kinds).not.toContain('PrometheusRule');
    expect(kinds.filter((kind) => kind === 'ConfigMap')).toHaveLength(1);
  });

  test('can be switched off, alerts and dashboard apart', () => {
    const names = (props: Partial<InferenceWorkloadProps>): string[] =>
      workload({ ...WATCHED, ...props })
        .map(({ kind, name }) => `${kind} ${name}`)
        .filter((text) => /PrometheusRule|dashboard/.test(text));
    expect(names({})).toEqual(['PrometheusRule digits', 'ConfigMap digits-dashboard']);
    expect(names({ alerts: Alerts.off() })).toEqual(['ConfigMap digits-dashboard']);
    expect(names({ dashboard: false })).toEqual(['PrometheusRule digits']);
  });

  test('asks for nothing but metrics of the contract, by labels that they have', () => {
    const found = expressions().flatMap((expr) => [...expr.matchAll(/([a-z_:]+)\{([^}]*)\}/g)]);
    expect(found.length).toBeGreaterThan(20);
    for (const [text, series = '', selector = ''] of found) {
      const row = rowOf(series);
      expect(row, text).toBeDefined();
      const labels = [...selector.matchAll(/(\w+)(?:=~?|!~)"/g)].map((match) => match[1] ?? '');
      expect(labels.filter((label) => ![...ADDED, ...(row?.labels ?? [])].includes(label))).toEqual([]);
    }
    const known = new Set([...ADDED, ...METRIC_ROWS.flatMap(({ labels }) => labels)]);
    const grouped = expressions().flatMap((expr) => [...expr.matchAll(/by \(([^)]+)\)/g)]);
    const by = grouped.flatMap(([, list = '']) => list.split(', '));
    expect(by.filter((label) => !known.has(label))).toEqual([]);
  });

  test('asks for the series of this endpoint alone, through the Service that they are scraped by', () => {
    const service = objectOf(workload(WATCHED), 'Service', 'digits-metrics');
    expect(at(service, 'metadata.namespace')).toBe('models');
    for (const expr of expressions()) {
      const selectors = [...expr.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] ?? '');
      expect(selectors.length).toBeGreaterThan(0);
      for (const text of selectors) expect(text).toMatch(/^namespace="models",service="digits-metrics"(,|$)/);
    }
  });

  test('quotes what would end a string of PromQL', () => {
    const metrics = new EndpointMetrics('models', 'a"b\\c');
    expect(metrics.queueDepth()).toContain('model="a\\"b\\\\c"');
  });

  test('asks for one model, or for each by itself, as it is told', () => {
    const of = (model: string | EachModel): string => new EndpointMetrics('models', model, 'digits').readyReplicas();
    const series = (more: string): string =>
      `${METRICS.modelReady.name}{namespace="models",service="digits-metrics"${more}}`;
    expect(of('digits')).toBe(`sum(max by (pod) (${series(',model="digits"')}))`);
    expect(of({ except: [] })).toBe(`sum by (model) (max by (model, pod) (${series('')}))`);
    expect(of({ except: ['a', 'b'] })).toBe(`sum by (model) (max by (model, pod) (${series(',model!~"a|b"')}))`);
  });
});

describe('the alerts of an endpoint', () => {
  test('are these, and each says what is the matter and what to do', () => {
    expect(rulesOf().map(({ alert, labels }) => `${alert} ${labels['severity']}`)).toEqual([
      'LnmtEndpointErrors critical',
      'LnmtEndpointSlow warning',
      'LnmtEndpointSaturated warning',
      'LnmtModelNotReady critical',
      'LnmtPipelineNotReady critical',
      'LnmtModelOffline warning',
      'LnmtModelDrift warning',
    ]);
    for (const { labels, annotations, for: lasting } of rulesOf(EVERYTHING)) {
      expect(labels).toMatchObject({ namespace: 'models', endpoint: 'digits' });
      expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook', 'summary']);
      expect(Object.values(annotations).filter((text) => text.length < 10)).toEqual([]);
      expect(lasting).toMatch(/^\d+m$/);
    }
  });

  test('fire at the thresholds that were chosen', () => {
    const chosen = Alerts.at({ errorRatio: 0.001, latencySeconds: 20, saturation: 0.5 });
    const ends = (props: Partial<InferenceWorkloadProps>): string[] =>
      rulesOf(props).map(({ expr }) => expr.split(' ').slice(-2).join(' '));
    expect(ends({})).toEqual(['> 0.02', '> 1', '> 0.9', '< 1', '< 1', '> 0', '> 0']);
    expect(ends({ alerts: chosen })).toEqual(['> 0.001', '> 20', '> 0.5', '< 1', '< 1', '> 0', '> 0']);
  });

  test('tell the models and pipelines of an endpoint apart, replicas and versions not', () => {
    const kept = Object.fromEntries(
      rulesOf(EVERYTHING).map(({ alert, expr }) => [alert, /by \(([^)]+)\)/.exec(expr)?.[1]]),
    );
    expect(kept).toEqual({
      LnmtEndpointErrors: 'model',
      LnmtEndpointSlow: 'model, le',
      LnmtEndpointSaturated: undefined,
      LnmtModelNotReady: 'model',
      LnmtPipelineNotReady: 'pipeline',
      LnmtModelOffline: 'model',
      LnmtModelDrift: 'model',
      LnmtAuditLogBroken: undefined,
      LnmtFilesRefused: 'files',
    });
    for (const { annotations, expr } of rulesOf(EVERYTHING)) {
      const named = [...(annotations['summary'] ?? '').matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      expect(named.filter((label) => !expr.includes(`by (${label}`))).toEqual([]);
    }
  });

  test('leave a model to its own threshold where it has one', () => {
    const models = { 'chat.v1': { latencySeconds: 20 }, 'x|y': { errorRatio: 0.5 } };
    const [errors, slow] = rulesOf({ alerts: Alerts.at({ models }) });
    expect(slow?.expr).toContain('model!~"chat\\\\.v1"');
    expect(slow?.expr).toMatch(/ > 1 or label_replace\(.*model="chat\.v1".* > 20, "model", "chat\.v1", "", ""\)$/);
    expect(errors?.expr).toContain('model!~"x\\\\|y"');
    expect(errors?.expr).toMatch(/ > 0\.02 or label_replace\(.*model="x\|y".* > 0\.5, "model", "x\|y", "", ""\)$/);
  });

  test.each<[string, Partial<InferenceWorkloadProps>, string[]]>([
    ['an audit log on a volume', { auditLog: { claimName: 'audit' } }, ['LnmtAuditLogBroken']],
    ['an audit log of its settings', { env: { LNMT_AUDIT_FILE: '/dev/stderr' } }, ['LnmtAuditLogBroken']],
    ['a certificate', { tls: { secretName: 'digits-tls' } }, ['LnmtFilesRefused']],
    ['API keys', { auth: Auth.apiKeys(SecretReference.fromKubernetes('keys')) }, ['LnmtFilesRefused']],
    ['authorities of its upstream', { env: { LNMT_UPSTREAM_CA_FILE: '/lnmt/files/ca' } }, ['LnmtFilesRefused']],
    ['a certificate for its upstream', { env: { LNMT_UPSTREAM_CERT_FILE: '/lnmt/files/crt' } }, ['LnmtFilesRefused']],
    ['authorities of its collector', { env: { LNMT_TELEMETRY_CA_FILE: '/lnmt/files/ca' } }, ['LnmtFilesRefused']],
    ['nothing of that', {}, []],
  ])('watch what an endpoint has only: %s', (_what, props, expected) => {
    const open = { auth: Auth.none({ reason: 'a test' }) };
    const beyond = rulesOf({ ...open, ...props }).filter(({ alert }) => /Audit|Files/.test(alert));
    expect(beyond.map(({ alert }) => alert)).toEqual(expected);
  });

  test.each<[AlertThresholds, string]>([
    [{ errorRatio: 0 }, 'Alerts.at errorRatio is out of range; got 0; allowed: numbers above 0 and below 1'],
    [{ errorRatio: 1 }, 'Alerts.at errorRatio is out of range; got 1; allowed: numbers above 0 and below 1'],
    [{ saturation: 1 }, 'Alerts.at saturation is out of range; got 1; allowed: numbers above 0 and below 1'],
    [
      { models: { chat: { latencySeconds: 31 } } },
      'Alerts.at models.chat.latencySeconds is out of range; got 31; allowed: numbers above 0 and below 30',
    ],
    [{ latencySeconds: Number.NaN }, 'Alerts.at latencySeconds is out of range; got NaN'],
    [
      { latencySeconds: Math.max(...LATENCY_BUCKETS) },
      'Alerts.at latencySeconds is out of range; got 30; allowed: numbers above 0 and below 30; set latencySeconds inside that range, or Alerts.off() for no alerts',
    ],
  ])('refuses a threshold that nothing could cross: %o', (thresholds, message) => {
    expect(() => Alerts.at(thresholds)).toThrow(`LNMT3019: ${message}`);
  });
});

describe('the dashboard of an endpoint', () => {
  test('carries the label that the Grafana of the stack looks for, and a file name of its own', () => {
    const map = objectOf(workload(WATCHED), 'ConfigMap', 'digits-dashboard');
    expect(at(map, 'metadata.labels')).toMatchObject({ grafana_dashboard: '1' });
    expect(Object.keys(map['data'] as object)).toEqual(['models.digits.json']);
  });

  test('has an address of its own that stays', () => {
    const { uid } = dashboardOf();
    expect(uid).toMatch(/^[0-9a-f]{40}$/);
    expect(dashboardOf({ alerts: Alerts.off() }).uid).toBe(uid);
    expect(dashboardOf({ namespace: 'others' }).uid).not.toBe(uid);
  });

  test('has panels that do not overlap, with a legend for every line', () => {
    const { panels } = dashboardOf();
    expect(panels.length).toBeGreaterThanOrEqual(8);
    const places = panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
    expect(new Set(places).size).toBe(panels.length);
    for (const { gridPos, targets } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      expect(targets.filter(({ legendFormat }) => legendFormat === '')).toEqual([]);
    }
  });

  test.each([
    ['Helm', HELM_DIALECT, (text: string) => expandTemplate(text, {}, () => 'missing')],
    ['Flux', FLUX_DIALECT, (text: string) => text.replaceAll('$${', () => '${')],
  ] as const)(
    'keeps the braces of its legends and its variable through the templates of %s',
    (_name, dialect, expand) => {
      const text = dashboardText();
      expect(text).toContain('{{pod}} GPU {{gpu}}');
      expect(text).toContain('${datasource}');
      const stack = new TerraformStack(new App(), 'workloads');
      const written = dataText(
        stack,
        'ConfigMap',
        { data: text, rules: rulesOf() },
        new LateBinding(stack),
        dialect,
      ).text;
      const read = parse(expand(written)) as { data: string; rules: Json };
      expect(read).toEqual({ data: text, rules: rulesOf() });
    },
  );
});

test('two endpoints of one model in one namespace are told apart', () => {
  const chart = new Chart(Testing.app(), 'chart', { disableResourceNameHashes: true });
  for (const name of ['one', 'two']) {
    new InferenceWorkload(chart, name, { ...MINIMAL, ...WATCHED, name, auth: Auth.none({ reason: 'a test' }) });
  }
  const rules = (chart.toJson() as { kind: string; spec: unknown }[]).filter(({ kind }) => kind === 'PrometheusRule');
  expect(rules.map(({ spec }) => /service=\\"(\w+)-metrics/.exec(JSON.stringify(spec))?.[1])).toEqual(['one', 'two']);
});

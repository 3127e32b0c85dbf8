import { METRICS } from '../../runtime/contract';
import type { MetricDefinition } from '../../runtime/contract';

/** One rule of prometheus-adapter; a type and not an interface, so that it may stand in Helm values. @see https://github.com/kubernetes-sigs/prometheus-adapter/blob/master/docs/config.md */
export type MetricRule = {
  /** Series that the rule is for; those without a pod could not be attributed. */
  readonly seriesQuery: string;
  /** Label of each Kubernetes resource. */
  readonly resources: {
    readonly overrides: {
      readonly namespace: { readonly resource: 'namespace' };
      readonly pod: { readonly resource: 'pod' };
    };
  };
  /** Name under which autoscalers ask for it. */
  readonly name: { readonly as: string };
  /** Template of the query; the adapter fills it. */
  readonly metricsQuery: string;
};

/**
 * The rules that make the metrics of autoscalers exist: one for every row of the contract that has a derived metric, so that
 * server, rule and autoscaler cannot name it differently.
 */
export function metricRules(): readonly MetricRule[] {
  const rows: readonly MetricDefinition[] = Object.values(METRICS);
  return rows.flatMap(({ name, derived }) => (derived ? [rateRule(name, derived)] : []));
}

function rateRule(series: string, derived: NonNullable<MetricDefinition['derived']>): MetricRule {
  const { window, withoutCodes } = derived;
  return {
    seriesQuery: `${series}{namespace!="",pod!=""}`,
    resources: { overrides: { namespace: { resource: 'namespace' }, pod: { resource: 'pod' } } },
    name: { as: derived.name },
    metricsQuery: `sum(rate(<<.Series>>{<<.LabelMatchers>>,code!~"${withoutCodes.join('|')}"}[${window}])) by (<<.GroupBy>>)`,
  };
}

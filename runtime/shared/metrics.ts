import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { MetricDefinition } from '../contract';

type MetricTable = Readonly<Record<string, MetricDefinition>>;

type MetricOf<D extends MetricDefinition> = D['type'] extends 'counter'
  ? Counter<D['labels'][number]>
  : D['type'] extends 'gauge'
    ? Gauge<D['labels'][number]>
    : Histogram<D['labels'][number]>;

/** The metrics of a table, by its keys. */
export type MetricSet<T extends MetricTable> = { readonly [K in keyof T]: MetricOf<T[K]> };

function build(definition: MetricDefinition, registry: Registry): Counter | Gauge | Histogram {
  const { name, help, labels, buckets } = definition;
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  switch (definition.type) {
    case 'counter':
      return new Counter(common);
    case 'gauge':
      return new Gauge(common);
    case 'histogram':
      return new Histogram(buckets ? { ...common, buckets: [...buckets] } : common);
  }
}

/** Registers every metric of the contract's table, so that no server spells a name, label or bucket itself. */
export function buildMetrics<const T extends MetricTable>(table: T, registry: Registry): MetricSet<T> {
  const metrics: Record<string, Counter | Gauge | Histogram> = {};
  for (const [key, definition] of Object.entries(table)) metrics[key] = build(definition, registry);
  return metrics as MetricSet<T>;
}

import type { GeneratedChart } from './chart-files';
import { DELIVERY_INDEX } from './delivery';
import type { DeliveryIndex, ReleaseIndexEntry } from './delivery';
import { RELEASE_NAMESPACE } from './helm';
import type { PlannedRelease } from './releases';
import type { DeliveryInput } from './workloads';

/** Describes a generated chart for {@link DeliveryIndex}. */
export function chartEntry(release: Extract<PlannedRelease, { kind: 'objects' }>, path: string): ReleaseIndexEntry {
  const objects = release.parts.reduce((sum, part) => sum + part.objects.length, 0);
  return { name: release.name, layer: release.layer, namespace: RELEASE_NAMESPACE, path, objects };
}

/** Describes a chart of others for {@link DeliveryIndex}. */
export function addonEntry(release: Extract<PlannedRelease, { kind: 'addon' }>): ReleaseIndexEntry {
  const { addon } = release;
  return { name: addon.name, layer: addon.layer, namespace: addon.namespace, chart: addon.chart, objects: 0 };
}

/** The index file of a workloads stack, by its path. */
export function indexFile(
  input: DeliveryInput,
  releases: readonly ReleaseIndexEntry[],
  charts: readonly GeneratedChart[],
): [string, string] {
  const { workloads, binding } = input;
  const names = [...new Set(charts.flatMap((chart) => chart.values))].sort();
  const index: DeliveryIndex = {
    platform: workloads.props.platformName,
    cloud: workloads.props.cloud,
    mode: workloads.props.delivery.mode,
    releases,
    ...(workloads.props.gaps === undefined ? {} : { gaps: workloads.props.gaps }),
    values: Object.fromEntries(names.map((name) => [name, binding.expression(name)])),
  };
  return [DELIVERY_INDEX, `${JSON.stringify(index, undefined, 2)}\n`];
}

import type { Release } from '@cdktf/provider-helm/lib/release';
import { generateChart } from './chart-files';
import type { GeneratedChart } from './chart-files';
import type { ReleaseIndexEntry } from './delivery';
import { addonRelease, chartRelease, guard, helmProvider, resourcesOf } from './helm';
import { addonEntry, chartEntry, indexFile } from './index-file';
import type { DeliveryInput } from './workloads';
import type { DeliveryOutput } from './writers';

/**
 * Direct delivery: one `helm_release` a planned release, each after everything of the layers before it. What is removed is
 * removed in reverse.
 */
export function writeDirect(input: DeliveryInput): DeliveryOutput {
  const { workloads, releases, binding, checks } = input;
  const stackFiles = new Map<string, string>();
  const entries: ReleaseIndexEntry[] = [];
  const charts: GeneratedChart[] = [];
  if (releases.length > 0) helmProvider(workloads);
  const chain: Release[] = [];
  for (const planned of releases) {
    // A chain rather than barriers of layers: Terraform installs in parallel what has no edge, and operators compete
    // for the webhook and the definitions of one another.
    const owners = planned.kind === 'addon' ? planned.owners : planned.parts.map((part) => part.owner);
    const dependsOn = [...chain.slice(-1), ...resourcesOf(workloads, owners)];
    if (planned.kind === 'addon') {
      chain.push(addonRelease(workloads, planned.addon, dependsOn));
      entries.push(addonEntry(planned));
      continue;
    }
    const chart = generateChart(planned, binding);
    const apps = planned.layer === '30-apps';
    const atomic = apps ? workloads.props.delivery.atomicApps : planned.layer !== '00-crds';
    chain.push(chartRelease(workloads, chart, binding, { wait: !apps, atomic, dependsOn }));
    charts.push(chart);
    for (const [file, content] of chart.files) stackFiles.set(`charts/${chart.folder}/${file}`, content);
    entries.push(chartEntry(planned, `stacks/${workloads.stack.node.id}/charts/${chart.folder}`));
  }
  guard(chain[0], checks);
  stackFiles.set(...indexFile(input, entries, charts));
  return { stackFiles, sharedFiles: new Map() };
}

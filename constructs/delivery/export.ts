import { Lazy, TerraformOutput } from 'cdktf';
import { generateChart } from './chart-files';
import type { GeneratedChart } from './chart-files';
import { EXPORT_FOLDER, VALUES_OUTPUT } from './delivery';
import type { ReleaseIndexEntry } from './delivery';
import { boundValues } from './helm';
import { addonEntry, chartEntry, indexFile } from './index-file';
import type { PlannedRelease } from './releases';
import { HELM_DIALECT, dataText } from './template';
import type { DeliveryInput } from './workloads';
import type { DeliveryOutput } from './writers';

/**
 * Export: charts as files, one folder a release, in a folder of the stack. Every late-bound value is an entry of
 * `values.yaml`; the stack's only output holds all of them, so that `lnmt render` can fill them in.
 */
export function writeExport(input: DeliveryInput): DeliveryOutput {
  const { workloads, releases, binding } = input;
  const root = `${EXPORT_FOLDER}/${workloads.stack.node.id}`;
  const sharedFiles = new Map<string, string>();
  const entries: ReleaseIndexEntry[] = [];
  const charts: GeneratedChart[] = [];
  for (const planned of releases) {
    const chart = planned.kind === 'addon' ? addonValues(input, planned) : generateChart(planned, binding);
    charts.push(chart);
    for (const [file, content] of chart.files) sharedFiles.set(`${root}/${chart.name}/${file}`, content);
    entries.push(planned.kind === 'addon' ? addonEntry(planned) : chartEntry(planned, `${root}/${chart.name}`));
  }
  defineOutput(input, charts);
  const [file, content] = indexFile(input, entries, charts);
  sharedFiles.set(`${root}/${file}`, content);
  return { stackFiles: new Map([[file, content]]), sharedFiles };
}

function defineOutput(input: DeliveryInput, charts: readonly GeneratedChart[]): void {
  const { workloads, binding, checks } = input;
  const bound = boundValues([...new Set(charts.flatMap((chart) => chart.values))].sort(), binding);
  // Lazy: cdktf looks at a bare object in a way that Node.js warns of from version 22 on.
  const values = Lazy.anyValue({ produce: () => bound });
  const existing = workloads.node.tryFindChild(VALUES_OUTPUT) as TerraformOutput | undefined;
  if (existing !== undefined) {
    existing.value = values;
    return;
  }
  const [check] = checks;
  const output = new TerraformOutput(workloads, VALUES_OUTPUT, {
    value: values,
    sensitive: true,
    description: 'Values that the exported charts are waiting for: lnmt render --outputs FILE',
    ...(check === undefined ? {} : { precondition: { condition: check.condition, errorMessage: check.message } }),
  });
  output.overrideLogicalId(VALUES_OUTPUT);
}

/** The values of a chart of others, as a file with the same late-bound expressions that generated charts hold. */
function addonValues(input: DeliveryInput, planned: Extract<PlannedRelease, { kind: 'addon' }>): GeneratedChart {
  const { addon } = planned;
  const rendered = dataText(
    input.workloads,
    `values of ${addon.name}`,
    addon.values ?? {},
    input.binding,
    HELM_DIALECT,
  );
  const header = `# ${addon.chart.repository} ${addon.chart.name} ${addon.chart.version}, namespace ${addon.namespace}\n`;
  return {
    name: addon.name,
    folder: addon.name,
    files: new Map([['values.yaml', header + rendered.text]]),
    values: rendered.values,
  };
}

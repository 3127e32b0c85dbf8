import { textTable } from '../text-table';
import type { PlatformSummary } from './platforms';

/** One row of the plan: a platform, or why a target refused. */
export interface PlanRow extends PlatformSummary {
  /** Seconds that synthesis took; absent where existing output was read. */
  readonly seconds?: number;
  /** Where the files are, relative to the working folder. */
  readonly folder: string;
  /** Why there is nothing for this target. */
  readonly refused?: string;
}

/** The plan as people read it: a row a target, then what each target does not offer. */
export function planTable(rows: readonly PlanRow[]): string {
  const table = textTable(
    [
      { title: 'TARGET' },
      { title: 'PLATFORM' },
      { title: 'TERRAFORM RESOURCES', number: true },
      { title: 'KUBERNETES OBJECTS', number: true },
      { title: 'HELM RELEASES', number: true },
      { title: 'DECLARED GAPS', number: true },
      { title: 'TIME', number: true },
      { title: 'FILES' },
    ],
    rows.map(cells),
  );
  const gaps = rows.flatMap(({ target, gaps: declared }) =>
    Object.entries(declared).map(([capability, reason]) => `  ${target} has no ${capability}: ${reason}`),
  );
  const refusals = rows.flatMap(({ target, refused }) =>
    refused === undefined ? [] : [`  ${target} refuses: ${refused}`],
  );
  return [table, ...section('Declared gaps', gaps), ...section('Refused', refusals)].join('\n');
}

function cells(row: PlanRow): string[] {
  const time = row.seconds === undefined ? '-' : `${row.seconds.toFixed(1)} s`;
  if (row.refused !== undefined) return [row.target, '-', '-', '-', '-', '-', time, 'refused'];
  const { target, platform, terraformResources, kubernetesObjects, helmReleases, gaps, folder } = row;
  const counts = [terraformResources, kubernetesObjects, helmReleases, Object.keys(gaps).length].map(String);
  return [target, platform, ...counts, time, folder];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines];
}

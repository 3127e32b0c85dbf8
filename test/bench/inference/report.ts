import { drawBars, shortNumber } from '../../../runtime/cli/report/svg';

/** Medians of one contestant under one number of connections. */
export interface Row {
  readonly model: string;
  readonly server: string;
  readonly connections: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly cpuMs: number;
  readonly megabytes: number;
  readonly errors: number;
}

/** The limit of a model: what `session.run` alone reaches on the same cores. */
export interface Limit {
  readonly model: string;
  readonly setting: string;
  readonly perSecond: number;
  readonly median: number;
}

/** A ratio that the project set itself, and what was measured. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  /** Absent where a part of it could not be measured. */
  readonly measured: number | undefined;
  readonly met: boolean | undefined;
}

/** Everything that was measured. */
export interface Report {
  readonly machine: { readonly cpu: string; readonly cpus: number; readonly node: string };
  readonly load: { readonly before: number; readonly after: number };
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly limits: readonly Limit[];
  readonly targets: readonly Target[];
  readonly absent: readonly string[];
}

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const figure = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toFixed(3);
const verdict = ({ met }: Target): string => (met === undefined ? 'not measured' : met ? 'yes' : 'no');

/** The report as Markdown. */
export function markdown({ machine, load, rounds, seconds, rows, limits, targets, absent }: Report): string {
  const head = [
    'model',
    'server',
    'connections',
    'requests/s',
    'p50 ms',
    'p99 ms',
    'CPU ms/request',
    'peak MB',
    'errors',
  ];
  return [
    '# Inference',
    '',
    `${machine.cpu}, ${machine.cpus} processors, Node ${machine.node}; load average ${load.before.toFixed(1)} before and ` +
      `${load.after.toFixed(1)} after, so other work ran beside it wherever that is above the benchmark’s own. ` +
      `Medians of ${rounds} interleaved rounds of ${seconds} s; ratios mean something, absolute figures do not.`,
    '',
    line(['target', 'wanted', 'measured', 'met']),
    line(['---', '---', '---', '---']),
    ...targets.map((target) =>
      line([
        target.what,
        target.wanted,
        target.measured === undefined ? '–' : figure(target.measured),
        verdict(target),
      ]),
    ),
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(({ model, server, connections, perSecond, p50, p99, cpuMs, megabytes, errors }) =>
      line([model, server, connections, ...[perSecond, p50, p99, cpuMs, megabytes].map(figure), errors]),
    ),
    '',
    line(['limit: `session.run` alone', 'setting', 'items/s', 'run ms']),
    line(['---', '---', '---', '---']),
    ...limits.map(({ model, setting, perSecond, median }) => line([model, setting, figure(perSecond), figure(median)])),
    '',
    absent.length === 0
      ? 'Every peer was there.'
      : `Absent, because it could not be installed or started: ${absent.join(', ')}.`,
    '',
  ].join('\n');
}

/** Requests per second of the MLP at 32 connections as bars. */
export function svg({ rows }: Report): string {
  const shown = rows.filter(({ model, connections }) => model === 'mlp' && connections === 32);
  const bars = shown.map(({ server, perSecond }) => ({
    label: server,
    value: perSecond,
    own: server.startsWith('LNMT'),
  }));
  const title = 'MLP, 32 connections: requests per second';
  const description = bars.map(({ label, value }) => `${label}: ${shortNumber(value)}`).join('; ');
  return `${drawBars({ id: 'mlp', title, description }, bars, true)}\n`;
}

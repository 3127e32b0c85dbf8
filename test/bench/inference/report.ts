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

const BAR = { height: 18, gap: 6, left: 190, width: 420 } as const;
const escape = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** Requests per second of the MLP at 32 connections as bars. */
export function svg({ rows }: Report): string {
  const shown = rows.filter(({ model, connections }) => model === 'mlp' && connections === 32);
  const most = Math.max(1, ...shown.map(({ perSecond }) => perSecond));
  const bars = shown.map(({ server, perSecond }, index) => {
    const y = 40 + index * (BAR.height + BAR.gap);
    const width = (perSecond / most) * BAR.width;
    const middle = y + BAR.height - 5;
    return [
      `<text x="${BAR.left - 8}" y="${middle}" text-anchor="end">${escape(server)}</text>`,
      `<rect x="${BAR.left}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" fill="${server.startsWith('LNMT') ? '#0b7285' : '#adb5bd'}"/>`,
      `<text x="${(BAR.left + width + 6).toFixed(1)}" y="${middle}">${perSecond.toFixed(0)}</text>`,
    ].join('');
  });
  const height = 60 + shown.length * (BAR.height + BAR.gap);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="700" height="${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    '<text x="12" y="22" font-size="14">MLP, 32 connections: requests per second</text>',
    ...bars,
    '</svg>',
    '',
  ].join('\n');
}

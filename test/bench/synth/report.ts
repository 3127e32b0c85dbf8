import type { Run } from './measure';

/** One target: the program with LNMT, and the one by hand. */
export interface Comparison {
  readonly target: string;
  readonly resources: number;
  readonly objects: number;
  readonly lnmt: Run;
  readonly bare: Run;
}

/** Cost by number of endpoints. */
export interface Growth {
  readonly target: string;
  readonly points: readonly (Run & { readonly endpoints: number })[];
  /** Exponent of the processor time that the endpoints add, from 10 endpoints on. */
  readonly exponent: number;
}

/** Everything that was measured. */
export interface Report {
  readonly machine: { readonly cpu: string; readonly cpus: number; readonly node: string; readonly load: number };
  readonly rounds: number;
  readonly comparisons: readonly Comparison[];
  /** Wall time of all targets together, LNMT over by hand. */
  readonly ratio: number;
  /** The same of the processor time, which neighbours on the machine disturb less. */
  readonly cpuRatio: number;
  /** The command `lnmt synth` around the program of one target. */
  readonly command: Run;
  readonly growth: readonly Growth[];
}

const ms = (value: number): string => String(Math.round(value));
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** The report as Markdown. */
export function markdown(report: Report): string {
  const { machine, comparisons } = report;
  return [
    '# Synthesis',
    '',
    `${machine.cpu}, ${machine.cpus} processors, Node ${machine.node}, load ${machine.load.toFixed(1)}; medians of ${report.rounds} interleaved cold runs.`,
    '',
    row([
      'target',
      'Terraform blocks',
      'Kubernetes objects',
      'LNMT ms (cpu)',
      'by hand ms (cpu)',
      'ratio',
      'MB',
      'MB by hand',
    ]),
    row(Array.from({ length: 8 }, () => '---')),
    ...comparisons.map(({ target, resources, objects, lnmt, bare }) =>
      row([
        target,
        String(resources),
        String(objects),
        `${ms(lnmt.wallMs)} (${ms(lnmt.cpuMs)})`,
        `${ms(bare.wallMs)} (${ms(bare.cpuMs)})`,
        (lnmt.wallMs / bare.wallMs).toFixed(2),
        ms(lnmt.rssMB),
        ms(bare.rssMB),
      ]),
    ),
    '',
    `All targets together: ${report.ratio.toFixed(2)} times the programs by hand by wall time, ${report.cpuRatio.toFixed(2)} by processor time.`,
    `\`lnmt synth\` around one target: ${ms(report.command.wallMs)} ms in all.`,
    '',
    row(['target', 'endpoints', 'ms', 'cpu ms', 'MB']),
    row(Array.from({ length: 5 }, () => '---')),
    ...report.growth.flatMap(({ target, points }) =>
      points.map((point) => row([target, String(point.endpoints), ms(point.wallMs), ms(point.cpuMs), ms(point.rssMB)])),
    ),
    '',
    ...report.growth.map(
      ({ target, exponent }) => `Exponent of what endpoints add, ${target}: ${exponent.toFixed(2)}.`,
    ),
    '',
  ].join('\n');
}

const SIZE = { width: 640, height: 400, left: 70, bottom: 50, top: 30, right: 30 };
const COLOURS = ['#0b6e99', '#b5482a', '#4a7a2c'];

/** Processor time over the number of endpoints, both axes logarithmic. */
export function svg(growth: readonly Growth[]): string {
  const shown = growth.map(({ target, points }) => ({ target, points: points.filter((point) => point.endpoints > 0) }));
  const all = shown.flatMap(({ points }) => points);
  const range = (values: readonly number[]): readonly [number, number] => [
    Math.floor(Math.log10(Math.min(...values))),
    Math.ceil(Math.log10(Math.max(...values))),
  ];
  const [x0, x1] = range(all.map((point) => point.endpoints));
  const [y0, y1] = range(all.map((point) => point.cpuMs));
  const x = (value: number): number =>
    SIZE.left + ((Math.log10(value) - x0) / (x1 - x0)) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (value: number): number =>
    SIZE.height - SIZE.bottom - ((Math.log10(value) - y0) / (y1 - y0)) * (SIZE.height - SIZE.top - SIZE.bottom);
  const decades = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  const text = (at: readonly [number, number], anchor: string, value: string): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}">${value}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...decades(x0, x1).map((value) => text([x(value), SIZE.height - SIZE.bottom + 20], 'middle', String(value))),
    ...decades(y0, y1).map((value) => text([SIZE.left - 8, y(value) + 4], 'end', String(value))),
    text([SIZE.width / 2, SIZE.height - 8], 'middle', 'endpoints'),
    text([SIZE.left, 18], 'start', 'processor time of one cold synthesis, ms'),
    ...shown.flatMap(({ target, points }, index) => {
      const colour = COLOURS[index % COLOURS.length] ?? 'black';
      const line = points.map((point) => `${x(point.endpoints).toFixed(1)},${y(point.cpuMs).toFixed(1)}`).join(' ');
      return [
        `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        `<g fill="${colour}">${text([SIZE.left + 20, SIZE.top + 20 + index * 16], 'start', target)}</g>`,
      ];
    }),
    '</svg>',
    '',
  ].join('\n');
}

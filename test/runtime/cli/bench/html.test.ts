import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { htmlOf } from '../../../../runtime/cli/bench/html';
import { allWarnings } from '../../../../runtime/cli/bench/report';
import type { BenchReport } from '../../../../runtime/cli/bench/report';
import { summaryOf } from '../../../../runtime/cli/bench/summary';
import { tableOf } from '../../../../runtime/cli/bench/table';
import { drawBars, drawChart, shortNumber } from '../../../../runtime/cli/report/svg';

const COUNT = 400;
const indices = Array.from({ length: COUNT }, (_, index) => index);

function phaseAt(rate: number): BenchReport['phases'][number] {
  const due = indices.map((index) => (index * 1_000) / rate);
  const ended = due.map((at, index) => at + 5 + (index % 97) ** 1.3);
  const status = indices.map((index) => (index % 50 === 49 ? 503 : 200));
  const run = { due, sent: due, ended, status, capped: 0, durationMs: (COUNT * 1_000) / rate };
  return { rate, summary: summaryOf(run, true, 50) };
}

const REPORT: BenchReport = {
  schema: 'lnmt.bench/1',
  startedAt: '2030-01-31T00:00:00.000Z',
  target: 'http://127.0.0.1:8080/v2/models/<b>"x"</b>/infer',
  model: '<script>alert(1)</script>',
  request: { form: 'json', variants: 16, bytes: 812.5, seed: 1 },
  loop: 'constant',
  concurrency: 200,
  bounds: { durationSeconds: 4, requests: 100_000, warmUpSeconds: 2, timeoutSeconds: 30 },
  slo: 50,
  generator: { ceilingPerSecond: 5_000, node: 'v20.0.0' },
  phases: [phaseAt(50), phaseAt(100)],
  saturation: { sustained: 50, peakGoodput: 98 },
  warnings: ['a <doubt>'],
};

describe('the report in HTML', () => {
  const page = htmlOf(REPORT);

  test('is the same for the same figures', () => {
    expect(htmlOf(structuredClone(REPORT))).toBe(page);
  });

  test('lets nothing in but its own style', () => {
    const style = /<style>([^]*?)<\/style>/.exec(page)?.[1] ?? '';
    const digest = createHash('sha256').update(style).digest('base64');
    expect(page).toContain(`default-src 'none'; style-src 'sha256-${digest}'`);
    expect(page).not.toMatch(/<script|\sstyle=|\son\w+=|src=|href=/);
    expect(page).toContain('&lt;script&gt;');
    expect(page).toContain('a &lt;doubt&gt;');
  });

  test('tells in words what its plots show, under ids of their own', () => {
    const plots = [...page.matchAll(/<svg [^>]*role="img" aria-labelledby="(\S+) (\S+)"/g)];
    expect(plots).toHaveLength(5);
    for (const [, title = '', description = ''] of plots) {
      expect(page).toMatch(new RegExp(`<title id="${title}">[^<]+<`));
      expect(page).toMatch(new RegExp(`<desc id="${description}">[^<]+\\.<`));
    }
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('says so where nothing was measured', () => {
    const run = { due: [], sent: [], ended: [], status: [], capped: 0, durationMs: 0 };
    const empty = htmlOf({ ...REPORT, phases: [{ summary: summaryOf(run, false, undefined) }] });
    expect(empty).toContain('nothing was measured');
    expect(empty).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('the report for a terminal', () => {
  test('has a line for each rate, what was found, and what is doubtful', () => {
    const text = tableOf(REPORT);
    expect(text.split('\n')).toHaveLength(5);
    expect(text).toContain('kept up to 50/s; at most 98 good answers/s');
    expect(text).toContain('warning: a <doubt>');
  });

  test('warns of a generator that lags, and of one near its ceiling', () => {
    const { summary } = phaseAt(100);
    const lagging = { ...summary, lag: { p99: 30, max: 50, late: 40 } };
    expect(allWarnings([{ rate: 100, summary: lagging }], 5_000)).toEqual([
      expect.stringMatching(/^at 100\/s: the generator lagged: 40 of 400 requests/),
    ]);
    expect(allWarnings([{ rate: 100, summary }], 120).join()).toContain('near the ceiling of the generator itself');
    expect(allWarnings([{ rate: 100, summary }], 5_000)).toEqual([]);
  });
});

describe('plots', () => {
  test('stay inside their frame, whatever the values', () => {
    for (const points of [
      [[1, 1]],
      [[0, 0]],
      [
        [0, 1e-9],
        [1e9, 1e12],
      ],
      [
        [5, 5],
        [5, 5],
      ],
    ] as const) {
      for (const yScale of ['linear', 'log'] as const) {
        const chart = { id: 'a', title: 't', description: 'd', xLabel: 'x', yLabel: 'y', yScale };
        const svg = drawChart({ ...chart, series: [{ name: 's', points: [...points] }] });
        expect(svg).not.toMatch(/NaN|Infinity/);
        for (const [, x, y] of svg.matchAll(/<circle [^>]*cx="([^"]+)" cy="([^"]+)"/g)) {
          expect(Number(x)).toBeGreaterThanOrEqual(72);
          expect(Number(x)).toBeLessThanOrEqual(700);
          expect(Number(y)).toBeGreaterThanOrEqual(43);
          expect(Number(y)).toBeLessThanOrEqual(265);
        }
      }
    }
  });

  test('draw bars in proportion, with a style of their own where they stand alone', () => {
    const bars = [
      { label: 'a & b', value: 50, own: true },
      { label: 'c', value: 100 },
    ];
    const svg = drawBars({ id: 'b', title: 'Bars', description: 'd' }, bars, true);
    const widths = [...svg.matchAll(/<rect class="(?:c0|other)"[^>]*width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toEqual([225, 450]);
    expect(svg).toContain('<style>');
    expect(svg).toContain('a &amp; b');
  });

  test('write numbers shortly', () => {
    expect([0, 0.01234, 3.14159, 42, 999.6, 1234, 12_345, 1_234_567, NaN].map(shortNumber)).toEqual([
      ...['0', '0.0123', '3.14', '42', '1000', '1234', '12.3 k', '1.23 M', '–'],
    ]);
  });
});

import { createHash } from 'node:crypto';
import { CHART_STYLE, drawChart, escapeXml, shortNumber } from '../report/svg';
import type { Chart } from '../report/svg';
import type { BenchReport, Phase } from './report';
import { cellsOf, HEADINGS, outcomesLine } from './table';

const STYLE = `
:root{color-scheme:light dark}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;font:16px/1.5 system-ui,sans-serif;background:#fff;color:#1f2933}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.8rem 0}dt{color:#52606d}dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #d9dee3;white-space:nowrap}th{font-weight:600}
figure{margin:1rem 0;border:1px solid #d9dee3;border-radius:6px;overflow:hidden}svg{display:block;width:100%;height:auto}
.warnings{border-left:4px solid #b45309;padding:.4rem .9rem;margin:1rem 0}.warnings p{margin:.2rem 0}
@media (prefers-color-scheme:dark){body{background:#12181f;color:#e4e7eb}dt{color:#9fb0c0}th,td,figure{border-color:#2b3743}}
${CHART_STYLE}`;

const figure = (chart: Chart): string => `<figure>${drawChart(chart)}</figure>`;
const percent = (share: number): string => (share === 1 ? 'max' : `p${Number((100 * share).toFixed(2))}`);

function percentileChart(phase: Phase): Chart {
  const { percentiles, latency } = phase.summary;
  return {
    id: 'percentiles',
    title: 'Latency by percentile',
    description: `Half of the requests took up to ${shortNumber(latency?.p50 ?? NaN)} ms, 99 of 100 up to ${shortNumber(latency?.p99 ?? NaN)} ms.`,
    ...{ xLabel: 'share of requests that were at least as fast', yLabel: 'ms', yScale: 'log' },
    series: [{ name: 'latency', points: percentiles.map(([, ms], index) => [index, ms] as const) }],
    xTicks: percentiles.map(([share], index) => ({ at: index, label: percent(share) })),
  };
}

function histogramChart({ summary: { histogram } }: Phase): Chart {
  const every = Math.max(1, Math.ceil(histogram.length / 9));
  const ticks = histogram.flatMap(({ from }, index) =>
    index % every === 0 ? [{ at: index, label: shortNumber(from) }] : [],
  );
  const fullest = histogram.reduce((most, bin) => (bin.count > most.count ? bin : most), { from: 0, to: 0, count: 0 });
  return {
    id: 'histogram',
    title: 'Latency, how often',
    description: `Most requests took from ${shortNumber(fullest.from)} to ${shortNumber(fullest.to)} ms.`,
    ...{ xLabel: 'ms (logarithmic; a column begins at its mark)', yLabel: 'requests', columns: true },
    series: [{ name: 'requests', points: histogram.map(({ count }, index) => [index, count] as const) }],
    xTicks: ticks,
  };
}

function timelineChart({ summary: { timeline, goodput } }: Phase): Chart {
  return {
    id: 'timeline',
    title: 'Answers over time',
    description: `In the mean ${shortNumber(goodput)} good answers per second.`,
    ...{ xLabel: 'seconds from the start', yLabel: 'answers per second' },
    series: [
      { name: 'answered', points: timeline.map(({ at, ok }) => [at, ok] as const) },
      { name: 'failed', points: timeline.map(({ at, failed }) => [at, failed] as const) },
    ],
  };
}

function sweepCharts({ phases, saturation }: BenchReport): readonly Chart[] {
  const steps = [...phases].sort((a, b) => (a.rate ?? 0) - (b.rate ?? 0));
  const line = (name: string, value: (phase: Phase) => number | undefined): Chart['series'][number] => ({
    name,
    points: steps.flatMap((phase) => {
      const found = value(phase);
      return found === undefined ? [] : [[phase.rate ?? 0, found] as const];
    }),
  });
  const kept = saturation?.sustained;
  const words =
    kept === undefined ? 'No rate was kept up.' : `Rates up to ${shortNumber(kept)} per second were kept up.`;
  const xLabel = 'requests per second that were due';
  return [
    {
      ...{ id: 'sweep-latency', title: 'Latency by rate', description: words, xLabel, yLabel: 'ms', yScale: 'log' },
      series: [line('p50', ({ summary }) => summary.latency?.p50), line('p99', ({ summary }) => summary.latency?.p99)],
    },
    {
      ...{ id: 'sweep-goodput', title: 'Good answers by rate', description: words, xLabel },
      yLabel: 'good answers per second',
      series: [line('good', ({ summary }) => summary.goodput), line('due', ({ rate }) => rate)],
    },
  ];
}

function factsOf(report: BenchReport): readonly (readonly [string, string])[] {
  const { target, model, request, loop, concurrency, bounds, generator, slo, startedAt } = report;
  const kind =
    loop === 'closed' ? `closed, ${concurrency} callers` : `open, ${loop} arrivals, at most ${concurrency} under way`;
  return [
    ['Target', target],
    ...(model === undefined ? [] : [['Model', model] as const]),
    ['Started', startedAt],
    ['Loop', kind],
    ['Requests', `${request.variants} distinct (${request.form}), ${shortNumber(request.bytes)} bytes in the mean`],
    [
      'Bounds',
      `${bounds.durationSeconds} s and ${bounds.requests} requests each, after ${bounds.warmUpSeconds} s of warm-up; time-out ${bounds.timeoutSeconds} s`,
    ],
    ...(slo === undefined ? [] : [['Service level', `99 of 100 within ${shortNumber(slo)} ms`] as const]),
    [
      'Generator',
      `Node ${generator.node}; reaches ${shortNumber(generator.ceilingPerSecond)}/s against a server that does nothing`,
    ],
  ];
}

function table(phases: readonly Phase[]): string {
  const head = [...HEADINGS, 'ended'].map((title) => `<th scope="col">${escapeXml(title)}</th>`).join('');
  const rows = phases.map((phase) => {
    const cells = [...cellsOf(phase), outcomesLine(phase)].map((cell) => `<td>${escapeXml(cell)}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  return `<div class="scroll" tabindex="0" role="region" aria-label="Figures"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

/**
 * The report as one HTML file: no script, nothing fetched, styles allowed by their digest; the same bytes for the same
 * report.
 */
export function htmlOf(report: BenchReport): string {
  const { phases, warnings, saturation, target } = report;
  const digest = createHash('sha256').update(STYLE).digest('base64');
  const last = phases.at(-1);
  // Of a search, the rate that was kept up says most.
  const shown = phases.find(({ rate }) => rate !== undefined && rate === saturation?.sustained) ?? last;
  const about = saturation !== undefined && shown?.rate !== undefined ? `At ${shortNumber(shown.rate)}/s` : 'Plots';
  const sections = [
    ...(saturation === undefined ? [] : [['By rate', sweepCharts(report)] as const]),
    ...(shown === undefined
      ? []
      : [[about, [percentileChart(shown), histogramChart(shown), timelineChart(shown)]] as const]),
  ];
  const plots = sections.map(([title, charts]) => `<h2>${escapeXml(title)}</h2>${charts.map(figure).join('')}`);
  const facts = factsOf(report).map(([name, value]) => `<dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd>`);
  const doubts = warnings.map((warning) => `<p>${escapeXml(warning)}</p>`).join('');
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${digest}'">`,
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>Load on ${escapeXml(target)}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>Load on ${escapeXml(report.model ?? target)}</h1>`,
    `<dl>${facts.join('')}</dl>`,
    doubts === ''
      ? ''
      : `<div class="warnings" role="note"><p><strong>What makes the figures doubtful</strong></p>${doubts}</div>`,
    `<h2>Figures</h2>${table(phases)}`,
    ...plots,
    '</main></body></html>',
    '',
  ].join('\n');
}

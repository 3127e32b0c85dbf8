/** A line or a set of columns of a chart. */
export interface Series {
  readonly name: string;
  /** Points from left to right. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A mark on an axis. */
export interface Tick {
  readonly at: number;
  readonly label: string;
}

/** A chart with two axes. */
export interface Chart {
  /** Unique in its document: letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  /** One sentence that says what can be seen, for whoever does not see it. */
  readonly description: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  /** Marks of the horizontal axis. @default - five or so round numbers */
  readonly xTicks?: readonly Tick[];
  /** Columns instead of lines, one for each point. @default false */
  readonly columns?: boolean;
  /** Scale of the vertical axis. @default 'linear' */
  readonly yScale?: 'linear' | 'log';
}

/** One row of a bar chart. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Stands out. @default false */
  readonly own?: boolean;
}

const SIZE = { width: 720, height: 320, left: 72, right: 20, top: 44, bottom: 56 } as const;
const INNER = { width: SIZE.width - SIZE.left - SIZE.right, height: SIZE.height - SIZE.top - SIZE.bottom } as const;

/** Colours of both themes; series are told apart by dashes, too. */
export const CHART_STYLE = `
svg{font:12px system-ui,sans-serif}
.ground{fill:#fff}.ink{fill:#1f2933}.faint{fill:#52606d}.grid{stroke:#d9dee3}.axis{stroke:#7b8794}
.line{fill:none;stroke-width:2}.c0{stroke:#0b7285;fill:#0b7285}.c1{stroke:#c2410c;fill:#c2410c}.c2{stroke:#6d28d9;fill:#6d28d9}
.line.c0,.line.c1,.line.c2{fill:none}.d1{stroke-dasharray:6 3}.d2{stroke-dasharray:2 3}.other{fill:#9aa5b1}
@media (prefers-color-scheme:dark){
.ground{fill:#12181f}.ink{fill:#e4e7eb}.faint{fill:#9fb0c0}.grid{stroke:#2b3743}.axis{stroke:#7b8794}
.c0{stroke:#38bdd0;fill:#38bdd0}.c1{stroke:#fb923c;fill:#fb923c}.c2{stroke:#a78bfa;fill:#a78bfa}.other{fill:#5b6875}}`;

/** Text for XML and HTML. */
export function escapeXml(text: string): string {
  const NAMES: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => NAMES[character] ?? '');
}

/** A number with three digits that matter, in the same way on every machine. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))} k`;
  return String(size >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

function roundTicks(from: number, to: number, wanted = 5): readonly Tick[] {
  const rough = (to - from) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const count = Math.floor((to - from) / step + 1e-9);
  const first = Math.ceil(from / step - 1e-9) * step;
  return Array.from({ length: count + 1 }, (_, index) => {
    const at = first + index * step;
    return { at, label: shortNumber(at) };
  }).filter(({ at }) => at <= to * (1 + 1e-9));
}

/** Powers of ten; with 2 and 5 between them where there are few. */
function powerTicks(from: number, to: number): readonly Tick[] {
  const [first, last] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))];
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const powers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return powers
    .flatMap((power) => (power === last ? [1] : factors).map((factor) => factor * 10 ** power))
    .map((at) => ({ at, label: shortNumber(at) }));
}

interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly Tick[];
}

function scaleX({ series, xTicks, columns }: Chart): Scale {
  const values = [...series.flatMap(({ points }) => points.map(([x]) => x)), ...(xTicks ?? []).map(({ at }) => at)];
  const [least, most] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  // Columns stand on their middles, so that half of one stands out at either end.
  const margin = columns ? 0.5 : 0;
  const [from, to] = [least - margin, most === least ? most + 1 : most + margin];
  const place = (x: number): number => SIZE.left + ((x - from) / (to - from)) * INNER.width;
  return { place, ticks: xTicks ?? roundTicks(from, to) };
}

function scaleY({ series, yScale }: Chart): Scale {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => Number.isFinite(y));
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  const bottom = SIZE.height - SIZE.bottom;
  const positive = values.filter((y) => y > 0);
  if (yScale === 'log' && positive.length > 0) {
    const ticks = powerTicks(
      positive.reduce((a, b) => Math.min(a, b)),
      most,
    );
    const [from, to] = [Math.log10(ticks[0]?.at ?? 1), Math.log10(ticks.at(-1)?.at ?? 10)];
    const span = to - from || 1;
    const place = (y: number): number => bottom - ((Math.log10(Math.max(y, 10 ** from)) - from) / span) * INNER.height;
    return { place, ticks };
  }
  const ticks = roundTicks(0, most || 1);
  const top = Math.max(most, ticks.at(-1)?.at ?? 1) * 1.02 || 1;
  return { place: (y) => bottom - (y / top) * INNER.height, ticks };
}

const fixed = (value: number): string => String(Number(value.toFixed(1)));

function axes(chart: Chart, x: Scale, y: Scale): string {
  const bottom = SIZE.height - SIZE.bottom;
  const right = SIZE.width - SIZE.right;
  const vertical = y.ticks.map(({ at, label }) => {
    const place = fixed(y.place(at));
    return (
      `<line class="grid" x1="${SIZE.left}" x2="${right}" y1="${place}" y2="${place}"/>` +
      `<text class="faint" x="${SIZE.left - 8}" y="${place}" dy="4" text-anchor="end">${escapeXml(label)}</text>`
    );
  });
  const horizontal = x.ticks.map(
    ({ at, label }) =>
      `<text class="faint" x="${fixed(x.place(at))}" y="${bottom + 18}" text-anchor="middle">${escapeXml(label)}</text>`,
  );
  const middle = SIZE.top + INNER.height / 2;
  return [
    ...[...vertical, ...horizontal],
    `<line class="axis" x1="${SIZE.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    `<text class="faint" x="${SIZE.left + INNER.width / 2}" y="${SIZE.height - 16}" text-anchor="middle">${escapeXml(chart.xLabel)}</text>`,
    `<text class="faint" transform="translate(16 ${middle}) rotate(-90)" text-anchor="middle">${escapeXml(chart.yLabel)}</text>`,
  ].join('');
}

function drawColumns(points: Series['points'], x: Scale, y: Scale): string {
  const width = Math.max(1, Math.abs(x.place(1) - x.place(0)) - 2);
  const bottom = SIZE.height - SIZE.bottom;
  const bars = points.map(([at, value]) => {
    const top = y.place(value);
    return `<rect class="c0" x="${fixed(x.place(at) - width / 2)}" y="${fixed(top)}" width="${fixed(width)}" height="${fixed(bottom - top)}"/>`;
  });
  return bars.join('');
}

function drawLine({ points }: Series, index: number, x: Scale, y: Scale): string {
  const colour = index % 3;
  const places = points.map(([at, value]) => [fixed(x.place(at)), fixed(y.place(value))] as const);
  const path = places.map(([left, top], step) => `${step === 0 ? 'M' : 'L'}${left} ${top}`).join('');
  const dots =
    points.length <= 40
      ? places.map(([left, top]) => `<circle class="c${colour}" cx="${left}" cy="${top}" r="3"/>`)
      : [];
  return `<path class="line c${colour} d${colour}" d="${path}"/>${dots.join('')}`;
}

/** From the right, so that the names end where the plot does. */
function legend(series: readonly Series[]): string {
  let left: number = SIZE.width - SIZE.right;
  const entries = series.map(({ name }, index) => ({ name, index })).toReversed();
  const marks = entries.map(({ name, index }) => {
    left -= 44 + 7 * name.length;
    const line = `<line class="line c${index % 3} d${index % 3}" x1="${left}" x2="${left + 24}" y1="18" y2="18"/>`;
    return `${line}<text class="ink" x="${left + 30}" y="22">${escapeXml(name)}</text>`;
  });
  return marks.join('');
}

function frame(
  chart: Pick<Chart, 'id' | 'title' | 'description'>,
  height: number,
  content: string,
  style: string,
): string {
  const { id, title, description } = chart;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${height}" role="img" aria-labelledby="${id}-t ${id}-d">` +
    `<title id="${id}-t">${escapeXml(title)}</title><desc id="${id}-d">${escapeXml(description)}</desc>${style}` +
    `<rect class="ground" width="100%" height="100%"/><text class="ink" x="12" y="22" font-weight="600">${escapeXml(title)}</text>` +
    `${content}</svg>`
  );
}

const ownStyle = (standalone: boolean): string => (standalone ? `<style>${CHART_STYLE}</style>` : '');

/** Draws a chart. @param standalone a file of its own, which brings its style */
export function drawChart(chart: Chart, standalone = false): string {
  const { series, columns } = chart;
  if (series.every(({ points }) => points.length === 0)) {
    const nothing = `<text class="faint" x="${SIZE.left}" y="80">nothing was measured</text>`;
    return frame(chart, 120, nothing, ownStyle(standalone));
  }
  const [x, y] = [scaleX(chart), scaleY(chart)];
  const marks = columns
    ? drawColumns(series[0]?.points ?? [], x, y)
    : series.map((each, index) => drawLine(each, index, x, y)).join('');
  const names = series.length > 1 ? legend(series) : '';
  return frame(chart, SIZE.height, axes(chart, x, y) + marks + names, ownStyle(standalone));
}

const ROW = { height: 20, gap: 6, left: 200, right: 70, top: 40 } as const;

/** Draws values as bars, one below the other. */
export function drawBars(
  chart: Pick<Chart, 'id' | 'title' | 'description'>,
  bars: readonly Bar[],
  standalone = false,
): string {
  const most = bars.reduce((largest, { value }) => Math.max(largest, value), 0) || 1;
  const rows = bars.map(({ label, value, own = false }, index) => {
    const top = ROW.top + index * (ROW.height + ROW.gap);
    const width = fixed((value / most) * (SIZE.width - ROW.left - ROW.right));
    const text = `y="${top + ROW.height - 6}"`;
    return (
      `<text class="ink" x="${ROW.left - 8}" ${text} text-anchor="end">${escapeXml(label)}</text>` +
      `<rect class="${own ? 'c0' : 'other'}" x="${ROW.left}" y="${top}" width="${width}" height="${ROW.height}"/>` +
      `<text class="ink" x="${fixed(ROW.left + Number(width) + 6)}" ${text}>${escapeXml(shortNumber(value))}</text>`
    );
  });
  const height = ROW.top + bars.length * (ROW.height + ROW.gap) + 14;
  return frame(chart, height, rows.join(''), ownStyle(standalone));
}

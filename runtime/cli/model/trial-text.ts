import { textTable } from '../text-table';
import type { TrialReport } from './trial';

const short = (value: number): string => (value === 0 ? '0' : value.toPrecision(3));
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** Bytes for people. */
export function size(bytes: number): string {
  const unit = bytes >= 2 ** 30 ? 2 ** 30 : bytes >= 2 ** 20 ? 2 ** 20 : 2 ** 10;
  return `${(bytes / unit).toFixed(1)} ${{ [2 ** 30]: 'GiB', [2 ** 20]: 'MiB', [2 ** 10]: 'KiB' }[unit]}`;
}

/** What a comparison showed, in lines. */
export function trialText({ outputs, accuracy, samples, speed }: TrialReport): string {
  const rows = outputs.map(({ output, maxDifference, relativeError, rows: compared, agreement }) => [
    output,
    short(maxDifference),
    short(relativeError),
    compared === 0 ? '-' : percent(agreement),
  ]);
  const table = textTable(
    [
      { title: 'OUTPUT' },
      { title: 'MAX DIFFERENCE', number: true },
      { title: 'RELATIVE ERROR', number: true },
      { title: 'AGREEMENT', number: true },
    ],
    rows,
  );
  const lines = [`compared on ${samples} samples:`, table];
  if (accuracy) {
    const { output, original, changed, rows: labels } = accuracy;
    lines.push(`accuracy: ${percent(original)} before, ${percent(changed)} now (${output}, ${labels} labels)`);
  }
  const times = `${speed.original.toFixed(2)} ms before, ${speed.changed.toFixed(2)} ms now`;
  lines.push(`speed: ${speed.ratio.toFixed(2)} times the original (${times}, medians of ${speed.rounds} runs each)`);
  return lines.join('\n');
}

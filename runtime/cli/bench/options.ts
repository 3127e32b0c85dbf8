import { badInvocation } from '../errors';
import type { ArrivalKind } from './arrivals';

/** What the command line says, as texts. */
export interface BenchOptions {
  readonly model?: string;
  readonly rate?: string;
  readonly arrivals: string;
  readonly concurrency?: string;
  readonly sweep?: boolean;
  readonly slo?: string;
  readonly duration?: string;
  readonly requests: string;
  readonly warmUp: string;
  readonly timeout: string;
  readonly maxInFlight: string;
  readonly maxRate: string;
  readonly binary?: boolean;
  readonly batch: string;
  readonly length: string;
  readonly seed: string;
  readonly data?: string;
  readonly honourRetryAfter?: boolean;
  readonly yesRemote?: boolean;
  readonly json?: boolean;
  readonly html?: string;
}

/** What the command line says, checked. Times in seconds, `slo` in milliseconds. */
export interface BenchSettings {
  readonly rate: number | undefined;
  readonly arrivals: ArrivalKind;
  readonly concurrency: number;
  readonly sweep: boolean;
  readonly slo: number | undefined;
  readonly duration: number;
  readonly requests: number;
  readonly warmUp: number;
  readonly timeout: number;
  readonly maxRate: number;
  readonly batch: number;
  readonly length: number;
  readonly seed: number;
}

interface Range {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

/** Everything is bounded: load that nobody ends is an outage. */
const RANGES = {
  rate: { least: 0.1, most: 100_000, whole: false },
  concurrency: { least: 1, most: 1_000, whole: true },
  slo: { least: 0.01, most: 600_000, whole: false },
  duration: { least: 0.1, most: 3_600, whole: false },
  requests: { least: 1, most: 1_000_000, whole: true },
  warmUp: { least: 0, most: 600, whole: false },
  timeout: { least: 0.01, most: 600, whole: false },
  maxInFlight: { least: 1, most: 10_000, whole: true },
  maxRate: { least: 1, most: 100_000, whole: false },
  batch: { least: 1, most: 65_536, whole: true },
  length: { least: 1, most: 65_536, whole: true },
  seed: { least: 0, most: 4_294_967_295, whole: true },
} as const satisfies Readonly<Record<string, Range>>;

const ARRIVALS: readonly ArrivalKind[] = ['constant', 'poisson'];
const SECONDS = { once: '10', sweep: '4' } as const;
const START_RATE = 20;

function numberOf(name: keyof typeof RANGES, value: string): number {
  const { least, most, whole } = RANGES[name];
  const number = /^\d{1,10}(\.\d{1,6})?$/.test(value) ? Number(value) : NaN;
  if (number >= least && number <= most && (!whole || Number.isInteger(number))) return number;
  const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const kind = whole ? 'a whole number' : 'a number';
  throw badInvocation(`${option} is out of bounds`, value, `write ${kind} from ${least} to ${most}`);
}

/** Checks the options. @throws LNMT6001 */
export function settingsOf(options: BenchOptions): BenchSettings {
  const sweep = options.sweep ?? false;
  const arrivals = ARRIVALS.find((kind) => kind === options.arrivals);
  if (arrivals === undefined) throw badInvocation('--arrivals is unknown', options.arrivals, 'use constant or poisson');
  if (options.concurrency !== undefined && (sweep || options.rate !== undefined)) {
    const remedy = 'a closed loop has callers, an open one a rate; drop one of them';
    throw badInvocation('--concurrency goes with neither --rate nor --sweep', options.concurrency, remedy);
  }
  const given = options.rate === undefined ? undefined : numberOf('rate', options.rate);
  const open = given !== undefined || sweep;
  return {
    ...{ arrivals, sweep, rate: given ?? (sweep ? START_RATE : undefined) },
    concurrency: open
      ? numberOf('maxInFlight', options.maxInFlight)
      : numberOf('concurrency', options.concurrency ?? '1'),
    slo: options.slo === undefined ? undefined : numberOf('slo', options.slo),
    duration: numberOf('duration', options.duration ?? (sweep ? SECONDS.sweep : SECONDS.once)),
    requests: numberOf('requests', options.requests),
    warmUp: numberOf('warmUp', options.warmUp),
    timeout: numberOf('timeout', options.timeout),
    maxRate: numberOf('maxRate', options.maxRate),
    batch: numberOf('batch', options.batch),
    length: numberOf('length', options.length),
    seed: numberOf('seed', options.seed),
  };
}

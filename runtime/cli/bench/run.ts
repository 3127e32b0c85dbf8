import fs from 'node:fs';
import path from 'node:path';
import { CLI_ENV } from '../../contract';
import { badInvocation, unreadable } from '../errors';
import type { Io } from '../io';
import { note, progress } from '../io';
import { shortNumber } from '../report/svg';
import { ceilingOf } from './ceiling';
import type { BenchRequest } from './client';
import { levelMissed } from './errors';
import { LoadBench } from './measure';
import type { LoadPlan, Measured } from './measure';
import type { BenchOptions, BenchSettings } from './options';
import { randomRequests, requestsFromText } from './requests';
import { allWarnings } from './report';
import type { BenchReport } from './report';
import { outcomesLine } from './table';
import { findTarget, parseTarget, probe } from './target';
import type { Target } from './target';

const MAX_STEPS = 14;
const MAX_DATA_BYTES = 256 * 2 ** 20;
const FAILED_MOST = 0.01;

interface Prepared {
  readonly target: Target;
  readonly requests: readonly BenchRequest[];
  readonly headers: Readonly<Record<string, string>>;
}

function dataOf(io: Io, file: string): readonly BenchRequest[] {
  const remedy = 'write one JSON document, a list of them, or one a line';
  const place = path.resolve(io.cwd, file);
  const size = fs.statSync(place, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw badInvocation('there is no such file', file, 'name a file with --data');
  if (size > MAX_DATA_BYTES) throw unreadable(file, `it is over ${MAX_DATA_BYTES} bytes`, 'take fewer requests');
  try {
    return requestsFromText(fs.readFileSync(place, 'utf8'));
  } catch (error) {
    throw unreadable(file, error instanceof Error ? error.message : String(error), remedy);
  }
}

function randomOf(target: Target, options: BenchOptions, settings: BenchSettings): readonly BenchRequest[] {
  if (target.signature === undefined) return [];
  const { seed, batch, length } = settings;
  try {
    return randomRequests(target.signature, { seed, batch, length, binary: options.binary ?? false });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badInvocation(error.message, undefined, 'pass requests with --data, or smaller sizes');
  }
}

async function prepare(io: Io, url: string, options: BenchOptions, settings: BenchSettings): Promise<Prepared> {
  const parsed = parseTarget(url, options.yesRemote ?? false);
  const key = io.env[CLI_ENV.apiKey.name];
  const headers: Readonly<Record<string, string>> = key ? { authorization: `Bearer ${key}` } : {};
  const data = options.data === undefined ? undefined : dataOf(io, options.data);
  const target = await findTarget(parsed, options.model, data !== undefined, headers);
  const requests = data ?? randomOf(target, options, settings);
  const [first] = requests;
  if (first) await probe(target, first, headers, settings.timeout * 1000);
  return { target, requests, headers };
}

function planOf(prepared: Prepared, settings: BenchSettings, honour: boolean, signal: AbortSignal): LoadPlan {
  const { target, requests, headers } = prepared;
  const { rate, arrivals, concurrency, seed, slo } = settings;
  return {
    ...{ url: target.url, headers, requests, arrivals, concurrency, seed, honourRetryAfter: honour, signal },
    ...(rate === undefined ? {} : { rate }),
    ...(slo === undefined ? {} : { slo }),
    durationMs: settings.duration * 1000,
    maxRequests: settings.requests,
    warmUpMs: settings.warmUp * 1000,
    timeoutMs: settings.timeout * 1000,
  };
}

function announce(io: Io, { target }: Prepared, settings: BenchSettings): void {
  const { rate, arrivals, concurrency, duration, requests, warmUp, sweep, maxRate } = settings;
  const callers = `${concurrency} ${concurrency === 1 ? 'caller' : 'callers'} in a closed loop`;
  const open = `${arrivals} arrivals ${sweep ? `from ${rate} up to ${maxRate}/s, ${MAX_STEPS} rates at most` : `at ${rate}/s`}`;
  const bounds = `for ${duration} s or ${requests} requests${sweep ? ' each' : ''}, after ${warmUp} s of warm-up`;
  note(io, `${target.url.href}: ${rate === undefined ? callers : open}, ${bounds}`);
}

async function measure(io: Io, plan: LoadPlan, settings: BenchSettings): Promise<Measured> {
  const bench = new LoadBench(plan, (phase) => {
    const { goodput, latency } = phase.summary;
    const rate = phase.rate === undefined ? '' : `${shortNumber(phase.rate)}/s: `;
    progress(io, `${rate}${shortNumber(goodput)} good answers/s, p99 ${shortNumber(latency?.p99 ?? NaN)} ms`);
  });
  const { sweep, rate: startRate = 1, maxRate, slo } = settings;
  if (!sweep) return bench.once();
  return bench.sweep({ startRate, maxRate, maxSteps: MAX_STEPS, ...(slo === undefined ? {} : { slo }) });
}

/** Measures an endpoint. @throws LNMT6001, LNMT6006, LNMT6061, LNMT6062, LNMT6063, LNMT6065 */
export async function bench(
  io: Io,
  url: string,
  options: BenchOptions,
  settings: BenchSettings,
  signal: AbortSignal,
): Promise<BenchReport> {
  const prepared = await prepare(io, url, options, settings);
  announce(io, prepared, settings);
  const { target, requests } = prepared;
  const ceiling = await ceilingOf(requests, signal);
  const plan = planOf(prepared, settings, options.honourRetryAfter ?? false, signal);
  const startedAt = new Date().toISOString();
  const measured = await measure(io, plan, settings);
  const bytes = requests.reduce((sum, { body }) => sum + body.byteLength, 0) / requests.length;
  const form = options.data !== undefined ? 'data' : options.binary ? 'binary' : 'json';
  const { rate, arrivals, concurrency, slo, seed } = settings;
  const early = signal.aborted ? ['the run was ended before its time'] : [];
  return {
    schema: 'lnmt.bench/1',
    ...{ startedAt, target: target.url.href },
    ...(target.signature === undefined ? {} : { model: target.signature.name }),
    request: { form, variants: requests.length, bytes, ...(form === 'data' ? {} : { seed }) },
    ...{ loop: rate === undefined ? 'closed' : arrivals, concurrency },
    bounds: {
      ...{ durationSeconds: settings.duration, requests: settings.requests },
      ...{ warmUpSeconds: settings.warmUp, timeoutSeconds: settings.timeout },
    },
    ...(slo === undefined ? {} : { slo }),
    generator: { ceilingPerSecond: ceiling, node: process.version },
    ...measured,
    warnings: [...early, ...allWarnings(measured.phases, ceiling)],
  };
}

/** Holds a report to its service level. @throws LNMT6064 */
export function holdToLevel({ slo, phases, saturation }: BenchReport): void {
  if (slo === undefined) return;
  const allowed = `99 of 100 within ${shortNumber(slo)} ms, and at most one failure in 100`;
  if (saturation !== undefined) {
    if (saturation.sustained === undefined) throw levelMissed('no rate met the service level', 'none', allowed);
    return;
  }
  for (const phase of phases) {
    const { latency, failedShare } = phase.summary;
    if (latency !== undefined && latency.p99 <= slo && failedShare <= FAILED_MOST) continue;
    const got = `p99 ${shortNumber(latency?.p99 ?? NaN)} ms; ${outcomesLine(phase)}`;
    throw levelMissed('the service level was not met', got, allowed);
  }
}

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Group } from './tools';

const run = promisify(execFile);
const SCRIPT = path.join(__dirname, 'load.lua');

/** A request that is repeated. */
export interface Body {
  readonly file: string;
  /** Bytes of the JSON part; absent when it is all JSON. */
  readonly headerBytes?: number;
}

/** What a load showed. Times in milliseconds. */
export interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  /** Processor time of the server per request. */
  readonly cpuMs: number;
}

interface Result {
  readonly n: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

/** Loads a server with this many connections, each with one request at a time (`wrk`, one thread). */
export async function load(
  server: Group,
  url: string,
  { file, headerBytes }: Body,
  connections: number,
  seconds: number,
): Promise<Figures> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '60s', '-s', SCRIPT, url, '--', file];
  if (headerBytes !== undefined) args.push(String(headerBytes));
  const before = server.cpuSeconds();
  const { stdout } = await run('wrk', args);
  const cpu = server.cpuSeconds() - before;
  const text = /RESULT (\{.*\})/.exec(stdout)?.[1];
  if (text === undefined) throw new Error(`wrk said: ${stdout}`);
  const { n, seconds: took, p50, p99, errors } = JSON.parse(text) as Result;
  return { perSecond: n / took, p50, p99, errors, cpuMs: (1000 * cpu) / Math.max(1, n) };
}

/** Asks a URL again and again while something else goes on, and gives the 99th percentile in milliseconds. */
export async function probe(url: string, until: Promise<unknown>): Promise<number> {
  let going = true;
  void until.finally(() => (going = false));
  const times: number[] = [];
  while (going) {
    const started = performance.now();
    await (await fetch(url)).arrayBuffer();
    times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  times.sort((a, b) => a - b);
  return times[Math.ceil(0.99 * times.length) - 1] ?? 0;
}

/** Milliseconds between two looks of Node’s monitor, which are part of what it reports. */
const MONITOR_MS = 10;
const DELAY = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m;

/**
 * 99th percentile of the delay of a server’s event loop while something goes on, in milliseconds. The metric starts anew
 * whenever it is read.
 */
export async function loopDelay(metrics: string, work: () => Promise<unknown>): Promise<number> {
  const read = async (): Promise<string> => (await fetch(metrics)).text();
  await read();
  await work();
  const seconds = Number(DELAY.exec(await read())?.[1] ?? Number.NaN);
  return Math.max(0, 1000 * seconds - MONITOR_MS);
}

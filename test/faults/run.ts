import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cases } from './cases';
import { Bench, lineOf, Skip } from './support/case';
import type { FaultCase, Outcome, Report } from './support/case';
import { compilePrograms, ROOT } from '../support/compile-programs';
import { endAll } from './support/servers';

const RESULTS = path.join(ROOT, 'test/bench/results');
const CLEANUP_MS = 30_000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function limited<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(what)), ms);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

async function runCase(each: FaultCase, full: boolean): Promise<Report> {
  const started = performance.now();
  const bench = new Bench(full, fs.mkdtempSync(path.join(os.tmpdir(), `lnmt-${each.id}-`)));
  const seconds = full ? each.limit.full : each.limit.scaled;
  let outcome: Outcome = 'PASS';
  let reason: string | undefined;
  try {
    await limited(each.run(bench), seconds * 1000, `not done after ${seconds} s`);
    if (bench.figures.length === 0) throw new Error('no figure was measured');
    if (bench.figures.some(({ met, decides }) => decides && !met)) outcome = 'FAIL';
  } catch (error) {
    outcome = error instanceof Skip ? 'SKIP' : 'FAIL';
    reason = messageOf(error);
    if (process.env['LNMT_DEBUG'] && !(error instanceof Skip)) process.stderr.write(`${(error as Error).stack}\n`);
  }
  const faults = await limited(bench.close(), CLEANUP_MS, 'the clean-up hangs').catch((error) => [messageOf(error)]);
  await endAll();
  fs.rmSync(bench.folder, { recursive: true, force: true });
  if (faults.length > 0) [outcome, reason] = ['FAIL', `clean-up: ${faults.join('; ')}`];
  const { counts, figures, notes } = bench;
  const took = (performance.now() - started) / 1000;
  return { id: each.id, what: each.what, outcome, seconds: took, counts, figures, notes, reason };
}

function choose(names: readonly string[]): readonly FaultCase[] {
  const wanted = names.map((name) => name.toUpperCase());
  const unknown = wanted.filter((name) => !cases.some(({ id }) => id === name));
  if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(', ')}`);
  return cases.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
}

/** `tsx test/faults/run.ts [--full] [R-04 …]`: the named cases, or all, one after another. */
async function main(args: readonly string[]): Promise<number> {
  const full = args.includes('--full');
  const chosen = choose(args.filter((arg) => !arg.startsWith('--')));
  compilePrograms();
  const reports: Report[] = [];
  for (const each of chosen) {
    const report = await runCase(each, full);
    reports.push(report);
    process.stdout.write(`${lineOf(report)}\n`);
  }
  const of = (outcome: Outcome): number => reports.filter((report) => report.outcome === outcome).length;
  const machine = { cpus: os.availableParallelism(), node: process.version, load: os.loadavg() };
  fs.mkdirSync(RESULTS, { recursive: true });
  const file = path.join(RESULTS, full ? 'faults-full.json' : 'faults.json');
  fs.writeFileSync(file, `${JSON.stringify({ full, machine, reports }, undefined, 2)}\n`);
  process.stdout.write(`${of('PASS')} passed, ${of('FAIL')} failed, ${of('SKIP')} skipped\n`);
  return of('FAIL') > 0 ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => void endAll().finally(() => process.exit(130)));
}

void main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  async (error: unknown) => {
    process.stderr.write(`${messageOf(error)}\n`);
    await endAll();
    process.exit(2);
  },
);

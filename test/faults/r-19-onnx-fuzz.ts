import { spawn } from 'node:child_process';
import path from 'node:path';
import { inferPath, PATHS } from '../../runtime/contract';
import type { Bench, FaultCase } from './support/case';
import { ROOT } from '../support/compile-programs';
import { acceptedMutants, SEED } from './support/mutants';
import type { FuzzResult } from './support/mutants';
import { TINY_BODY, tinyStore } from './support/models';
import { Server } from './support/servers';
import { keepAlive, Recorder, send } from './support/traffic';
import { setTimeout as delay } from 'node:timers/promises';

const CHILD = path.join(__dirname, 'support/mutants-main.ts');
const TSX = path.join(ROOT, 'node_modules/tsx/dist/cli.mjs');
const AT_ONCE = 2;
/** One model may take this long before its child is ended and begun again behind it. */
const HANG_MS = 10_000;

interface Totals extends FuzzResult {
  readonly deaths: readonly string[];
  readonly hangs: number;
}

/** Runs a range of mutants in a child, which may die of one: the next child goes on behind it. */
async function fuzzIn(bench: Bench, kind: 'bytes' | 'banned', from: number, to: number): Promise<Totals> {
  const totals = { inspected: 0, accepted: 0, ran: 0, faults: [] as string[], falseAccepts: [] as string[] };
  const deaths: string[] = [];
  let hangs = 0;
  for (let at = from; at < to && !bench.over;) {
    let last = at;
    let over = false;
    let text = '';
    const child = spawn(process.execPath, [TSX, CHILD, kind, String(at), String(to)], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], HOME: bench.folder, ORT_DISABLE_TELEMETRY: '1' },
    });
    bench.after(() => void child.kill('SIGKILL'));
    let heard = performance.now() + 20_000;
    const watch = setInterval(() => {
      if (performance.now() - heard < HANG_MS) return;
      hangs += 1;
      child.kill('SIGKILL');
    }, 500);
    child.stdout.on('data', (chunk: Buffer) => {
      heard = performance.now();
      text += chunk.toString();
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const message = JSON.parse(line) as { readonly at?: number; readonly result?: FuzzResult };
        if (message.at !== undefined) last = message.at;
        if (message.result === undefined) continue;
        over = true;
        add(totals, message.result);
      }
    });
    const how = await new Promise<string>((resolve) =>
      child.once('close', (code, signal) => resolve(signal ?? `code ${code}`)),
    );
    clearInterval(watch);
    if (over) break;
    deaths.push(`${kind} ${last}: ${how}`);
    at = last + 1;
  }
  return { ...totals, deaths, hangs };
}

function add(
  totals: { inspected: number; accepted: number; ran: number; faults: string[]; falseAccepts: string[] },
  more: FuzzResult,
): void {
  totals.inspected += more.inspected;
  totals.accepted += more.accepted;
  totals.ran += more.ran;
  totals.faults.push(...more.faults);
  totals.falseAccepts.push(...more.falseAccepts);
}

async function ranges(bench: Bench, kind: 'bytes' | 'banned', total: number): Promise<Totals[]> {
  const share = Math.ceil(total / AT_ONCE);
  return Promise.all(
    Array.from({ length: AT_ONCE }, (_, lane) =>
      fuzzIn(bench, kind, lane * share, Math.min(total, (lane + 1) * share)),
    ),
  );
}

/** Publishes mutants that the inspector takes to a real server, which must go on whatever they do. */
async function publish(bench: Bench, count: number): Promise<void> {
  const store = tinyStore(bench.folder);
  const mutants = acceptedMutants(count);
  const names = mutants.map((_, index) => `mutant-${index}`);
  for (const [index, bytes] of mutants.entries()) store.push(names[index] ?? '', '1', bytes);
  const lazy = names.map((name) => ({ name, load: 'lazy' as const }));
  const models = store.serving({ name: 'tiny', load: 'pinned' }, ...lazy);
  const server = await Server.ready({ ...models, workers: '1', hostMemoryBytes: String(2 ** 30), runTimeout: '2' });
  const { http: port } = await server.ports();
  const agent = keepAlive();
  bench.after(() => agent.destroy());
  const recorder = new Recorder();
  let going = true;
  const neighbour = (async (): Promise<void> => {
    for (; going; await delay(20)) recorder.add(await send({ port, path: inferPath('tiny'), body: TINY_BODY, agent }));
  })();
  const loads = new Recorder();
  for (const name of names) {
    if (bench.over) break;
    loads.add(await send({ port, path: `${PATHS.repository}/models/${name}/load`, body: '{}', agent }));
    await send({ port, path: inferPath(name), body: TINY_BODY, agent });
    await send({ port, path: `${PATHS.repository}/models/${name}/unload`, body: '{}', agent });
  }
  going = false;
  await neighbour;
  bench.equal('front alive', String(server.alive), 'true');
  bench.equal('failures of the other model', recorder.failed('200'), 0);
  bench.equal('loads that answered 500', loads.count('500'), 0);
  bench.note(`of ${names.length} mutants in a server ${loads.count('200')} loaded`);
}

/** Models that were right once, with bytes changed; and models with something banned somewhere inside. */
export const onnxFuzz: FaultCase = {
  id: 'R-19',
  what: `ONNX mutation and structure fuzz in child processes, seed ${SEED}`,
  limit: { scaled: 90, full: 7_200 },
  run: async (bench) => {
    const mutants = bench.count('mutants', 4_000, 200_000);
    const structured = bench.count('structured', 2_000, 20_000);
    const served = bench.count('mutants in a server', 8, 100);
    const all = [...(await ranges(bench, 'bytes', mutants)), ...(await ranges(bench, 'banned', structured))];
    const sum = (of: (each: Totals) => number): number => all.reduce((total, each) => total + of(each), 0);
    const deaths = all.flatMap((each) => each.deaths);
    bench.equal('inspected', sum((each) => each.inspected) + deaths.length, mutants + structured);
    bench.equal(
      'banned constructs taken',
      sum((each) => each.falseAccepts.length),
      0,
    );
    bench.equal(
      'faults of the inspector',
      sum((each) => each.faults.length),
      0,
    );
    bench.note(
      `${sum((each) => each.accepted)} taken, ${sum((each) => each.ran)} ran, ${deaths.length} children died of a model, ${sum((each) => each.hangs)} hung`,
    );
    for (const fault of all.flatMap((each) => [...each.faults, ...each.falseAccepts, ...each.deaths]).slice(0, 3))
      bench.note(fault);
    await publish(bench, served);
  },
};

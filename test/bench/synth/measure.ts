import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** What one run of a program cost. */
export interface Run {
  /** From its start to its end, in milliseconds. */
  readonly wallMs: number;
  /** Processor time of the process, user and system, in milliseconds. */
  readonly cpuMs: number;
  /** Largest resident memory in MB. */
  readonly rssMB: number;
}

const HOOK = `
process.on('exit', () => {
  const usage = process.resourceUsage();
  const own = { cpuMs: (usage.userCPUTime + usage.systemCPUTime) / 1000, rssMB: usage.maxRSS / 1024 };
  require('node:fs').writeFileSync(process.env.MEASURED, JSON.stringify(own));
});
`;

/** Runs a compiled program in a folder, in a process of its own, with nothing left of an earlier run. */
export function measure(folder: string, program: string, args: readonly string[] = []): Run {
  const hook = path.join(folder, 'measure-hook.js');
  const measured = path.join(folder, 'measured.json');
  fs.writeFileSync(hook, HOOK);
  fs.rmSync(path.join(folder, 'cdktf.out'), { recursive: true, force: true });
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, ['--require', hook, program, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], MEASURED: measured },
    encoding: 'utf8',
  });
  const wallMs = Number(process.hrtime.bigint() - started) / 1e6;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: exit ${status}\n${stderr}`);
  return { wallMs, ...(JSON.parse(fs.readFileSync(measured, 'utf8')) as Omit<Run, 'wallMs'>) };
}

/** The run in the middle, each figure by itself. */
export function medianOf(runs: readonly Run[]): Run {
  const of = (figure: keyof Run): number => median(runs.map((run) => run[figure]));
  return { wallMs: of('wallMs'), cpuMs: of('cpuMs'), rssMB: of('rssMB') };
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Slope of the line of least squares through the logarithms: the exponent of a power law. */
export function exponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (index: 0 | 1): number => logs.reduce((sum, point) => sum + point[index], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const over = logs.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return over / logs.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { filesBelow } from '../../support/manifests';
import { blocksOf, readTerraform, stacksOf } from '../../support/terraform-json';
import type { Block } from '../../support/terraform-json';
import { bareProgram } from './bare';
import { exponent, measure, medianOf } from './measure';
import type { Run } from './measure';
import { markdown, svg } from './report';
import type { Comparison, Growth, Report } from './report';
import { stage } from './stage';

const TARGETS = ['aws', 'onprem'] as const;
const ROUNDS = Number(process.env['ROUNDS'] ?? 9);
const ENDPOINTS = [0, 1, 10, 100, 1000];
const results = path.resolve(__dirname, '../results');

/** `npm run bench:synth`: LNMT beside the same resources by hand, and the growth with the number of endpoints. */
function main(): void {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-bench-'));
  try {
    const load = os.loadavg()[0] ?? 0;
    stage(folder);
    const comparisons = compare(folder);
    const sum = (program: 'lnmt' | 'bare', figure: keyof Run): number =>
      comparisons.reduce((total, comparison) => total + comparison[program][figure], 0);
    const report: Report = {
      machine: { cpu: os.cpus()[0]?.model ?? 'unknown', cpus: os.cpus().length, node: process.version, load },
      rounds: ROUNDS,
      comparisons,
      ratio: sum('lnmt', 'wallMs') / sum('bare', 'wallMs'),
      cpuRatio: sum('lnmt', 'cpuMs') / sum('bare', 'cpuMs'),
      command: command(folder),
      growth: TARGETS.map((target) => growthOf(folder, target)),
    };
    fs.mkdirSync(results, { recursive: true });
    fs.writeFileSync(path.join(results, 'synth.json'), `${JSON.stringify(report, undefined, 2)}\n`);
    fs.writeFileSync(path.join(results, 'synth.md'), markdown(report));
    fs.writeFileSync(path.join(results, 'synth.svg'), svg(report.growth));
    process.stdout.write(`${markdown(report)}\nWritten to ${path.relative(process.cwd(), results)}.\n`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function compare(folder: string): Comparison[] {
  const sizes = TARGETS.map((target) => prepare(folder, target));
  const runs = TARGETS.map(() => ({ lnmt: [] as Run[], bare: [] as Run[] }));
  for (let round = 0; round < ROUNDS; round++) {
    TARGETS.forEach((target, index) => {
      const order = round % 2 === 0 ? (['lnmt', 'bare'] as const) : (['bare', 'lnmt'] as const);
      for (const which of order) {
        runs[index]?.[which].push(measure(folder, which === 'lnmt' ? `${target}.js` : `bare-${target}.js`));
      }
    });
  }
  return TARGETS.map((target, index) => ({
    target,
    resources: sizes[index]?.resources ?? 0,
    objects: sizes[index]?.objects ?? 0,
    lnmt: medianOf(runs[index]?.lnmt ?? []),
    bare: medianOf(runs[index]?.bare ?? []),
  }));
}

/** Writes the program by hand, and makes sure that it gives the same resources. */
function prepare(folder: string, target: string): { readonly resources: number; readonly objects: number } {
  measure(folder, `${target}.js`);
  const out = path.join(folder, 'cdktf.out');
  const wanted = content(out);
  fs.writeFileSync(path.join(folder, `bare-${target}.js`), bareProgram(out));
  measure(folder, `bare-${target}.js`);
  const given = content(out);
  for (const [address, body] of wanted.blocks) {
    if (given.blocks.get(address) !== body) throw new Error(`${target}: ${address} differs in the program by hand`);
  }
  if (given.objects !== wanted.objects) throw new Error(`${target}: ${given.objects} of ${wanted.objects} objects`);
  return { resources: wanted.blocks.size, objects: wanted.objects };
}

function content(out: string): { readonly blocks: ReadonlyMap<string, string>; readonly objects: number } {
  const blocks = stacksOf(out).flatMap(({ name, file }) =>
    blocksOf(readTerraform(file))
      // A workspace is all that the two ways of reading another stack's outputs differ in.
      .filter((block) => block.type !== 'terraform_remote_state')
      .map((block) => [`${name}/${block.address}`, comparable(block)] as const),
  );
  const objects = filesBelow(path.join(out, 'stacks'), ['.yaml']).filter((file) => file.includes('templates'));
  return { blocks: new Map(blocks), objects: objects.length };
}

function comparable({ body }: Block): string {
  return JSON.stringify(
    Object.entries(body)
      .filter(([key]) => key !== '//')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function command(folder: string): Run {
  const cli = path.join(folder, 'node_modules/lnmt/dist/runtime/cli/main.js');
  return medianOf(Array.from({ length: 5 }, () => measure(folder, cli, ['synth', '--app', 'node aws.js'])));
}

function growthOf(folder: string, target: string): Growth {
  const points = ENDPOINTS.map((endpoints) => {
    const rounds = endpoints < 1000 ? 5 : 3;
    const runs = Array.from({ length: rounds }, () => measure(folder, `${target}.js`, [String(endpoints)]));
    return { endpoints, ...medianOf(runs) };
  });
  const base = points[0]?.cpuMs ?? 0;
  const added = points
    .filter((point) => point.endpoints >= 10)
    .map((point) => [point.endpoints, Math.max(1, point.cpuMs - base)] as const);
  return { target, points, exponent: exponent(added) };
}

main();

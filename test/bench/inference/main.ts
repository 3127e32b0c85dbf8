import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run as runCommand } from '../../../runtime/cli/program';
import { PATHS } from '../../../runtime/contract';
import { writeBodies } from './bodies';
import { load, loopDelay, probe } from './load';
import type { Figures } from './load';
import { raw } from './raw';
import { markdown, svg } from './report';
import type { Limit, Report, Row } from './report';
import { compileOwn, emptyPost, ENVIRONMENTS, fastapi, others, own, tuned } from './servers';
import type { Contestant, ServedModel } from './servers';
import { targetsOf } from './targets';
import { CACHE, hasProgram, pythonOf } from './tools';

const ROUNDS = Number(process.env['ROUNDS'] ?? 3);
const SECONDS = Number(process.env['SECONDS'] ?? 3);
/**
 * Seconds under load before anything counts. Engines that compile while they run need them: on two cores ours reaches four
 * fifths of its rate after 3 s, and all of it after 10.
 */
const WARM_UP = 10;
const ONLY = (process.env['ONLY'] ?? 'mlp,minilm,bert,bert_int8').split(',');
const MODELS = path.join(CACHE, 'models');
const RESULTS = path.resolve(__dirname, '../results');
const OWN = 'LNMT';

interface Discipline {
  readonly model: string;
  readonly kind: 'mlp' | 'encoder';
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly contestants: readonly Contestant[];
  /** Rows of a batch for which the limit is measured. */
  readonly batches: readonly number[];
}

const cores = os.availableParallelism();
const json = own(`${OWN}, JSON`, 'json');
/** One run on all cores: what a single caller waits least for. */
const latency = own(`${OWN}, JSON, one worker`, 'json', {
  workers: '1',
  threads: String(cores),
  dedicatedCores: 'true',
});
const FORMS = ['json', 'binary'] as const;
const LABEL = { json: 'JSON', binary: 'binary' } as const;
/** Without keys and a rate; metrics are always on. */
const open = FORMS.map((form) => own(`${OWN}, ${LABEL[form]}, open`, form, { auth: 'none', ratePerSecond: '0' }));
const cached = FORMS.map((form) =>
  own(`${OWN}, ${LABEL[form]}, cached`, form, { responseCacheBytes: String(2 ** 26), responseCacheModels: 'mlp' }),
);
const DISCIPLINES: readonly Discipline[] = [
  {
    ...{ model: 'mlp', kind: 'mlp', connections: [1, 32], seconds: SECONDS, batches: [1, 16] },
    contestants: [
      ...[json, own(`${OWN}, binary`, 'binary'), ...open, ...cached, ...FORMS.map(emptyPost)],
      ...[fastapi(), ...FORMS.map(tuned), ...others],
    ],
  },
  {
    ...{ model: 'minilm', kind: 'encoder', connections: [1, 8, 32], seconds: 2 * SECONDS, batches: [1, 4] },
    contestants: [json, latency, fastapi(String(cores))],
  },
  {
    ...{ model: 'bert', kind: 'encoder', connections: [8], seconds: 4 * SECONDS, batches: [1, 4] },
    contestants: [json, fastapi(String(cores))],
  },
  {
    ...{ model: 'bert_int8', kind: 'encoder', connections: [8], seconds: 4 * SECONDS, batches: [1, 4] },
    contestants: [json],
  },
];

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

type Sample = Figures & { readonly megabytes: number };

class Bench {
  private readonly samples = new Map<string, Sample[]>();
  private readonly limits = new Map<string, { perSecond: number; median: number }[]>();
  private readonly absent = new Set<string>();
  private readonly health: number[] = [];
  private readonly delays: number[] = [];

  constructor(private readonly folder: string) {}

  async run(): Promise<void> {
    for (const discipline of DISCIPLINES.filter(({ model }) => ONLY.includes(model))) {
      for (let round = 0; round < ROUNDS; round++) {
        await this.limit(discipline);
        // Every other round goes the other way round, so that no contestant always follows the same one.
        const order = round % 2 === 0 ? discipline.contestants : discipline.contestants.toReversed();
        for (const contestant of order) await this.contest(discipline, contestant);
      }
    }
  }

  report(before: number): Report {
    const rows = [...this.samples].map(([key, samples]): Row => {
      const [model = '', server = '', connections] = key.split('|');
      const middle = (figure: keyof Sample): number => median(samples.map((sample) => sample[figure]));
      const errors = samples.reduce((sum, sample) => sum + sample.errors, 0);
      const { perSecond, p50, p99, cpuMs, megabytes } = {
        ...{ perSecond: middle('perSecond'), p50: middle('p50'), p99: middle('p99') },
        ...{ cpuMs: middle('cpuMs'), megabytes: middle('megabytes') },
      };
      return { model, server, connections: Number(connections), perSecond, p50, p99, cpuMs, megabytes, errors };
    });
    const limits = [...this.limits].map(([key, figures]): Limit => {
      const [model = '', setting = ''] = key.split('|');
      const middle = (figure: 'perSecond' | 'median'): number => median(figures.map((each) => each[figure]));
      return { model, setting, perSecond: middle('perSecond'), median: middle('median') };
    });
    const sizes = DISCIPLINES.map(({ model }) => [model, fs.statSync(this.modelOf(model).file).size / 1e6] as const);
    const workers = new Map(DISCIPLINES.map(({ model, kind }) => [model, kind === 'mlp' ? 1 : Math.min(cores, 4)]));
    const [healthMs, delayMs] = [this.health, this.delays].map((figures) =>
      figures.length > 0 ? median(figures) : undefined,
    );
    return {
      machine: { cpu: os.cpus()[0]?.model ?? 'unknown', cpus: cores, node: process.version },
      load: { before, after: os.loadavg()[0] ?? 0 },
      ...{ rounds: ROUNDS, seconds: SECONDS, rows, limits, absent: [...this.absent] },
      targets: targetsOf({ rows, limits, healthMs, delayMs, modelMegabytes: new Map(sizes), workers }),
    };
  }

  private modelOf(name: string): ServedModel {
    return { name, file: path.join(MODELS, `${name}.onnx`), folder: this.folder };
  }

  private async limit({ model, kind, batches, seconds }: Discipline): Promise<void> {
    for (const batch of batches) {
      const setting = `${cores} workers, batch ${batch}`;
      const figures = await raw({ file: this.modelOf(model).file, kind, workers: cores, batch, seconds });
      say(`${model} limit, ${setting}: ${figures.perSecond.toFixed(1)}/s`);
      this.limits.set(`${model}|${setting}`, [...(this.limits.get(`${model}|${setting}`) ?? []), figures]);
    }
  }

  private async contest(discipline: Discipline, contestant: Contestant): Promise<void> {
    const { model, kind, connections, seconds } = discipline;
    if (this.absent.has(contestant.name)) return;
    const running = await contestant.start(this.modelOf(model));
    if (running === undefined) {
      say(`${contestant.name} is absent`);
      this.absent.add(contestant.name);
      return;
    }
    try {
      const body = writeBodies(kind, this.folder)[contestant.form];
      const url = running.base + contestant.path(model);
      await load(running.group, url, body, 8, WARM_UP);
      for (const count of connections) {
        const loaded = await load(running.group, url, body, count, seconds);
        const sample = { ...loaded, megabytes: running.group.peakMegabytes() };
        say(
          `${model} ${contestant.name} c=${count}: ${sample.perSecond.toFixed(1)}/s, p50 ${sample.p50} ms, errors ${sample.errors}`,
        );
        const key = `${model}|${contestant.name}|${count}`;
        this.samples.set(key, [...(this.samples.get(key) ?? []), sample]);
        // Apart from what is compared: asking takes a tenth of a core from the model.
        if (model === 'bert' && contestant.name.startsWith(OWN)) {
          const loading = load(running.group, url, body, count, seconds);
          this.health.push(await probe(running.base + PATHS.health, loading));
          if (running.metrics !== undefined) {
            this.delays.push(await loopDelay(running.metrics, () => load(running.group, url, body, count, seconds)));
          }
        }
      }
    } finally {
      await running.group.end();
    }
  }
}

/** Makes the INT8 model as a user would; its weights are random, so there is no accuracy to hold. */
async function quantize(): Promise<void> {
  const out = path.join(MODELS, 'bert_int8.onnx');
  // An older one may have been made otherwise.
  fs.rmSync(out, { force: true });
  const argv = ['model', 'quantize', path.join(MODELS, 'bert.onnx'), '--out', out, '--no-gate'];
  const io = { cwd: MODELS, env: {}, out: say, err: say, terminal: false, node: process.execPath };
  const code = await runCommand(argv, { ...io, onInterrupt: () => () => undefined });
  if (code !== 0) throw new Error(`lnmt model quantize ended with code ${code}`);
}

/** `npm run bench:inference`: our server beside others and beside the limit, interleaved. */
async function main(): Promise<void> {
  if (!hasProgram('wrk')) throw new Error('wrk is not installed: apt-get install wrk');
  const python = pythonOf(ENVIRONMENTS.web);
  if (python === undefined) throw new Error('Python with onnx is needed for the models: python3 and a package index');
  execFileSync(python, [path.join(__dirname, 'models.py'), MODELS], { stdio: ['ignore', 'inherit', 'inherit'] });
  await quantize();
  compileOwn();
  const folder = fs.mkdtempSync(path.join(CACHE, 'run-'));
  try {
    const before = os.loadavg()[0] ?? 0;
    const bench = new Bench(folder);
    await bench.run();
    const report = bench.report(before);
    fs.mkdirSync(RESULTS, { recursive: true });
    fs.writeFileSync(path.join(RESULTS, 'inference.json'), `${JSON.stringify(report, undefined, 2)}\n`);
    fs.writeFileSync(path.join(RESULTS, 'inference.md'), markdown(report));
    fs.writeFileSync(path.join(RESULTS, 'inference.svg'), svg(report));
    process.stdout.write(`${markdown(report)}\nWritten to ${path.relative(process.cwd(), RESULTS)}.\n`);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});

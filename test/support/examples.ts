import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { App } from 'cdktf';

/** One of the programs in `examples/`, synthesized. */
export interface SynthesizedExample {
  readonly name: string;
  /** What `cdktf.out` would be. */
  readonly outdir: string;
}

const root = path.resolve(__dirname, '../..');
const made = new Map<string, Promise<SynthesizedExample>>();
let base: string | undefined;

/** The examples, by name: each folder of `examples/` with an `app.ts` that exports `build(app)`. */
export function exampleNames(): string[] {
  const folder = path.join(root, 'examples');
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => fs.existsSync(path.join(folder, name, 'app.ts')))
    .sort();
}

/** Synthesizes an example once for the process and says where; the folder goes when the process ends. */
export function synthesizeExample(name: string): Promise<SynthesizedExample> {
  const known = made.get(name);
  if (known) return known;
  const example = synthesize(name);
  made.set(name, example);
  return example;
}

/** Every example, synthesized. */
export async function synthesizeExamples(): Promise<SynthesizedExample[]> {
  const all: SynthesizedExample[] = [];
  for (const name of exampleNames()) all.push(await synthesizeExample(name));
  return all;
}

async function synthesize(name: string): Promise<SynthesizedExample> {
  const outdir = path.join(temporaryBase(), name);
  const { build } = (await import(path.join(root, 'examples', name, 'app.ts'))) as {
    readonly build: (app: App) => void;
  };
  const app = new App({ outdir, skipValidation: false });
  build(app);
  app.synth();
  return { name, outdir };
}

function temporaryBase(): string {
  if (base) return base;
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-examples-'));
  process.once('exit', () => base && fs.rmSync(base, { recursive: true, force: true }));
  return base;
}

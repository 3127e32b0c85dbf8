import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { App, TerraformStack } from 'cdktf';
import { SynthesizedStack, withoutMetadata } from './synthesized';
import type { Json, JsonObject } from './synthesized';

const PREFIX = 'lnmt-testing-';
const temporaryFolders = new Set<string>();

/** Everything that one `app.synth()` wrote. Nothing of it is left on disk. */
export class SynthesizedApp {
  constructor(
    /** Stacks by name, in byte order. */
    readonly stacks: readonly SynthesizedStack[],
    /** Every file that was written, by path below the output folder, with its text. */
    readonly files: ReadonlyMap<string, string>,
  ) {}

  /** A stack by its name. Throws, listing the stacks, when there is none. */
  stack(name: string): SynthesizedStack {
    const found = this.stacks.find((stack) => stack.name === name);
    if (found === undefined) {
      throw new Error(`no stack ${name}; stacks: ${this.stacks.map((stack) => stack.name).join(', ') || 'none'}`);
    }
    return found;
  }
}

/**
 * A cdktf app that writes into a temporary folder, which is removed once the app was synthesized with
 * {@link synthTerraform}, or when the process ends.
 */
export function testApp(): App {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), PREFIX));
  if (temporaryFolders.size === 0) process.once('exit', () => temporaryFolders.forEach(remove));
  temporaryFolders.add(outdir);
  return new App({ outdir, stackTraces: false });
}

/** An empty stack in a {@link testApp} of its own. */
export function testStack(id = 'test'): TerraformStack {
  return new TerraformStack(testApp(), id);
}

/**
 * Synthesizes the app that holds a stack and returns the stack. Goes through `app.synth()`, so that validations, aspects
 * and custom synthesizers of all stacks run, as they do in a deployment.
 */
export function synthTerraform(stack: TerraformStack): SynthesizedStack {
  return synthesize(App.of(stack)).stack(stack.node.id);
}

/**
 * Builds an app, synthesizes it and returns all that was written.
 *
 * @example
 * const { stacks, files } = synthApp((app) => build(app));
 */
export function synthApp(build: (app: App) => void): SynthesizedApp {
  const app = testApp();
  try {
    build(app);
    return synthesize(app);
  } finally {
    discard(app.outdir);
  }
}

function synthesize(app: App): SynthesizedApp {
  fs.mkdirSync(path.join(app.outdir, 'stacks'), { recursive: true });
  try {
    app.synth();
    return readApp(app);
  } finally {
    discard(app.outdir);
  }
}

function readApp(app: App): SynthesizedApp {
  const files = readFiles(app.outdir);
  const stacks = app.node
    .findAll()
    .filter((node) => TerraformStack.isStack(node))
    .map((stack) => {
      const text = files.get(`stacks/${stack.node.id}/cdk.tf.json`) ?? '{}';
      return new SynthesizedStack(stack.node.id, withoutMetadata(JSON.parse(text) as Json) as JsonObject);
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return new SynthesizedApp(stacks, files);
}

function readFiles(folder: string): ReadonlyMap<string, string> {
  const names = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
  return new Map(
    names.map((name) => [name.split(path.sep).join('/'), fs.readFileSync(path.join(folder, name), 'utf8')]),
  );
}

// Only folders of this file are removed: an app of somebody else keeps its output.
function discard(outdir: string): void {
  if (temporaryFolders.has(outdir)) remove(outdir);
}

function remove(outdir: string): void {
  fs.rmSync(outdir, { recursive: true, force: true });
}

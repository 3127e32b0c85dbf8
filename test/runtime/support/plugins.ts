import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { openSteps } from '../../../runtime/inference/processing/open';
import type { OpenSteps, StepConfig } from '../../../runtime/inference/processing/open';
import { Snapshot } from '../../../runtime/inference/processing/plugins/snapshot';

/** Writes the files of a plugin into a folder. */
export function writePlugin(dir: string, files: Readonly<Record<string, string | object>>): string {
  for (const [name, content] of Object.entries(files)) {
    const target = path.join(dir, name);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

const text = { name: 'text', datatype: 'BYTES', shape: [-1] };

/** A plugin with one step `run`, which takes `text` and gives `text`. */
export function textPlugin(dir: string, name: string, source: string, more: object = {}): string {
  const manifest = {
    ...{ name, version: '1.0.0', entry: 'index.js' },
    steps: [{ name: 'run', inputs: [text], outputs: [text] }],
    ...more,
  };
  return writePlugin(dir, { 'plugin.json': manifest, 'index.js': source });
}

/** Digest of a plugin. */
export const digestOf = async (dir: string): Promise<string> => (await Snapshot.read(dir)).digest;

/** Settings of steps, with what a test changes of them. */
export const stepConfig = (more: Partial<StepConfig> = {}): StepConfig => ({
  ...{ processingTimeout: 5, processingMemoryBytes: 2 ** 30, processingProcesses: 1, nonFiniteInputs: 'allow' },
  ...{ pluginsDir: undefined, plugins: undefined, pluginsAllow: undefined, pluginsAllowFile: undefined },
  ...more,
});

/** Opens the steps of a server. */
export function openTestSteps(
  config: Partial<StepConfig>,
  log: Logger = pino({ level: 'silent' }),
  searchPath = process.env['PATH'] ?? '',
): Promise<OpenSteps> {
  return openSteps(stepConfig(config), { node: process.execPath, searchPath, log });
}

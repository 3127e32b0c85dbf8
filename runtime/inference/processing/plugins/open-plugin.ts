import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { StepWorkers } from '../children/workers';
import { PluginError } from '../errors';
import type { AllowList } from './allow-list';
import { parseManifest } from './manifest';
import type { PluginManifest } from './manifest';
import { Snapshot } from './snapshot';

/** A plugin that runs. */
export interface OpenPlugin {
  readonly manifest: PluginManifest;
  readonly digest: string;
  readonly workers: StepWorkers;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

/** Makes the processes of a plugin, which do not run yet. */
export type MakeWorkers = (manifest: PluginManifest, dir: string, hello: object) => StepWorkers;

function admit(snapshot: Snapshot, allowed: AllowList): PluginManifest {
  const { origin, digest } = snapshot;
  const granted = allowed.get(digest);
  if (granted === undefined) throw new PluginError('LNMT8361', `${origin} has the digest ${digest}`);
  const manifest = parseManifest(snapshot.manifest(), origin);
  if (!snapshot.has(manifest.entry)) throw new PluginError('LNMT8362', `${origin}: it has no ${manifest.entry}`);
  const wanted = manifest.capabilities.filter((capability) => !granted.has(capability));
  if (wanted.length === 0) return manifest;
  const entry = [digest, ...manifest.capabilities].join('+');
  throw new PluginError('LNMT8361', `${origin} wants ${wanted.join(', ')}; the entry would be ${entry}`);
}

/**
 * Opens a plugin that may run: from a copy of what was read, so that nobody changes it afterwards.
 *
 * @throws PluginError
 */
export async function openPlugin(folder: string, allowed: AllowList, make: MakeWorkers): Promise<OpenPlugin> {
  const snapshot = await Snapshot.read(folder);
  const manifest = admit(snapshot, allowed);
  const dir = await snapshot.write(os.tmpdir());
  const hello = { entry: path.join(dir, manifest.entry), steps: manifest.steps.map(({ name }) => name) };
  const workers = make(manifest, dir, hello);
  const close = async (): Promise<void> => {
    await workers.close();
    await fs.rm(dir, { recursive: true, force: true });
  };
  try {
    await workers.start();
  } catch (error) {
    await close();
    const why = error instanceof Error ? error.message : String(error);
    throw new PluginError('LNMT8363', `${folder}: ${why}`, error);
  }
  return { manifest, digest: snapshot.digest, workers, close };
}

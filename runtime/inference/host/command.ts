import path from 'node:path';
import { FROM_SOURCE, SOURCE_LOADER } from '../../shared/source-loader';
import type { HostCommand } from './process';

/** Variables that native libraries read. Everything else, credentials above all, stays with the front. */
const PASSED_ON = /^(PATH|LD_LIBRARY_PATH|TZ|LANG|LC_[A-Z]+|TMPDIR|HOME|(CUDA|NVIDIA|ORT|OMP|VK|MESA)_[A-Z0-9_]+)$/;

/**
 * From 1.29 on, onnxruntime's Linux libraries report names and hashes of models to their vendor unless this is set.
 * A model is its owner's business: the host never runs without it.
 */
const NO_TELEMETRY = { ORT_DISABLE_TELEMETRY: '1' } as const;

function hostEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && PASSED_ON.test(name)) passed[name] = value;
  }
  return { ...passed, ...NO_TELEMETRY };
}

/** How to start a model host with the same Node.js, from sources as from compiled files. */
export function hostCommand(node: string, env: Readonly<Record<string, string | undefined>>): HostCommand {
  const entry = path.join(__dirname, 'main');
  return { command: node, args: [...SOURCE_LOADER, `${entry}${FROM_SOURCE ? '.ts' : '.js'}`], env: hostEnv(env) };
}

import path from 'node:path';
import { hostCommand } from '../../../runtime/inference/host/command';
import type { HostCommand } from '../../../runtime/inference/host/process';
import { compilePrograms } from '../../support/compile-programs';

/** How tests start a model host: compiled, with no loader at all. */
export function compiledHost(env: NodeJS.ProcessEnv = process.env): HostCommand {
  const args = [path.join(compilePrograms(), 'runtime/inference/host/main.js')];
  return { ...hostCommand(process.execPath, env), args };
}

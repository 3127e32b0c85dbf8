import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Skip } from './suite';

/** The project's root folder. */
export const root = path.resolve(__dirname, '../..');

/** Where the scripts of `test/tools` put what they build and install. */
export const toolsDir = (): string => process.env['LNMT_TOOLS_DIR'] ?? path.join(os.homedir(), '.cache/lnmt-tools');

/** What one of these scripts installs, by its path there; throws `Skip` when it is not there. */
export function installedTool(name: string, script: string): string {
  const tool = path.join(toolsDir(), name);
  if (!fs.existsSync(tool)) throw new Skip(`${name.split('/')[0] ?? name} is not installed (test/tools/${script})`);
  return tool;
}

/** The folder of a tool that `test/tools/build-tools.sh` builds; throws `Skip` when it is not there. */
export function toolFolder(name: string): string {
  const line = fs
    .readFileSync(path.join(root, 'test/tools/versions'), 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name} `));
  if (!line) throw new Error(`test/tools/versions knows no ${name}`);
  const folder = path.join(toolsDir(), line.trim().replace(' ', '-'));
  if (!fs.existsSync(folder)) throw new Skip(`${line} is not built (test/tools/build-tools.sh ${name})`);
  return folder;
}

/** Where a program of the system is; throws `Skip` when it is not on the path. */
export function programOnPath(name: string): string {
  const found = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, name))
    .find((file) => fs.existsSync(file));
  if (found === undefined) throw new Skip(`${name} is not installed`);
  return found;
}

/** A folder that an environment variable names; throws `Skip` when it does not. */
export function folderFrom(variable: string): string {
  const folder = process.env[variable];
  if (!folder) throw new Skip(`${variable} is not set`);
  if (!fs.existsSync(folder)) throw new Skip(`${variable} names ${folder}, which does not exist`);
  return folder;
}

/** The reason why a probe throws `Skip`, or undefined when it does not. */
export function reasonToSkip(probe: () => unknown): string | undefined {
  try {
    probe();
    return undefined;
  } catch (error) {
    if (error instanceof Skip) return error.message;
    throw error;
  }
}

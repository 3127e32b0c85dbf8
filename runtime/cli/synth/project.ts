import fs from 'node:fs';
import path from 'node:path';
import { noProgram, unreadable } from '../errors';
import { at, isRecord, text } from '../json';

/** What a project's `cdktf.json` says. */
export interface Project {
  /** Folder of `cdktf.json`; the program runs there. */
  readonly folder: string;
  /** Command line of the program. */
  readonly app: string;
  /** Output folder, relative to the project's. */
  readonly output: string;
  /** Context that the program sees, as cdktf passes it on. */
  readonly context: Readonly<Record<string, unknown>>;
}

/** Options that replace what `cdktf.json` says. */
export interface ProjectOptions {
  readonly app?: string;
  readonly output?: string;
}

const FILE = 'cdktf.json';
const DEFAULT_OUTPUT = 'cdktf.out';

/** Reads the project of a folder. @throws LNMT6002 without a command, LNMT6006 for a file that is not JSON */
export function readProject(folder: string, options: ProjectOptions): Project {
  const file = readFile(folder);
  const app = options.app ?? text(at(file, 'app'));
  if (app === undefined || app.trim() === '') {
    throw noProgram(folder, file === undefined ? `no ${FILE} in this folder` : `${FILE} has no app`);
  }
  const context = at(file, 'context');
  return { folder, app, output: outputFolder(folder, options.output), context: isRecord(context) ? context : {} };
}

/** The output folder of a project, relative to it, whether or not there is a program. */
export function outputFolder(folder: string, option: string | undefined): string {
  return option ?? text(at(readFile(folder), 'output')) ?? DEFAULT_OUTPUT;
}

function readFile(folder: string): unknown {
  const file = path.join(folder, FILE);
  if (!fs.existsSync(file)) return undefined;
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    throw unreadable(FILE, error instanceof Error ? error.message : String(error), `correct ${FILE}`);
  }
}

import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { badInvocation, inTheWay } from '../errors';
import type { Io } from '../io';
import { note, say } from '../io';
import { ownVersion } from '../own-package';
import { shellWord } from '../shell-word';
import { placeOf } from '../write-file';

interface InitOptions {
  readonly target: string;
}

const EXAMPLES = `
Writes package.json, cdktf.json, tsconfig.json, main.ts, .npmrc and .gitignore. Nothing is overwritten: when one of them is
there already, none is written.

Examples:
  lnmt init --target aws my-platform
  lnmt init --target onprem`;

/** Adds `lnmt init`. */
export function registerInit(program: Command, io: Io): void {
  program
    .command('init')
    .description('Write a project that synthesizes at once.')
    .argument('[dir]', 'folder of the project', '.')
    .requiredOption('--target <name>', 'where the platform lives: aws or onprem')
    .addHelpText('after', EXAMPLES)
    .action((dir: string, options: InitOptions) => init(io, dir, options));
}

async function init(io: Io, dir: string, options: InitOptions): Promise<void> {
  const { INIT_TARGETS, projectFiles } = await import('../init/templates.js');
  const target = INIT_TARGETS.find((name) => name === options.target);
  if (target === undefined) {
    throw badInvocation('--target names no target', options.target, `name one of ${INIT_TARGETS.join(', ')}`);
  }
  const folder = path.resolve(io.cwd, dir);
  const files = projectFiles(target, packageName(folder), ownVersion());
  for (const file of files.keys()) placeOf(io.cwd, 'the folder', path.join(dir, file));
  const present = [...files.keys()].filter((file) => fs.existsSync(path.join(folder, file)));
  if (present.length > 0) throw inTheWay(present, 'choose an empty folder, or move these files');
  fs.mkdirSync(folder, { recursive: true });
  // `wx`: a file that appears in the meantime stays as it is.
  for (const [file, content] of files) fs.writeFileSync(path.join(folder, file), content, { flag: 'wx' });
  const shown = path.relative(io.cwd, folder) || '.';
  for (const file of files.keys()) say(io, path.join(shown, file));
  const enter = shown === '.' ? '' : `cd ${shellWord(shown)} && `;
  note(io, `next: ${enter}npm install && npx lnmt synth`);
}

/** A name that npm accepts, from the name of the folder. */
function packageName(folder: string): string {
  const name = path
    .basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return name === '' ? 'ml-platform' : name.slice(0, 100);
}

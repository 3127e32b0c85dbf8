import { Command, CommanderError } from 'commander';
import { EXIT_CODES } from '../contract';
import { registerBench } from './commands/bench';
import { registerDev } from './commands/dev';
import { registerDoctor } from './commands/doctor';
import { registerExplain } from './commands/explain';
import { registerImages } from './commands/images';
import { registerInit } from './commands/init';
import { registerKeys } from './commands/keys';
import { registerModel } from './commands/model';
import { registerPlan } from './commands/plan';
import { registerRender } from './commands/render';
import { registerServe } from './commands/serve';
import { registerState } from './commands/state';
import { registerSynth } from './commands/synth';
import { badInvocation, fileRefused } from './errors';
import { exitCodeOf, report } from './failure';
import type { Io } from './io';
import { ownVersion } from './own-package';

const VERBS = [
  registerInit,
  registerSynth,
  registerPlan,
  registerDev,
  registerServe,
  registerBench,
  registerRender,
  registerImages,
  registerModel,
  registerKeys,
  registerState,
  registerDoctor,
  registerExplain,
] as const;

/** The whole command, writing to `io`. */
export function buildProgram(io: Io): Command {
  const program = new Command('lnmt')
    .description('Machine-learning platforms from one description: synthesize, deliver and run them locally.')
    .version(ownVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError(true)
    // `lnmt model push … --version 3` is the verb's option, not the program's.
    .enablePositionalOptions()
    .configureOutput({ writeOut: io.out, writeErr: () => undefined })
    .exitOverride();
  for (const register of VERBS) register(program, io);
  for (const command of withDescendants(program)) command.exitOverride().copyInheritedSettings(program);
  return program;
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

/** Runs the command and returns its exit code; everything that goes wrong is printed. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const program = buildProgram(io);
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT_CODES.usage;
    }
    await program.parseAsync([...argv], { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.ok;
    const translated =
      error instanceof CommanderError ? invocationError(error, named(program, argv)) : (fileRefused(error) ?? error);
    report(io, translated, argv.includes('--json'));
    return exitCodeOf(translated);
  }
}

/** The innermost command that these words begin with, as it is written. */
function named(command: Command, [word, ...words]: readonly string[]): string {
  const next = command.commands.find((each) => each.name() === word);
  return next === undefined ? command.name() : `${command.name()} ${named(next, words)}`;
}

function invocationError({ code, message }: CommanderError, command: string): Error {
  const help = `run \`${command} --help\``;
  if (code === 'commander.help') return badInvocation('a verb is missing', undefined, help);
  const [what = message, hint] = message.replace(/^error: /, '').split('\n');
  return badInvocation(what, undefined, hint?.replace(/^\(|\)$/g, '').toLowerCase() || help);
}

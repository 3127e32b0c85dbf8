import type { Command } from 'commander';
import { unknownCode } from '../errors';
import type { Io } from '../io';
import { say, sayJson } from '../io';
import { textTable } from '../text-table';

interface ExplainOptions {
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  lnmt explain LNMT1009       why the rule exists and how to follow it
  lnmt explain 1009           the same
  lnmt explain                all codes`;

/** Adds `lnmt explain`. */
export function registerExplain(program: Command, io: Io): void {
  program
    .command('explain')
    .description('Explain an error code, or list all of them.')
    .argument('[code]', 'e.g. LNMT1009')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((code: string | undefined, options: ExplainOptions) => explain(io, code, options));
}

async function explain(io: Io, wanted: string | undefined, options: ExplainOptions): Promise<void> {
  const { allErrors, nearCodes } = await import('../error-tables.js');
  const errors = allErrors();
  if (wanted === undefined) {
    if (options.json) sayJson(io, { errors: [...errors.values()] });
    else
      say(
        io,
        textTable(
          [{ title: 'CODE' }, { title: 'RULE' }],
          [...errors.values()].map(({ code, title }) => [code, title]),
        ),
      );
    return;
  }
  const found = errors.get(`LNMT${wanted.toUpperCase().replace(/^LNMT-?/, '')}`);
  if (found === undefined) throw unknownCode(wanted, nearCodes(wanted, errors.keys()));
  if (options.json) {
    sayJson(io, found);
    return;
  }
  say(io, `${found.code}: ${found.title}`);
  say(io, `raised by ${found.origin}`);
  say(io);
  say(io, found.explanation);
}

import { LnmtError } from '../../constructs/errors';
import type { ErrorDetails } from '../../constructs/errors';
import { CLI_ENV, EXIT_CODES } from '../contract';
import type { BENCH_ERRORS } from './bench/errors';
import type { CLI_ERRORS } from './errors';
import type { Io } from './io';
import { note } from './io';
import type { SERVE_ERRORS } from './serve/errors';

/** Code of the command line. */
export type CliCode = keyof typeof CLI_ERRORS | keyof typeof SERVE_ERRORS | keyof typeof BENCH_ERRORS;

/** Why a verb ended, with the exit code that scripts see. */
export class CliError extends LnmtError {
  constructor(
    code: CliCode,
    /** One of the contract's `EXIT_CODES`. */
    readonly exitCode: number,
    details: ErrorDetails,
  ) {
    super(code, undefined, details);
    this.name = 'CliError';
  }
}

/** An error that a user's own program raised, found in what it printed. */
export class ForeignError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly exitCode: number,
  ) {
    super(message);
    this.name = 'ForeignError';
  }
}

/** Somebody ended a verb before it was done. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** The exit code for whatever was thrown. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT_CODES.interrupted;
  if (error instanceof CliError || error instanceof ForeignError) return error.exitCode;
  if (LnmtError.isLnmtError(error)) return EXIT_CODES.invalidDescription;
  return EXIT_CODES.failure;
}

/** Prints code, message and remedy; never a stack trace, except for a defect when `LNMT_DEBUG` asks for it. */
export function report(io: Io, error: unknown, json: boolean): void {
  if (json) {
    note(io, JSON.stringify({ error: toJson(error) }));
    return;
  }
  if (error instanceof Interrupted) {
    note(io, error.message);
  } else if (LnmtError.isLnmtError(error)) {
    const { what, got, allowed, remedy } = error.details;
    const place = error.constructPath === undefined ? '' : ` [${error.constructPath}]`;
    note(io, `error ${error.code}${place}: ${what}`);
    if (got !== undefined) note(io, `  got:     ${got}`);
    if (allowed !== undefined) note(io, `  allowed: ${allowed}`);
    note(io, `  remedy:  ${remedy}`);
    note(io, `  more:    lnmt explain ${error.code}`);
  } else if (error instanceof ForeignError) {
    note(io, `error ${error.message}`);
    note(io, `  more:    lnmt explain ${error.code}`);
  } else {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    note(io, `error: ${message}`);
    if (io.env[CLI_ENV.debug.name] && stack !== undefined) note(io, stack);
    else
      note(io, `  remedy:  this is a defect of lnmt; run again with ${CLI_ENV.debug.name}=1 and report what it prints`);
  }
}

function toJson(error: unknown): object {
  if (LnmtError.isLnmtError(error)) return { code: error.code, message: error.message, ...error.details };
  if (error instanceof ForeignError) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? error.message : String(error) };
}

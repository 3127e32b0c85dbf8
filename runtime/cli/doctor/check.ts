import { execute, which } from '../exec';
import type { Outcome } from '../exec';
import type { Io } from '../io';

/** What became of a check. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skip';

/** The answer of a check. */
export interface CheckResult {
  readonly name: string;
  /** `fail`: required and missing; `warn`: something will not work; `skip`: could not be asked. */
  readonly status: CheckStatus;
  /** What was found, or why it was not asked. */
  readonly detail: string;
  /** How to get what is missing. @default - nothing to do */
  readonly remedy?: string;
}

/** Targets that have checks of their own. */
export const DOCTOR_TARGETS = ['aws', 'onprem'] as const;

/** One of {@link DOCTOR_TARGETS}. */
export type DoctorTarget = (typeof DOCTOR_TARGETS)[number];

/** What checks may ask: programs, and the environment. */
export interface CheckContext {
  readonly io: Io;
  /** Target that the user deploys to. @default - all of them are optional */
  readonly target?: DoctorTarget;
}

/** One question about the machine. */
export type Check = (context: CheckContext) => Promise<CheckResult>;

/** Nothing that a doctor asks is worth waiting longer for. */
const ASK_TIMEOUT_MS = 8_000;

/** Asks a program; undefined when it is not installed. */
export async function ask(
  { io }: CheckContext,
  program: string,
  args: readonly string[],
): Promise<Outcome | undefined> {
  if (which(program, io.env) === undefined) return undefined;
  return execute(program, args, { cwd: io.cwd, env: io.env, timeoutMs: ASK_TIMEOUT_MS });
}

/** The first version number in a text, as numbers. */
export function versionIn(text: string): readonly number[] | undefined {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return found?.slice(1).flatMap((part) => (part === undefined ? [] : [Number(part)]));
}

/** True when a version is at least another one. */
export function atLeast(version: readonly number[], least: readonly number[]): boolean {
  for (const [index, wanted] of least.entries()) {
    const have = version[index] ?? 0;
    if (have !== wanted) return have > wanted;
  }
  return true;
}

/** The last line of what a program said, for a detail. */
export function lastLine(outcome: Outcome): string {
  return (outcome.stderr || outcome.stdout).trim().split('\n').at(-1)?.slice(0, 200) ?? 'no message';
}

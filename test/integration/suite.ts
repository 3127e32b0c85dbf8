import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A set of checks with needs of its own. */
export interface Suite {
  readonly name: string;
  /** After this the suite counts as failed and what it started is killed. */
  readonly timeoutMinutes: number;
  /** Runs the checks, one after another. */
  readonly run: (checks: Checks) => Promise<void>;
}

/** How often a suite said what. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** What a check throws to say that it cannot be made here. */
export class Skip extends Error {}

/** Where a suite reports, and where it finds a folder and a way to clean up. */
export class Checks {
  readonly tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  /** A folder of the suite's own, removed afterwards unless a check failed. */
  readonly folder: string;
  private readonly cleanups: (() => Promise<void> | void)[] = [];
  private over = false;

  constructor(
    readonly suite: string,
    private readonly print: (line: string) => void,
  ) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), `lnmt-${suite}-`));
  }

  /** One check: it passes unless its body throws. Answers whether it passed. */
  async check(name: string, body: () => Promise<void> | void): Promise<boolean> {
    const started = Date.now();
    try {
      await body();
      this.report('passed', `ok   ${this.suite}: ${name} (${Date.now() - started} ms)`);
      return true;
    } catch (error) {
      if (error instanceof Skip) this.skip(name, error.message);
      else this.report('failed', `FAIL ${this.suite}: ${name}\n${indent((error as Error).message)}`);
      return false;
    }
  }

  /** A check that cannot be made here, and why. */
  skip(name: string, reason: string): void {
    this.report('skipped', `SKIP ${this.suite}: ${name}: ${reason}`);
  }

  /** Something to undo when the suite is over, last first. */
  after(cleanup: () => Promise<void> | void): void {
    this.cleanups.push(cleanup);
  }

  /** A remark that is no check. */
  note(text: string): void {
    if (!this.over) this.print(`     ${this.suite}: ${text}`);
  }

  /** Undoes everything; a clean-up that fails is a failure of the suite. */
  async close(): Promise<void> {
    for (const cleanup of this.cleanups.reverse()) {
      try {
        await cleanup();
      } catch (error) {
        this.report('failed', `FAIL ${this.suite}: clean-up\n${indent((error as Error).message)}`);
      }
    }
    if (this.tally.failed === 0) fs.rmSync(this.folder, { recursive: true, force: true });
    else this.note(`files kept in ${this.folder}`);
    this.over = true;
  }

  /** A suite that ran out of time may go on for a moment: what it says then no longer counts. */
  private report(outcome: keyof Tally, line: string): void {
    if (this.over) return;
    this.tally[outcome]++;
    this.print(line);
  }
}

/** Runs one suite with its time limit; whatever it throws is a failure. */
export async function runSuite(suite: Suite, print: (line: string) => void): Promise<Tally> {
  const checks = new Checks(suite.name, print);
  const started = Date.now();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not done after ${suite.timeoutMinutes} minutes`)),
      suite.timeoutMinutes * 60_000,
    );
  });
  try {
    await Promise.race([suite.run(checks), limit]);
    if (total(checks.tally) === 0) throw new Error('made no check at all');
  } catch (error) {
    await checks.check('as a whole', () => Promise.reject(error instanceof Error ? error : new Error(String(error))));
  }
  clearTimeout(timer);
  await checks.close();
  print(`---- ${suite.name}: ${summary(checks.tally)}, ${Math.round((Date.now() - started) / 1000)} s`);
  return checks.tally;
}

/** `N passed, N failed, N skipped`. */
export function summary(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

const total = (tally: Tally): number => tally.passed + tally.failed + tally.skipped;

/** Throws one error that lists all faults, or nothing. */
export function noFaults(faults: readonly string[]): void {
  const shown = faults.slice(0, 40);
  if (faults.length > 0)
    throw new Error([`${faults.length} fault(s)`, ...shown, ...(faults.length > 40 ? ['…'] : [])].join('\n'));
}

const indent = (text: string): string => text.replace(/^/gm, '       ');

import type { TerraformStack } from 'cdktf';
import { Construct } from 'constructs';
import type { ICloud } from '../cloud/cloud';
import { LnmtError } from '../errors';
import { testStack } from './synth';

/** Makes the cloud under test: a new object at each call, always with the same props. */
export type MakeCloud = () => ICloud;

/** One check that holds for every cloud. */
export interface ConformanceCheck {
  /** The rule, as a sentence. */
  readonly name: string;
  /** Throws an `Error` that lists what breaks the rule. */
  readonly run: () => void;
}

/** Where a check builds: a cloud that is bound to a stack of its own. */
export interface Bench {
  readonly cloud: ICloud;
  readonly stack: TerraformStack;
  readonly scope: Construct;
}

/** Makes a cloud, binds it, and gives a scope to build in, at a path below the stack. */
export function bench(make: MakeCloud, path: readonly string[] = ['platform']): Bench {
  const cloud = make();
  const stack = testStack('conformance');
  cloud.bind(stack, { owner: 'conformance' });
  const scope = path.reduce<Construct>((parent, id) => new Construct(parent, id), stack);
  return { cloud, stack, scope };
}

/** Fails with all problems at once; silent when there are none. */
export function report(problems: readonly (string | undefined)[]): void {
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new Error(found.join('\n'));
}

/** What is wrong with an action that has to be refused with a code; undefined when it is refused so. */
export function refusal(what: string, code: string, action: () => unknown, saying = ''): string | undefined {
  try {
    action();
  } catch (error) {
    if (!LnmtError.isLnmtError(error)) return `${what}: refused without a code: ${String(error)}`;
    if (error.code !== code) return `${what}: refused with ${error.code} and not ${code}: ${error.message}`;
    if (!error.message.includes(saying)) return `${what}: the message does not say "${saying}": ${error.message}`;
    return undefined;
  }
  return `${what}: not refused, expected ${code}`;
}

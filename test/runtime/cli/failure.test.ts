import { describe, expect, test } from 'vitest';
import { LnmtError } from 'lnmt';
import { exitCodeOf, report } from '../../../runtime/cli/failure';
import type { Io } from '../../../runtime/cli/io';

function reported(error: unknown, env: Io['env'] = {}, json = false): string {
  let printed = '';
  const io: Io = {
    cwd: '',
    env,
    node: '',
    terminal: false,
    out: () => undefined,
    err: (text) => void (printed += text),
    onInterrupt: () => () => undefined,
  };
  report(io, error, json);
  return printed;
}

describe('what the command prints when something is thrown', () => {
  test('is code, message, remedy and where to read more, for a rule of LNMT', () => {
    const error = new LnmtError('LNMT1002', undefined, {
      what: 'x is out of range',
      got: '9',
      allowed: '1 to 3',
      remedy: 'lower it',
    });
    expect(reported(error)).toBe(
      'error LNMT1002: x is out of range\n  got:     9\n  allowed: 1 to 3\n  remedy:  lower it\n  more:    lnmt explain LNMT1002\n',
    );
    expect(exitCodeOf(error)).toBe(3);
  });

  test('is no stack trace for a defect, unless it is asked for', () => {
    const error = new TypeError('x is not a function');
    expect(reported(error)).toBe(
      'error: x is not a function\n  remedy:  this is a defect of lnmt; run again with LNMT_DEBUG=1 and report what it prints\n',
    );
    expect(reported(error, { LNMT_DEBUG: '1' })).toContain('failure.test.ts');
    expect(exitCodeOf(error)).toBe(1);
  });

  test('is JSON for programs, also for what is no error', () => {
    expect(JSON.parse(reported('odd', {}, true))).toEqual({ error: { message: 'odd' } });
  });
});

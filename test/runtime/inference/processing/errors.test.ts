import { describe, expect, it } from 'vitest';
import * as errors from '../../../../runtime/inference/processing/errors';

describe('what is refused', () => {
  it.each([
    [errors.outOfRange('x', 3, '0', '1'), 'LNMT8441', 400, 'input "x": element 3 is not from 0 to 1'],
    [errors.notListed('x', 0), 'LNMT8442', 400, 'input "x": element 0 is none of the values that the model takes'],
    [errors.nonFinite('x', 1), 'LNMT8443', 400, 'input "x": element 1 is not a finite number'],
    [errors.textTooLong('x', 1, 9), 'LNMT8444', 400, 'input "x": element 1 has more than 9 bytes'],
    [errors.tokensRefused('x', 1, 'has no tokens'), 'LNMT8445', 400, 'input "x": element 1 has no tokens'],
    [errors.imageRefused('x', 1, 'cannot be decoded'), 'LNMT8446', 400, 'input "x": element 1 cannot be decoded'],
    [errors.imageTooLarge('x', 1, '9 bytes'), 'LNMT8447', 413, 'input "x": element 1 has more than 9 bytes'],
    [errors.stepRefused('p/s'), 'LNMT8448', 422, 'the step "p/s" refuses the input'],
    [errors.stepFailed('p/s', new Error('/a/b')), 'LNMT8449', 500, 'the step "p/s" failed'],
    [errors.stepTimedOut('p/s', 5), 'LNMT8450', 504, 'the step "p/s" took longer than 5 s'],
    [
      errors.stepUnavailable('p/s', 'its process ended'),
      ...(['LNMT8451', 503, 'the step "p/s" cannot be taken: its process ended; repeat later'] as const),
    ],
    [errors.wrongAnswer('p/s', '/a/b'), 'LNMT8452', 500, 'the step "p/s" gave another answer than it promises'],
  ] as const)('has a code, a status and a message without secrets: %s', (error, code, status, message) => {
    expect([error.code, error.status, error.message]).toEqual([code, status, message]);
    expect(errors.isProcessingRefusal(error)).toBe(true);
  });

  it('is told operators with the code', () => {
    const error = new errors.PluginError('LNMT8363', 'no luck');
    expect(error.message).toBe('LNMT8363: the plugin cannot be started: no luck');
    expect(errors.isProcessingRefusal(error)).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import * as errors from '../../../../runtime/inference/pipelines/errors';
import { PipelineError, PIPELINE_LOAD_ERRORS, Problems } from '../../../../runtime/inference/pipelines/problems';
import { queueFull } from '../../../../runtime/inference/errors';

describe('errors of pipelines', () => {
  it.each([
    [
      errors.stepFailed('main/a', queueFull(5)),
      ...[503, 'LNMT8421', 'step "main/a": LNMT8221: the limit of 5 waiting requests is reached; repeat later', 1],
    ] as const,
    [errors.stepFailed('main/a', new Error('inner')), 500, 'LNMT8421', 'step "main/a": the server failed', undefined],
    [errors.pipelineLate(12.4), 504, 'LNMT8422', 'the request was not answered within 12 ms', undefined],
    [errors.stepLate('main/a', 9), 504, 'LNMT8423', 'step "main/a" took longer than 9 ms', 1],
    [errors.noBranch('main'), 422, 'LNMT8424', 'no branch of the switch "main" takes the request', undefined],
    [errors.pipelineNotReady('unloaded'), 503, 'LNMT8425', 'the pipeline is not ready: unloaded', 1],
    [errors.cannotCombine('main', 'y', 'no'), 422, 'LNMT8426', 'ensemble "main": tensor "y": no', undefined],
    [errors.outputMissing('y'), 503, 'LNMT8427', 'output "y" is missing because a soft step failed', 1],
    [errors.tooManyBytes(8), 422, 'LNMT8428', 'the tensors inside the pipeline are larger than 8 bytes', undefined],
    [
      ...[errors.brokenPromise('main/a', 'y'), 500, 'LNMT8429'],
      ...['step "main/a" gave no tensor "y" as its metadata says', undefined],
    ] as const,
  ])('have a status, a code, a message and a time to repeat: %s', (error, status, code, message, retryAfter) => {
    expect({ ...error, message: error.message }).toMatchObject({
      status,
      code,
      message,
    });
    expect(error.retryAfter).toBe(retryAfter);
  });

  it('name all that is wrong with pipelines, each thing once, in one error', () => {
    const problems = new Problems('pipeline "p": ');
    problems.add('LNMT8359', 'it is too large');
    problems.add('LNMT8359', 'it is too large');
    problems.add('LNMT8353', 'it runs in a circle');
    const error = new PipelineError(problems.list);
    expect(error.code).toBe('LNMT8359');
    expect(error.message).toBe('LNMT8359: pipeline "p": it is too large\nLNMT8353: pipeline "p": it runs in a circle');
  });

  it('explain themselves', () => {
    for (const { title, explanation } of [
      ...Object.values(errors.PIPELINE_ERRORS),
      ...Object.values(PIPELINE_LOAD_ERRORS),
    ]) {
      expect(title).toMatch(/^[a-z].*[^.]$/);
      expect(explanation).toMatch(/\.$/);
    }
  });
});

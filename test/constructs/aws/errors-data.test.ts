import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { AWS_ERRORS } from '../../../constructs/aws/errors';
import * as errors from '../../../constructs/aws/errors-data';
import type { LnmtError } from '../../../constructs/errors';

const SAMPLES: readonly LnmtError[] = [
  errors.wrongArn(undefined, 'keyArn', 'x', 'kms'),
  errors.notBackedUp(undefined, 'ml/cache'),
  errors.noInstanceClass(undefined, 'RDS', '100 vCPUs', '64 vCPUs'),
  errors.unusableRepository(undefined, 'A', 'ECR does not accept'),
  errors.unusablePrefix(undefined, '/x'),
  errors.unusableDomain(undefined, 'x'),
  errors.unusableDatabaseName(undefined, '1'),
  errors.unusableRegistryPrefix(undefined, 'docker.io'),
];

describe('errors of the data blocks of AWS', () => {
  it('say what, got, allowed and what to do, without capital or full stop', () => {
    for (const error of SAMPLES) {
      const { what, got, allowed, remedy } = error.details;
      for (const text of [what, got, allowed, remedy]) expect(text).toBeTruthy();
      expect(error.message).not.toMatch(/\.$/);
      expect(remedy).toMatch(/^[a-z]/);
    }
  });

  it('have one definition each, in their own range, and none is left over', () => {
    const codes = Object.keys(errors.AWS_DATA_ERRORS);
    expect(SAMPLES.map((error) => error.code).sort()).toEqual(codes.sort());
    for (const code of codes) expect(code).toMatch(/^LNMT21\d\d$/);
    expect(codes.filter((code) => code in AWS_ERRORS)).toEqual([]);
  });

  it('are raised by a test of the block that refuses', () => {
    const tests = fs
      .readdirSync(__dirname)
      .filter((file) => file.endsWith('.test.ts') && file !== path.basename(__filename))
      .map((file) => fs.readFileSync(path.join(__dirname, file), 'utf8'))
      .join('\n');
    for (const code of Object.keys(errors.AWS_DATA_ERRORS)) expect(tests).toContain(code);
  });
});

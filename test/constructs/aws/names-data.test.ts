import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AWS_DATA_NAMES } from '../../../constructs/aws/names-data';
import { S3ObjectStore } from '../../../constructs/aws/object-store';
import { secretName } from '../../../constructs/aws/secret';
import type { NameRule } from '../../../constructs/names';
import { legalName } from '../../../constructs/names';
import { DataStack, REGION } from './data-stack';

const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).filter((text) => /[a-z0-9]/i.test(text));
const naming = fc.array(part, { minLength: 1, maxLength: 3 });

describe('names of AWS', () => {
  it.each(Object.entries<NameRule>(AWS_DATA_NAMES))('of kind %s fit, whatever the parts are', (_kind, rule) => {
    const separator = rule.separator ?? '-';
    const legal = new RegExp(`^[a-z0-9]+(${separator}[a-z0-9]+)*$`);
    fc.assert(
      fc.property(naming, (parts) => {
        const name = legalName(rule, parts);
        expect(name.length).toBeLessThanOrEqual(rule.maxLength);
        expect(name).toMatch(legal);
        if (rule.letterFirst ?? true) expect(name).toMatch(/^[a-z]/);
      }),
      { numRuns: 50 },
    );
  });

  it('of buckets leave room for the suffix of the provider', () => {
    fc.assert(
      fc.property(naming, (parts) => {
        const data = new DataStack();
        new S3ObjectStore(data.stack, 'store', { naming: parts, region: REGION });
        for (const bucket of Object.values(data.resources('aws_s3_bucket'))) {
          const prefix = bucket['bucket_prefix'] as string;
          expect(prefix.length).toBeLessThanOrEqual(37);
          expect(prefix).toMatch(/^[a-z][a-z0-9-]*-$/);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('of secrets are paths that never collide', () => {
    fc.assert(
      fc.property(naming, naming, (left, right) => {
        fc.pre(JSON.stringify(left) !== JSON.stringify(right));
        expect(secretName(left)).not.toBe(secretName(right));
        expect(secretName(left)).toMatch(/^[a-z0-9/-]+$/);
      }),
    );
  });
});

import { AwsCloud } from 'lnmt/aws';
import { conformance } from 'lnmt/testing';
import { describe, it } from 'vitest';

describe('AWS', () => {
  for (const check of conformance(() => new AwsCloud({ region: 'eu-west-1' }))) it(check.name, check.run);
});

describe('AWS in a region of another partition', () => {
  for (const check of conformance(() => new AwsCloud({ region: 'cn-north-1' }))) it(check.name, check.run);
});

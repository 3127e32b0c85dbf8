import { conformance } from 'lnmt/testing';
import { describe, it } from 'vitest';
import { WorkshopCloud } from '../../examples/custom-cloud/workshop-cloud';

describe('a cloud that a user wrote', () => {
  for (const check of conformance(() => new WorkshopCloud())) it(check.name, check.run);
});

import { conformance, FakeCloud } from 'lnmt/testing';
import { describe, it } from 'vitest';

const gap = { reason: 'a test has none', alternative: 'do without' };

describe('the fake cloud', () => {
  for (const check of conformance(() => new FakeCloud())) it(check.name, check.run);
});

describe('the fake cloud with gaps', () => {
  const gaps = {
    'virtual-machine': gap,
    'spot-capacity': gap,
    'reserved-capacity': gap,
    'parallel-file-store': gap,
    'document-store': gap,
    'encryption-key': gap,
    'container-registry': gap,
    'dns-zone': gap,
    backup: gap,
  };
  for (const check of conformance(() => new FakeCloud({ gaps }))) it(check.name, check.run);
});

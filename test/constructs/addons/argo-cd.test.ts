import { describe, expect, test } from 'vitest';
import { argoCd } from '../../../constructs/addons/argo-cd';

describe('Argo CD', () => {
  test('judges the health of Applications, so that sync waves wait for one another', () => {
    const configs = argoCd().values?.['configs'] as { cm: Record<string, string> };
    expect(configs.cm['resource.customizations.health.argoproj.io_Application']).toMatch(/obj\.status\.health\.status/);
  });
});

import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../../runtime/contract';
import { AccessControl } from '../../../runtime/shared/access-control';
import type { AccessControlOptions } from '../../../runtime/shared/access-control';
import type { Principal } from '../../../runtime/shared/api-keys';
import { JWT_LIMITS } from '../../../runtime/shared/jwt';
import { buildMetrics } from '../../../runtime/shared/metrics';

const NOW = 1_700_000_000_000;
const SECONDS = NOW / 1000;

function control(options: Partial<AccessControlOptions> = {}): AccessControl {
  const { authFailures } = buildMetrics(METRICS, new Registry());
  return new AccessControl({ now: () => NOW, failures: authFailures, ...options });
}

const principal = (more: Partial<Principal>): Principal => ({
  id: 'a',
  method: 'api-key',
  scopes: new Set(['infer']),
  ...more,
});
const token = (exp: unknown): Principal => principal({ method: 'jwt', claims: { exp } });

describe('a caller that was known', () => {
  it('is who its key says by now, and nobody without one', () => {
    const later = principal({ scopes: new Set(['read']) });
    const found: Record<string, Principal> = { k: later };
    const access = control({ keys: { find: (presented) => found[presented] } });
    expect(access.renew(principal({}), { presented: 'k' })).toBe(later);
    delete found['k'];
    expect(() => access.renew(principal({}), { presented: 'k' })).toThrow('a valid API key or token is needed');
    expect(() => control().renew(principal({ method: 'api-key' }), {})).toThrow('a valid API key or token is needed');
  });

  it('is known by its token until that runs out, clocks that differ included', () => {
    const access = control({ tokens: { verify: () => Promise.reject(new Error('it was verified before')) } });
    const tolerance = JWT_LIMITS.clockToleranceSeconds;
    const valid = token(SECONDS - tolerance + 1);
    expect(access.renew(valid, { presented: 'a.b.c' })).toBe(valid);
    for (const exp of [SECONDS - tolerance, 0, undefined, 'never']) {
      expect(() => access.renew(token(exp), { presented: 'a.b.c' })).toThrow('a valid API key or token is needed');
    }
  });

  it('is known by its certificate as long as its connection, and nobody in particular stays so', () => {
    const holder = principal({ method: 'mtls' });
    expect(control().renew(holder, {})).toBe(holder);
    expect(control().renew(null, {})).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { CallerLimits, Principal } from '../../../runtime/shared/api-keys';
import { addressGroup, CallerLimiter } from '../../../runtime/shared/caller-limits';
import { RequestError } from '../../../runtime/shared/errors';

const OFF = { ratePerSecond: 0, rateBurst: 0, callerConcurrency: 64, requestsPerDay: 0 };
const ADDRESS = '192.0.2.1';

const caller = (id: string, limits?: CallerLimits): Principal => ({
  id,
  method: 'api-key',
  scopes: new Set(['infer']),
  ...(limits ? { limits } : {}),
});

function refusal(work: () => unknown): RequestError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
}

describe('the limits of callers', () => {
  it('let a caller send its burst at once, and then its rate', () => {
    let now = 0;
    const limiter = new CallerLimiter({ ...OFF, ratePerSecond: 2, rateBurst: 3 }, () => now);
    const enter = () => refusal(() => limiter.enter(caller('a'), ADDRESS)());
    expect([enter(), enter(), enter()]).toEqual([undefined, undefined, undefined]);
    expect(enter()).toMatchObject({ code: 'LNMT8012', status: 429, retryAfter: 1 });
    now += 500;
    expect([enter()?.status, enter()?.status]).toEqual([undefined, 429]);
    now += 60_000;
    expect([enter(), enter(), enter(), enter()?.status]).toEqual([undefined, undefined, undefined, 429]);
  });

  it('never let more through than burst and rate allow, whatever the moments', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        (pauses, rate, burst) => {
          let now = 0;
          let taken = 0;
          const limiter = new CallerLimiter({ ...OFF, ratePerSecond: rate, rateBurst: burst }, () => now);
          for (const pause of pauses) {
            now += pause;
            if (refusal(() => limiter.enter(caller('a'), ADDRESS)()) === undefined) taken += 1;
          }
          expect(taken).toBeLessThanOrEqual(burst + (rate * now) / 1000 + 1e-6);
        },
      ),
    );
  });

  it('hold a caller to its concurrency, and free a place once however often that is said', () => {
    const limiter = new CallerLimiter({ ...OFF, callerConcurrency: 2 }, () => 0);
    const leave = limiter.enter(caller('a'), ADDRESS);
    limiter.enter(caller('a'), ADDRESS);
    expect(refusal(() => limiter.enter(caller('a'), ADDRESS))).toMatchObject({ status: 429, retryAfter: 1 });
    limiter.enter(caller('b'), ADDRESS);
    leave();
    leave();
    limiter.enter(caller('a'), ADDRESS);
    expect(refusal(() => limiter.enter(caller('a'), ADDRESS))?.status).toBe(429);
  });

  it('end a daily quota at midnight of UTC and say how long that is', () => {
    let now = Date.parse('2026-01-01T23:59:00Z');
    const limiter = new CallerLimiter(OFF, () => now);
    const enter = () => refusal(() => limiter.enter(caller('a', { requestsPerDay: 1 }), ADDRESS)());
    expect([enter(), enter()?.retryAfter]).toEqual([undefined, 60]);
    now += 60_000;
    expect(enter()).toBeUndefined();
  });

  it('take limits of the key before those of the server', () => {
    const limiter = new CallerLimiter({ ...OFF, callerConcurrency: 1 }, () => 0);
    const wide = caller('wide', { concurrency: 3 });
    expect([1, 2, 3, 4].map(() => refusal(() => limiter.enter(wide, ADDRESS))?.status)).toEqual([
      undefined,
      undefined,
      undefined,
      429,
    ]);
  });

  it('do not mix a key and a token of the same name', () => {
    const limiter = new CallerLimiter({ ...OFF, callerConcurrency: 1 }, () => 0);
    limiter.enter(caller('a'), ADDRESS);
    limiter.enter({ ...caller('a'), method: 'jwt' }, ADDRESS);
  });

  it('count callers of an open server by address, a /64 of IPv6 as one', () => {
    const limiter = new CallerLimiter({ ...OFF, ratePerSecond: 1, rateBurst: 1 }, () => 0);
    const enter = (address: string) => refusal(() => limiter.enter(null, address)())?.status;
    expect([enter('2001:db8::1'), enter('2001:db8::ffff:2'), enter('2001:db8:0:1::1')]).toEqual([
      undefined,
      429,
      undefined,
    ]);
    expect([enter('::ffff:192.0.2.7'), enter('192.0.2.7')]).toEqual([undefined, 429]);
  });

  it('stay bounded in memory whoever comes', () => {
    const limiter = new CallerLimiter({ ...OFF, ratePerSecond: 1, rateBurst: 1 }, () => 0);
    limiter.enter(caller('first'), ADDRESS)();
    for (let index = 0; index < 10_000; index++) limiter.enter(caller(`c${index}`), ADDRESS)();
    // Forgotten, it starts anew.
    expect(refusal(() => limiter.enter(caller('first'), ADDRESS)())).toBeUndefined();
    expect(refusal(() => limiter.enter(caller('c9999'), ADDRESS)())?.status).toBe(429);
  });
});

describe('groups of addresses', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:1:2::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s is %s', (address, group) => {
    expect(addressGroup(address)).toBe(group);
  });
});

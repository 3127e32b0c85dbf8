import { describe, expect, test } from 'vitest';
import { Auth, PodResources, Rollout, Scaling, SecretReference } from '../../../constructs/kubernetes';
import type { PodCount } from '../../../constructs/kubernetes';

describe('Scaling', () => {
  test('every method returns another object and leaves the first as it was', () => {
    const base = Scaling.between(3, 50);
    const all = base.cpu(60).memory(80).requestsPerSecond(100);
    expect([base.cpuPercent, base.memoryPercent, base.requestsPerSecondPerPod]).toEqual([70, undefined, undefined]);
    expect([all.cpuPercent, all.memoryPercent, all.requestsPerSecondPerPod]).toEqual([60, 80, 100]);
  });

  test('cpu is not followed when only another metric was chosen', () => {
    expect(Scaling.between(1, 2).requestsPerSecond(5).cpuPercent).toBeUndefined();
  });

  test('a fixed number has no metric at all', () => {
    const fixed = Scaling.fixed(3);
    expect([fixed.isFixed, fixed.minReplicas, fixed.maxReplicas, fixed.cpuPercent]).toEqual([true, 3, 3, undefined]);
  });

  test.each([
    [
      'reversed bounds',
      () => Scaling.between(5, 3),
      'LNMT1003: minReplicas is above maxReplicas; got minReplicas 5 and maxReplicas 3',
    ],
    ['no replicas', () => Scaling.between(0, 3), 'LNMT1002: minReplicas is out of range; got 0 replicas'],
    ['half a replica', () => Scaling.fixed(1.5), 'LNMT1002: replicas is out of range; got 1.5 replicas'],
    ['a cpu target of nothing', () => Scaling.between(1, 2).cpu(0), 'LNMT1002: cpu is out of range; got 0 %'],
    [
      'a request rate of nothing',
      () => Scaling.between(1, 2).requestsPerSecond(0),
      'LNMT3012: requestsPerSecond is unusable; got 0 requests/s; allowed: numbers from 0.001',
    ],
    [
      'an infinite request rate',
      () => Scaling.between(1, 2).requestsPerSecond(Infinity),
      'LNMT3012: requestsPerSecond',
    ],
    [
      'a stabilization of a day',
      () => Scaling.between(1, 2).behavior({ scaleDownStabilizationSeconds: 86400 }),
      'LNMT1002: scaleDownStabilizationSeconds is out of range; got 86400 s; allowed: whole numbers from 0 to 3600 s',
    ],
    [
      'a metric for a fixed number',
      () => Scaling.fixed(3).cpu(70),
      'LNMT3001: Scaling.fixed takes no cpu; got 3 replicas and cpu; allowed: metrics with Scaling.between(min, max); use Scaling.between(min, max).cpu(…), or drop cpu',
    ],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('Rollout', () => {
  test('surge keeps every replica while it replaces them', () => {
    expect(Rollout.surge()).toMatchObject({ maxUnavailable: 0, maxSurge: 1 });
  });

  test('takes numbers and shares', () => {
    expect(Rollout.rolling({ maxUnavailable: 1, maxSurge: '25%' })).toMatchObject({
      maxUnavailable: 1,
      maxSurge: '25%',
    });
  });

  test.each<[PodCount, PodCount, number, number]>([
    [0, 1, 10, 1],
    [0, '25%', 10, 3],
    ['9%', '25%', 10, 3],
    ['10%', '25%', 10, 0],
    [1, 1, 10, 0],
  ])('with maxUnavailable %s and maxSurge %s needs, for %s replicas, room for %s more first', (...given) => {
    const [maxUnavailable, maxSurge, replicas, more] = given;
    expect(Rollout.rolling({ maxUnavailable, maxSurge }).surgeOf(replicas)).toBe(more);
  });

  test.each<[PodCount, PodCount]>([
    [0, 0],
    [-1, 1],
    [0, '0%'],
    [0.5, 1],
    [1, '1e3%'],
    ['101%', 0],
  ])('refuses maxUnavailable %s with maxSurge %s', (maxUnavailable, maxSurge) => {
    expect(() => Rollout.rolling({ maxUnavailable, maxSurge })).toThrow(
      `LNMT3002: Rollout.rolling cannot replace any pod; got maxUnavailable ${maxUnavailable} and maxSurge ${maxSurge}`,
    );
  });
});

describe('PodResources', () => {
  test('memory is limited to its request and cpu is not limited', () => {
    expect(PodResources.of({ cpu: '500m', memory: '1Gi' }).render()).toEqual({
      requests: { cpu: '500m', memory: '1Gi' },
      limits: { memory: '1Gi' },
    });
  });

  test('limits above the requests are reachable', () => {
    expect(PodResources.of({ cpu: '500m', cpuLimit: '2000m', memory: '1Gi', memoryLimit: '4Gi' }).render()).toEqual({
      requests: { cpu: '500m', memory: '1Gi' },
      limits: { cpu: '2000m', memory: '4Gi' },
    });
  });

  test('a late-bound quantity is passed on unread', () => {
    expect(PodResources.of({ cpu: '${TfToken[TOKEN.7]}', cpuLimit: '1', memory: '1Gi' }).cpu).toBe(
      '${TfToken[TOKEN.7]}',
    );
  });

  test.each([
    ['cpu', { cpu: 'lots', memory: '1Gi' }, 'LNMT3003: cpu is not a quantity; got "lots"'],
    ['memory', { cpu: '1', memory: '1 GB' }, 'LNMT3003: memory is not a quantity; got "1 GB"'],
    ['a negative request', { cpu: '-1', memory: '1Gi' }, 'LNMT3003: cpu'],
    ['a request of nothing', { cpu: '0', memory: '1Gi' }, 'LNMT3003: cpu'],
    [
      'cpu above its limit',
      { cpu: '2', cpuLimit: '500m', memory: '1Gi' },
      'LNMT3004: cpu is above cpuLimit; got 2 and 500m',
    ],
    ['memory above its limit', { cpu: '1', memory: '2Gi', memoryLimit: '2G' }, 'LNMT3004: memory is above memoryLimit'],
  ])('refuses %s', (_, options, message) => {
    expect(() => PodResources.of(options)).toThrow(message);
  });
});

describe('Auth', () => {
  test('api keys come from a secret', () => {
    expect(Auth.apiKeys(SecretReference.fromStore('api-keys'))).toMatchObject({
      kind: 'api-keys',
      secret: { source: 'store', name: 'api-keys' },
    });
  });

  const JWT = { issuer: 'https://id.test', audience: 'lnmt', jwksUri: 'https://id.test/keys' };

  test('tokens come from one issuer for one audience, and may stand beside keys', () => {
    expect(Auth.jwt(JWT)).toMatchObject({ methods: ['jwt'], jwt: JWT, secret: undefined });
    const both = Auth.anyOf(Auth.apiKeys(SecretReference.fromStore('api-keys')), Auth.jwt(JWT));
    expect(both).toMatchObject({ kind: 'api-keys,jwt', jwt: JWT, secret: { name: 'api-keys' } });
    expect(Auth.jwt({ ...JWT, jwksUri: '${TfToken[TOKEN.3]}' }).jwt?.jwksUri).toBe('${TfToken[TOKEN.3]}');
  });

  test.each([
    [{ issuer: ' ' }, 'LNMT3014: Auth.jwt issuer is missing'],
    [{ audience: '' }, 'LNMT3014: Auth.jwt audience is missing'],
    [{ jwksUri: 'http://id.test/keys' }, 'LNMT3015: Auth.jwt jwksUri is not an https URL'],
    [{ jwksUri: 'https://me:secret@id.test/keys' }, 'LNMT3015'],
    [{ jwksUri: 'keys' }, 'LNMT3015'],
    [{ algorithms: ['HS256' as 'RS256'] }, 'LNMT3016: Auth.jwt algorithms cannot be accepted; got "HS256"'],
    [{ algorithms: ['none' as 'RS256'] }, 'LNMT3016'],
    [{ algorithms: [] }, 'LNMT3016: Auth.jwt algorithms cannot be accepted; got an empty list'],
  ])('refuses tokens with %j', (options, message) => {
    expect(() => Auth.jwt({ ...JWT, ...options })).toThrow(message);
  });

  test('refuses to mix what excludes one another', () => {
    const none = Auth.none({ reason: 'a test' });
    expect(() => Auth.anyOf(Auth.jwt(JWT), none)).toThrow(
      'LNMT3017: Auth.anyOf cannot combine these; got jwt and none',
    );
    expect(() => Auth.anyOf(Auth.jwt(JWT), Auth.jwt(JWT))).toThrow('LNMT3017');
  });

  test('refuses to go without, and without saying why', () => {
    expect(() => Auth.none({ reason: ' ' })).toThrow(
      'LNMT3010: Auth.none reason needs a reason; got an empty one; say in Auth.none reason why this is safe here',
    );
  });
});

import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { JWT_LIMITS, JwtVerifier, scopesOf } from '../../../runtime/shared/jwt';
import { presentedKey } from '../../../runtime/shared/credentials';
import { AUDIENCE, ISSUER, TestIssuer } from '../support/issuer';

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const seconds = (): number => Math.floor(Date.now() / 1000);

let issuer: TestIssuer;
let verifier: JwtVerifier;

const create = (algorithms: readonly string[] = ['RS256', 'ES256', 'EdDSA']): Promise<JwtVerifier> =>
  JwtVerifier.create({ issuer: ISSUER, audience: AUDIENCE, jwksUri: issuer.jwksUri, algorithms, scopesClaim: 'scope' });

beforeAll(async () => {
  issuer = await TestIssuer.start();
});

afterAll(() => issuer.close());

afterEach(() => {
  verifier.close();
  vi.useRealTimers();
});

beforeEach(async () => {
  issuer.status = 200;
  issuer.hangs = false;
  await issuer.rotate('k1', 'RS256');
  verifier = await create();
});

describe('a token', () => {
  it('names its subject, its scopes and its claims', async () => {
    const principal = await verifier.verify(await issuer.token({ team: 'blue' }), Date.now());
    expect(principal).toMatchObject({ id: 'alice', method: 'jwt', claims: { team: 'blue' } });
    expect([...(principal?.scopes ?? [])]).toEqual(['infer', 'read']);
  });

  it.each(['ES256', 'EdDSA'])('may be signed with %s', async (alg) => {
    await issuer.rotate('other', alg);
    expect(await verifier.verify(await issuer.token(), Date.now())).toMatchObject({ id: 'alice' });
  });

  it('may be for several audiences, and a minute old', async () => {
    const late = seconds() - JWT_LIMITS.clockToleranceSeconds + 5;
    expect(await verifier.verify(await issuer.token({ aud: ['x', AUDIENCE], exp: late }), Date.now())).toBeDefined();
  });

  const wrongClaims: readonly (readonly [string, () => Record<string, unknown>])[] = [
    ['another issuer', () => ({ iss: 'https://evil.test' })],
    ['the issuer with a slash more', () => ({ iss: `${ISSUER}/` })],
    ['no issuer', () => ({ iss: undefined })],
    ['another audience', () => ({ aud: 'other' })],
    ['a longer audience', () => ({ aud: `${AUDIENCE}-admin` })],
    ['no audience', () => ({ aud: undefined })],
    ['an empty list of audiences', () => ({ aud: [] })],
    ['no expiry', () => ({ exp: undefined })],
    ['an expiry that has passed', () => ({ exp: seconds() - 61 })],
    ['an expiry long ago', () => ({ exp: 1 })],
    ['an expiry that is a text', () => ({ exp: String(seconds() + 300) })],
    ['a beginning to come', () => ({ nbf: seconds() + 120 })],
    ['no subject', () => ({ sub: undefined })],
    ['an empty subject', () => ({ sub: '' })],
    ['a subject that is a number', () => ({ sub: 7 })],
    ['a subject without end', () => ({ sub: 'a'.repeat(300) })],
  ];

  it.each(wrongClaims)('is refused with %s', async (_title, claims) => {
    expect(await verifier.verify(await issuer.token(claims()), Date.now())).toBeUndefined();
  });

  it.each(['none', 'None', 'NONE', 'nOnE', ''])('is refused with the algorithm %j and no signature', async (alg) => {
    const head = base64url({ alg, typ: 'JWT' });
    for (const signature of ['', 'AA', 'e30']) {
      expect(await verifier.verify(`${head}.${base64url(issuer.claims())}.${signature}`, Date.now())).toBeUndefined();
    }
  });

  it('is refused when a public key was used as a secret', async () => {
    const pem = await issuer.publicPem();
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const content = `${base64url({ alg, typ: 'JWT', kid: 'k1' })}.${base64url(issuer.claims())}`;
      for (const secret of [pem, pem.trim(), '']) {
        const signature = createHmac(alg.replace('HS', 'sha'), secret).update(content).digest('base64url');
        expect(await verifier.verify(`${content}.${signature}`, Date.now())).toBeUndefined();
      }
    }
  });

  it.each([
    '../../../../dev/null',
    '/etc/passwd',
    "' OR 1=1 --",
    'k1\u0000',
    'http://evil.test/key',
    'unknown',
    '__proto__',
  ])('is refused with the key id %j', async (kid) => {
    expect(await verifier.verify(await issuer.token({}, { kid }), Date.now())).toBeUndefined();
  });

  it('cannot bring its own key', async () => {
    const { jose } = issuer;
    const evil = await jose.generateKeyPair('RS256', { extractable: true });
    const jwk = await jose.exportJWK(evil.publicKey);
    for (const header of [
      { jwk },
      { jku: 'http://127.0.0.1:1/keys' },
      { x5u: 'http://127.0.0.1:1/c' },
      { x5c: ['AA'] },
    ]) {
      const token = await new jose.SignJWT(issuer.claims())
        .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
        .sign(evil.privateKey);
      expect(await verifier.verify(token, Date.now())).toBeUndefined();
    }
  });

  it('is refused with an algorithm that is not pinned, with critical headers and with anything changed', async () => {
    const pinned = await create(['ES256']);
    const token = await issuer.token();
    expect(await pinned.verify(token, Date.now())).toBeUndefined();
    expect(
      await verifier.verify(await issuer.token({}, { crit: ['exp'], exp: 1 }).catch(() => 'a.b.c'), Date.now()),
    ).toBeUndefined();
    const [head = '', payload = '', signature = ''] = token.split('.');
    const root = base64url({ ...issuer.claims(), sub: 'root' });
    const broken = [
      ...[`${head}.${root}.${signature}`, `${head}.${payload}.`, `${head}.${payload}`, `${head}..${signature}`],
      ...[
        `${token}.x`,
        `${payload}.${head}.${signature}`,
        'a.b.c',
        '..',
        `${head}.${payload}.${signature.slice(0, -4)}`,
      ],
      ...[base64url([]) + `.${payload}.${signature}`, `${head}.${base64url([])}.${signature}`],
    ];
    for (const each of broken) expect(await verifier.verify(each, Date.now())).toBeUndefined();
  });

  it('is not read at all beyond 8 KiB', () => {
    expect(presentedKey({ authorization: `Bearer ${'a'.repeat(8 * 1024)}` })).toBeDefined();
    expect(presentedKey({ authorization: `Bearer ${'a'.repeat(8 * 1024 + 1)}` })).toBeUndefined();
  });
});

describe('the keys of the issuer', () => {
  it('are fetched once, again for a new key id, and not again and again for an invented one', async () => {
    const before = issuer.fetches;
    for (let turn = 0; turn < 5; turn++) await verifier.verify(await issuer.token(), Date.now());
    expect(issuer.fetches - before).toBe(1);
    for (let turn = 0; turn < 20; turn++)
      await verifier.verify(await issuer.token({}, { kid: `x${turn}` }), Date.now());
    expect(issuer.fetches - before).toBe(1);
  });

  it('may change: a new key is found, and one that is published no more is refused', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const old = await issuer.token();
    expect(await verifier.verify(old, Date.now())).toBeDefined();
    await issuer.rotate('k2', 'RS256');
    vi.setSystemTime(Date.now() + JWT_LIMITS.cooldownMs + 1);
    expect(await verifier.verify(await issuer.token(), Date.now())).toBeDefined();
    expect(await verifier.verify(old, Date.now())).toBeUndefined();
  });

  it('outlive an issuer that is out of reach by an hour', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    await verifier.verify(await issuer.token(), Date.now());
    issuer.status = 503;
    vi.setSystemTime(Date.now() + JWT_LIMITS.cacheMs + 1);
    expect(await verifier.verify(await issuer.token(), Date.now())).toBeDefined();
    vi.setSystemTime(Date.now() + JWT_LIMITS.graceMs);
    await expect(verifier.verify(await issuer.token(), Date.now())).rejects.toMatchObject({ code: 'LNMT8013' });
  });

  it('that are out of reach are a matter of the server, not of the caller, and are not asked for at every request', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    issuer.status = 500;
    const before = issuer.fetches;
    for (let turn = 0; turn < 10; turn++) {
      await expect(verifier.verify(await issuer.token(), Date.now())).rejects.toMatchObject({
        ...{ code: 'LNMT8013', status: 503 },
      });
    }
    expect(issuer.fetches - before).toBe(1);
    issuer.status = 200;
    vi.setSystemTime(Date.now() + JWT_LIMITS.retryMs);
    expect(await verifier.verify(await issuer.token(), Date.now())).toBeDefined();
  });
});

describe('an issuer that hangs', () => {
  const timed = async <T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> => {
    const begun = performance.now();
    const value = await work();
    return { value, ms: performance.now() - begun };
  };
  const code = async (token: string): Promise<unknown> =>
    verifier.verify(token, Date.now()).catch((error: unknown) => (error as { code?: unknown }).code);

  it('keeps nobody waiting whose key is known, while it is asked once', { timeout: 30_000 }, async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const claims = { exp: seconds() + 3_600 };
    const [token, unknown] = [await issuer.token(claims), await issuer.token(claims, { kid: 'k9' })];
    await verifier.verify(token, Date.now());
    issuer.hangs = true;
    vi.setSystemTime(Date.now() + JWT_LIMITS.cacheMs + 1);
    const before = issuer.fetches;
    const stranger = timed(() => code(unknown));
    for (let turn = 0; turn < 20; turn++) {
      const { value, ms } = await timed(() => verifier.verify(token, Date.now()));
      expect(value).toMatchObject({ id: 'alice' });
      expect(ms).toBeLessThan(1_000);
    }
    expect(issuer.fetches - before).toBe(1);
    // Who names an unknown key has waited for it, and learns only that it is none.
    const waited = await stranger;
    expect(waited.value).toBeUndefined();
    expect(waited.ms).toBeGreaterThan(JWT_LIMITS.timeoutMs - 500);
    expect(await verifier.verify(token, Date.now())).toBeDefined();
    expect(issuer.fetches - before).toBe(1);
    vi.setSystemTime(Date.now() + JWT_LIMITS.retryMs);
    issuer.hangs = false;
    await issuer.rotate('k2', 'RS256');
    expect(await verifier.verify(token, Date.now())).toBeDefined();
    await expect.poll(() => verifier.verify(token, Date.now())).toBeUndefined();
    expect(issuer.fetches - before).toBe(2);
  });

  it('is left alone from when it was given up, not from when it was asked', { timeout: 30_000 }, async () => {
    issuer.hangs = true;
    const before = issuer.fetches;
    const token = await issuer.token();
    const first = await timed(() => code(token));
    expect(first.value).toBe('LNMT8013');
    expect(first.ms).toBeGreaterThan(JWT_LIMITS.timeoutMs - 500);
    for (let turn = 0; turn < 5; turn++) {
      const { value, ms } = await timed(() => code(token));
      expect(value).toBe('LNMT8013');
      expect(ms).toBeLessThan(500);
    }
    expect(issuer.fetches - before).toBe(1);
  });
});

describe('keys that nobody asks for', () => {
  it('are fetched anew all the same, so that those which were withdrawn let nobody in', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
    const old = await issuer.token({ exp: seconds() + 3_600 });
    expect(await verifier.verify(old, Date.now())).toBeDefined();
    await issuer.rotate('k2', 'RS256');
    const before = issuer.fetches;
    vi.advanceTimersByTime(JWT_LIMITS.cacheMs);
    const { fetching } = Reflect.get(verifier, 'keys') as { fetching?: Promise<void> };
    await fetching;
    expect(issuer.fetches - before).toBe(1);
    expect(await verifier.verify(old, Date.now())).toBeUndefined();
    verifier.close();
    vi.advanceTimersByTime(2 * JWT_LIMITS.cacheMs);
    expect(issuer.fetches - before).toBe(1);
  });
});

describe('scopes of a claim', () => {
  it.each([
    ['infer read', ['infer', 'read']],
    ['lnmt:infer openid profile', ['infer']],
    [
      ['manage', 'lnmt:read', 7, null],
      ['manage', 'read'],
    ],
    [undefined, []],
    [{ infer: true }, []],
    ['admin *', []],
  ])('%j are %j', (claim, scopes) => {
    expect([...scopesOf(claim)]).toEqual(scopes);
  });
});

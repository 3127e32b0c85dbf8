import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as Jose from 'jose' with { 'resolution-mode': 'import' };

type KeyPair = Jose.GenerateKeyPairResult;

/** Issuer and audience of test tokens. */
export const ISSUER = 'https://issuer.test';
export const AUDIENCE = 'lnmt';

/** An OpenID issuer on a port of its own: publishes keys, signs tokens, rotates and falls over when told. */
export class TestIssuer {
  /** How often its keys were fetched. */
  fetches = 0;
  /** Status that it answers with. */
  status = 200;
  /** Whether it takes requests and answers none. */
  hangs = false;
  private keys: { readonly kid: string; readonly alg: string; readonly pair: KeyPair }[] = [];

  private readonly made: Record<string, Promise<KeyPair>> = {};

  private constructor(
    readonly jose: typeof Jose,
    private readonly server: http.Server,
  ) {}

  static async start(): Promise<TestIssuer> {
    const jose = await import('jose');
    const server = http.createServer();
    const issuer = new TestIssuer(jose, server);
    server.on('request', (_request, response) => void issuer.answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    await issuer.rotate('k1', 'RS256');
    return issuer;
  }

  /** Where the keys are. */
  get jwksUri(): URL {
    return new URL(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`);
  }

  /** Signs under a new key id from now on; earlier ones are published no more. */
  async rotate(kid: string, alg: string): Promise<void> {
    this.made[alg] ??= this.jose.generateKeyPair(alg, { extractable: true });
    this.keys = [{ kid, alg, pair: await this.made[alg] }];
  }

  /** The public key that is published, in PEM. */
  async publicPem(): Promise<string> {
    return this.jose.exportSPKI(this.current.pair.publicKey);
  }

  /** Claims of a token that is valid for five minutes. */
  claims(now = Date.now()): Record<string, unknown> {
    const seconds = Math.floor(now / 1000);
    return { iss: ISSUER, aud: AUDIENCE, sub: 'alice', scope: 'infer read', iat: seconds, exp: seconds + 300 };
  }

  /** A signed token. */
  async token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
    const { kid, alg, pair } = this.current;
    const payload = Object.entries({ ...this.claims(), ...claims }).filter(([, value]) => value !== undefined);
    return new this.jose.SignJWT(Object.fromEntries(payload))
      .setProtectedHeader({ alg, kid, ...header })
      .sign(pair.privateKey);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private get current(): { readonly kid: string; readonly alg: string; readonly pair: KeyPair } {
    const [key] = this.keys;
    if (key === undefined) throw new Error('no key');
    return key;
  }

  private async answer(response: http.ServerResponse): Promise<void> {
    this.fetches += 1;
    if (this.hangs) return;
    const keys = await Promise.all(
      this.keys.map(async ({ kid, alg, pair }) => ({
        ...(await this.jose.exportJWK(pair.publicKey)),
        kid,
        alg,
        use: 'sig',
      })),
    );
    response.writeHead(this.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys }));
  }
}

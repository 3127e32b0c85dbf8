import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type * as Jose from 'jose' with { 'resolution-mode': 'import' };
import { inferPath } from '../../runtime/contract';
import { JWT_LIMITS } from '../../runtime/shared/jwt';
import { keyFile, mountKeys } from '../runtime/support/temporary';
import type { Bench, FaultCase } from './support/case';
import { TINY_BODY, tinyStore } from './support/models';
import { KEY, Server } from './support/servers';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'lnmt';
const RATE = 60;

interface SigningKey {
  readonly kid: string;
  readonly pair: Jose.GenerateKeyPairResult;
}

/** An issuer whose published keys are what they are set to, and that can be down. */
class Issuer {
  published: SigningKey[] = [];
  down = false;
  fetches = 0;
  private readonly server = http.createServer((_request, response) => void this.answer(response));

  constructor(private readonly jose: typeof Jose) {}

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  async key(kid: string): Promise<SigningKey> {
    return { kid, pair: await this.jose.generateKeyPair('ES256', { extractable: true }) };
  }

  token({ kid, pair }: SigningKey, subject: string): Promise<string> {
    return new this.jose.SignJWT({ scope: 'infer' })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(pair.privateKey);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(response: http.ServerResponse): Promise<void> {
    this.fetches += 1;
    if (this.down) return void response.destroy();
    const keys = await Promise.all(
      this.published.map(async ({ kid, pair }) => ({
        ...(await this.jose.exportJWK(pair.publicKey)),
        ...{ kid, alg: 'ES256', use: 'sig' },
      })),
    );
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }));
  }
}

/** Keys of the issuer change while requests go on; later the issuer is down, and strangers make up key ids. */
async function tokens(bench: Bench, issuer: Issuer, port: number): Promise<void> {
  const agent = keepAlive();
  bench.after(() => agent.destroy());
  const [first, second, stranger] = [await issuer.key('k1'), await issuer.key('k2'), await issuer.key('made-up')];
  issuer.published = [first];
  const [old, next, unknown] = [
    await issuer.token(first, 'a'),
    await issuer.token(second, 'a'),
    await issuer.token(stranger, 'x'),
  ];
  const recorder = new Recorder();
  const as =
    (pick: (index: number) => string) =>
    (due: number, index: number): ReturnType<typeof send> =>
      send({ port, path: inferPath('tiny'), body: TINY_BODY, agent, due, key: pick(index) });
  await openLoop({ rate: RATE, seconds: 3, shoot: as(() => old), recorder });
  // The overlap: both keys are published, for longer than the pause after which keys are fetched again.
  issuer.published = [first, second];
  const overlap = JWT_LIMITS.cooldownMs / 1000;
  await openLoop({ rate: RATE, seconds: overlap, shoot: as(() => old), recorder });
  await openLoop({ rate: RATE, seconds: 3, shoot: as((index) => (index % 2 ? old : next)), recorder });
  bench.equal('failed within the overlap', recorder.failed('200'), 0);
  issuer.published = [second];
  issuer.down = true;
  const before = issuer.fetches;
  const [known, strangers] = [new Recorder(), new Recorder()];
  const seconds = bench.full ? 60 : 8;
  await Promise.all([
    openLoop({ rate: RATE, seconds, shoot: as(() => next), recorder: known }),
    openLoop({ rate: RATE, seconds, shoot: as(() => unknown), recorder: strangers }),
  ]);
  bench.equal('failed while the issuer is down', known.failed('200'), 0);
  bench.equal('strangers that got in', strangers.count('200'), 0);
  bench.equal('strangers not answered with 401 or 503', strangers.failed('401', '503'), 0);
  bench.atMost(
    'fetches while it is down',
    issuer.fetches - before,
    1 + Math.ceil((seconds * 1000) / JWT_LIMITS.retryMs),
  );
  bench.atMost('fetches while it is up', before, 4);
  bench.note(`${known.replies.length + recorder.replies.length} requests with tokens`);
}

/** The key file changes as Kubernetes changes it: old and new side by side, then the new one alone. */
async function keys(bench: Bench, server: Server, port: number): Promise<void> {
  const rotations = bench.count('rotations of the key file', 3, 20);
  const dir = path.join(server.dir, 'keys');
  const agent = keepAlive();
  bench.after(() => agent.destroy());
  const recorder = new Recorder();
  let current = KEY;
  let going = true;
  const traffic = (async (): Promise<void> => {
    for (; going; await delay(10)) {
      recorder.add(await send({ port, path: inferPath('tiny'), body: TINY_BODY, agent, key: current }));
    }
  })();
  const entry = (id: string, key: string): Parameters<typeof keyFile>[0][number] => ({ id, key, scopes: ['infer'] });
  fs.rmSync(path.join(dir, 'keys.json'), { force: true });
  let refused = 0;
  for (let turn = 1; turn <= rotations && !bench.over; turn += 1) {
    const next = `rotated-${turn}`;
    mountKeys(dir, keyFile([entry('old', current), entry('new', next)]), 2 * turn);
    await works(port, next, true);
    const old = current;
    current = next;
    await delay(200);
    mountKeys(dir, keyFile([entry('new', next)]), 2 * turn + 1);
    if (await works(port, old, false)) refused += 1;
  }
  going = false;
  await traffic;
  bench.equal('failed within the overlap of keys', recorder.failed('200'), 0);
  bench.equal('old keys refused', refused, rotations);
}

/** Waits until a key is accepted, or refused. */
async function works(port: number, key: string, wanted: boolean): Promise<boolean> {
  for (const end = Date.now() + 15_000; Date.now() < end; await delay(50)) {
    const { outcome } = await send({ port, path: inferPath('tiny'), body: TINY_BODY, key });
    if ((outcome === '200') === wanted) return true;
  }
  return false;
}

/** Keys and tokens are replaced under load, and the issuer goes away. */
export const rotation: FaultCase = {
  id: 'R-39',
  what: 'JWKS and key file rotated under load; issuer down',
  limit: { scaled: 120, full: 300 },
  run: async (bench) => {
    const jose = await import('jose');
    const issuer = new Issuer(jose);
    const jwtJwksUri = await issuer.listen();
    bench.after(() => issuer.close());
    const models = tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' });
    const jwt = { auth: 'api-keys,jwt', jwtIssuer: ISSUER, jwtAudience: AUDIENCE, jwtJwksUri };
    const server = await Server.ready({ ...models, ...jwt, workers: '1' });
    const { http: port } = await server.ports();
    await tokens(bench, issuer, port);
    await keys(bench, server, port);
  },
};

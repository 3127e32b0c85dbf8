import { setTimeout as delay } from 'node:timers/promises';
import { INFERENCE_ENV, inferPath } from '../../runtime/contract';
import { HTTP_LIMITS } from '../../runtime/shared/limits';
import type { FaultCase } from './support/case';
import { TINY_BODY, tinyStore } from './support/models';
import { Held } from './support/raw';
import { Server } from './support/servers';
import { keepAlive, openLoop, Recorder, send } from './support/traffic';

const RATE = 50;
const BASELINE_SECONDS = 4;
const DRIP_MS = 1_000;
const SLICES = 25;
/** Fewer than the kernel keeps for a listener to accept; it drops the others, and their clients never learn of it. */
const WAVE = 200;
const WAVE_MS = 2_000;
const HEAD = `POST ${inferPath('tiny')} HTTP/1.1\r\nhost: x\r\n`;

/** Who attacks has a key and an address of its own. */
const ATTACKER = { key: 'slow-key', address: '127.0.0.2' } as const;

interface Attack {
  readonly begin: string;
  readonly timeoutMs: number;
  /** One more piece of what never ends. */
  readonly drip: (turn: number) => string;
}

const ATTACKS: readonly Attack[] = [
  { begin: HEAD, timeoutMs: HTTP_LIMITS.headersTimeout, drip: (turn) => `x-${turn}: ${turn}\r\n` },
  {
    begin: `${HEAD}authorization: Bearer ${ATTACKER.key}\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n`,
    timeoutMs: HTTP_LIMITS.requestTimeout,
    drip: () => '{',
  },
  {
    begin: `${HEAD}authorization: Bearer ${ATTACKER.key}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    timeoutMs: HTTP_LIMITS.requestTimeout,
    drip: () => '1\r\n{\r\n',
  },
  { begin: '', timeoutMs: HTTP_LIMITS.headersTimeout, drip: () => '' },
];

/** Clients that send a byte a second, for ever. */
export const slowClients: FaultCase = {
  id: 'R-12',
  what: 'slow headers, slow bodies, silence',
  limit: { scaled: 90, full: 150 },
  run: async (bench) => {
    const connections = bench.count('connections', 400, 2_000);
    const keys = [{ id: 'slow', key: ATTACKER.key, scopes: ['infer'] as const }];
    const serving = tinyStore(bench.folder).serving({ name: 'tiny', load: 'pinned' });
    // As it is by default: bodies that never end take up the share of their caller, and nobody else's.
    const callerConcurrency = INFERENCE_ENV.callerConcurrency.default;
    const server = await Server.ready({ ...serving, callerConcurrency }, { keys });
    const { http: port } = await server.ports();
    const agent = keepAlive();
    const recorder = new Recorder();
    const shoot = (due: number): ReturnType<typeof send> =>
      send({ port, path: inferPath('tiny'), body: TINY_BODY, agent, due });
    recorder.mark = 'before';
    await openLoop({ rate: RATE, seconds: BASELINE_SECONDS, shoot, recorder });
    const held: { readonly attack: Attack; readonly held: Held }[] = [];
    bench.after(() => held.forEach((each) => each.held.end()));
    bench.after(() => agent.destroy());
    while (held.length < connections) {
      const wave = Array.from({ length: Math.min(WAVE, connections - held.length) }, (_, index) => {
        const attack = ATTACKS[index % ATTACKS.length];
        if (attack === undefined) throw new Error('no attack');
        return {
          attack,
          held: new Held(port, (socket) => void (attack.begin && socket.write(attack.begin)), ATTACKER.address),
        };
      });
      held.push(...wave);
      for (const end = performance.now() + WAVE_MS; performance.now() < end; await delay(20)) {
        if (wave.every((each) => each.held.connected)) break;
      }
    }
    bench.equal('connections taken', held.filter((each) => each.held.connected).length, connections);
    recorder.mark = 'during';
    const under = openLoop({ rate: RATE, seconds: BASELINE_SECONDS, shoot, recorder });
    const end = performance.now() + 2 * HTTP_LIMITS.requestTimeout;
    for (let turn = 0; performance.now() < end && !bench.over; turn += 1) {
      // Not all at once: this process would be busy with that when answers to the others come.
      const slice = turn % SLICES;
      held.forEach(({ attack, held: each }, index) => {
        if (index % SLICES === slice) each.write(attack.drip(turn));
      });
      if (held.every((each) => each.held.closedAfter !== undefined)) break;
      await delay(DRIP_MS / SLICES);
    }
    await under;
    const late = held.filter(({ attack, held: each }) => (each.closedAfter ?? Infinity) > 2 * attack.timeoutMs);
    bench.equal('not closed within twice the timeout', late.length, 0);
    const after = await send({ port, path: inferPath('tiny'), body: TINY_BODY });
    bench.equal('failed requests', recorder.failed('200') + (after.outcome === '200' ? 0 : 1), 0);
    const [before, during] = [recorder.quantile(0.99, 'before'), recorder.quantile(0.99, 'during')];
    bench.timing(`p99 ms, ${before.toFixed(1)} before`, during, 1.5 * before);
    const last = Math.max(...held.map((each) => each.held.closedAfter ?? Infinity)) / 1000;
    bench.note(`last one closed after ${last.toFixed(1)} s`);
  },
};

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { identityModel, pushModel } from '../runtime/support/models';
import { KEY, ServerProcess } from '../runtime/support/process';
import { findProgram, freePort, run, start, waitFor } from './processes';
import type { Daemon } from './processes';
import { Skip } from './suite';
import type { Checks, Suite } from './suite';

const PASSWORD = 'response-cache-suite';
const REQUESTS = 300;

/** A store of the machine: Redis, or Valkey. */
function program(): string {
  const found = findProgram('redis-server') ?? findProgram('valkey-server');
  if (found === undefined) throw new Skip('neither redis-server nor valkey-server on the PATH');
  return found;
}

/** A store that can be stopped in several ways, and comes back empty. */
class Store {
  private daemon: Daemon | undefined;

  constructor(
    private readonly file: string,
    readonly port: number,
    private readonly folder: string,
  ) {}

  async up(): Promise<void> {
    const options = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const args = [...options, '--requirepass', PASSWORD, '--dir', this.folder];
    this.daemon = start('redis', this.file, args, path.join(this.folder, 'redis.log'));
    await waitFor('the store', 20_000, async () =>
      fs.readFileSync(path.join(this.folder, 'redis.log'), 'utf8').includes('Ready to accept'),
    );
  }

  signal(name: NodeJS.Signals): void {
    if (this.daemon) process.kill(this.daemon.pid, name);
  }

  async down(): Promise<void> {
    this.signal('SIGCONT');
    await this.daemon?.stop(5_000, 'SIGKILL');
    fs.rmSync(path.join(this.folder, 'redis.log'));
  }
}

/** One server, as its clients see it. */
class Client {
  constructor(
    private readonly server: ServerProcess,
    private readonly url: string,
  ) {}

  /** @param port of the store; without one the server has none */
  static async of(dir: string, port?: number): Promise<Client> {
    const server = ServerProcess.start({
      ...{ modelName: 'm', modelVersion: '1', modelUri: pathToFileURL(dir).href },
      ...{ responseCacheBytes: '10000000', responseCacheModels: 'm' },
      ...(port === undefined ? {} : { responseCacheUrl: `redis://127.0.0.1:${port}`, responseCachePassword: PASSWORD }),
    });
    await server.ready();
    return new Client(server, await server.url());
  }

  /** Sends a request and holds its answer to what it must be. Milliseconds that it took. */
  async ask(value: number): Promise<number> {
    const began = performance.now();
    const response = await fetch(`${this.url}/v2/models/m/infer`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [value, 0.5] }] }),
    });
    const text = await response.text();
    if (response.status !== 200 || !text.includes(`"data":[${value},0.5]`)) {
      throw new Error(`${value}: ${response.status} ${text}`);
    }
    return performance.now() - began;
  }

  /** Milliseconds at the 99th percentile of many requests, each with a value of its own, four at a time. */
  async load(from: number): Promise<number> {
    const times: number[] = [];
    const lane = async (first: number): Promise<void> => {
      for (let value = first; value < from + REQUESTS; value += 4) times.push(await this.ask(value));
    };
    await Promise.all([0, 1, 2, 3].map((offset) => lane(from + offset)));
    return times.sort((a, b) => a - b)[Math.floor(0.99 * times.length)] ?? Number.NaN;
  }

  /** A value of the metrics; 0 where it is not there. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${await this.server.metricsUrl()}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1) ?? 0);
  }

  /** Waits for a state of the breaker, while requests come. */
  async breaker(state: number, from: number): Promise<void> {
    let value = from;
    await waitFor(
      `the breaker at ${state}`,
      30_000,
      async () => {
        await this.ask((value += 1));
        return (await this.metric('lnmt_response_cache_breaker_state')) === state;
      },
      50,
    );
  }

  close(): Promise<void> {
    return this.server.dispose();
  }
}

const hits = (outcome: string): string =>
  `lnmt_response_cache_requests_total{model="m",version="1",outcome="${outcome}"}`;

async function checkFaults(checks: Checks, store: Store, client: Client, control: Client): Promise<void> {
  // Both at the same time: what the machine does besides befalls both.
  const compare = async (from: number, what: string): Promise<void> => {
    const [ours, without] = await Promise.all([client.load(from), control.load(from)]);
    checks.note(`p99 ${ours.toFixed(1)} ms ${what}, ${without.toFixed(1)} ms of a server without one at the same time`);
  };
  await compare(10_000, 'with a store that is well');
  await checks.check('a store that stands still harms no request (R-21)', async () => {
    store.signal('SIGSTOP');
    await compare(20_000, 'with a store that stands still');
    await client.breaker(2, 25_000);
    store.signal('SIGCONT');
    await client.breaker(0, 30_000);
  });
  await checks.check('a store that is killed and comes back empty harms no request (R-21)', async () => {
    await store.down();
    await compare(40_000, 'with a store that is away');
    await client.breaker(2, 45_000);
    await sleep(100);
    await store.up();
    await client.breaker(0, 50_000);
  });
}

/** The response cache over a real store: shared by two servers, stopped, killed, back again. */
export const responseCache: Suite = {
  name: 'response-cache',
  timeoutMinutes: 5,
  run: async (checks) => {
    let file: string;
    try {
      file = program();
    } catch (error) {
      if (!(error instanceof Skip)) throw error;
      return checks.skip('a real Redis', error.message);
    }
    checks.note((await run(file, ['--version'])).stdout.trim());
    const models = path.join(checks.folder, 'models');
    pushModel(models, 'm', '1', { 'model.onnx': identityModel('FP32') });
    const store = new Store(file, await freePort(), checks.folder);
    await store.up();
    checks.after(() => store.down());
    const [one, other] = [await Client.of(models, store.port), await Client.of(models, store.port)];
    const control = await Client.of(models);
    for (const each of [one, other, control]) checks.after(() => each.close());
    await checks.check('two servers share what one has answered', async () => {
      await one.breaker(0, 0);
      await other.breaker(0, 100);
      for (let value = 1_000; value < 1_050; value += 1) await one.ask(value);
      await waitFor(
        'the answers in the store',
        10_000,
        async () => (await one.metric('lnmt_response_cache_second_level_total{outcome="stored"}')) >= 50,
      );
      const before = await other.metric(hits('second-level'));
      for (let value = 1_000; value < 1_050; value += 1) await other.ask(value);
      const shared = (await other.metric(hits('second-level'))) - before;
      checks.note(`${shared} of 50 answers came from the store in time`);
      if (shared < 25) throw new Error(`${shared} of 50 answers were shared`);
    });
    await checkFaults(checks, store, one, control);
  },
};

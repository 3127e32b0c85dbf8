import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { BenchReport } from '../../../../runtime/cli/bench/report';
import { cli, command, scratch } from '../support';

const LONG = 60_000;

type Handler = (index: number, body: string, request: http.IncomingMessage) => Promise<Reply> | Reply;

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const METADATA = {
  name: 'toy',
  versions: ['1'],
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'words', datatype: 'BYTES', shape: [-1, -1] },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
};

/** What the second version takes. */
const NEXT_INPUTS = [{ name: 'z', datatype: 'INT64', shape: [-1, 5] }];

const servers: http.Server[] = [];

/** An answer that never comes. */
const hanging = new Promise<Reply>(() => undefined);

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** What a server answers instead, by path. */
type Answers = Readonly<Record<string, { readonly status: number; readonly body: string }>>;

/** A server with metadata of a model, which answers inference as it is told. */
async function toyServer(infer: Handler, answers: Answers = {}): Promise<string> {
  let index = 0;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const { status, body: text } = answers[request.url ?? ''] ?? {};
      if (status !== undefined) return response.writeHead(status).end(text);
      if (request.method === 'GET') {
        const second = request.url?.includes('/versions/2') === true;
        return response.end(JSON.stringify(second ? { ...METADATA, inputs: NEXT_INPUTS } : METADATA));
      }
      if (request.url?.endsWith('/index')) return response.end(JSON.stringify([{ name: 'toy', version: '1' }]));
      const body = Buffer.concat(chunks).toString('latin1');
      void Promise.resolve(infer(index++, body, request)).then(({ status = 200, headers = {} }) => {
        response.writeHead(status, headers).end('{}');
      });
      return undefined;
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function reportOf(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<BenchReport> {
  const { code, out, err } = await cli(['bench', ...argv, '--json'], { env: { PATH: '', ...env } });
  expect(err + out).not.toMatch(/error/);
  expect(code).toBe(0);
  return JSON.parse(out) as BenchReport;
}

const only = ({ phases: [phase] }: BenchReport) => {
  if (phase === undefined) throw new Error('no phase');
  return phase.summary;
};

describe('lnmt bench', () => {
  test(
    'measures the service times that a server has',
    async () => {
      // Nine of ten take 100 ms, one takes 600.
      const url = await toyServer(async (index) => {
        await delay(index % 10 === 9 ? 600 : 100);
        return {};
      });
      const { latency, outcomes, requests } = only(
        await reportOf([url, '--rate', '40', '--duration', '3', '--warm-up', '0.5']),
      );
      expect(requests).toBe(120);
      expect(outcomes['2xx']).toBe(120);
      expect(latency?.min).toBeGreaterThanOrEqual(99);
      expect(latency?.p50).toBeGreaterThanOrEqual(99);
      expect(latency?.p50).toBeLessThan(400);
      expect(latency?.p95).toBeGreaterThanOrEqual(599);
      expect(latency?.p95).toBeLessThan(1_100);
    },
    LONG,
  );

  test(
    'charges a server that stalls once for everyone who came meanwhile, which a closed loop hides',
    async () => {
      /** Half a second after its first answer it keeps everyone waiting for a second. */
      const stalling = (): Promise<string> => {
        let stall: Promise<unknown> | undefined;
        let since: number | undefined;
        return toyServer(async () => {
          since ??= Date.now();
          if (Date.now() - since > 500) await (stall ??= delay(1_000));
          return {};
        });
      };
      const bounds = ['--duration', '3', '--warm-up', '0'];
      const open = only(await reportOf([await stalling(), '--rate', '100', ...bounds])).latency;
      const closed = only(await reportOf([await stalling(), '--concurrency', '1', ...bounds])).latency;
      expect(open?.p99).toBeGreaterThan(850);
      expect(open?.p90).toBeGreaterThan(500);
      expect(closed?.max).toBeGreaterThan(900);
      expect(closed?.p90).toBeLessThan(500);
    },
    LONG,
  );

  test(
    'makes the same requests for the same seed, from the signature of the model',
    async () => {
      const bodies: string[] = [];
      const headers: http.IncomingHttpHeaders[] = [];
      const url = await toyServer((_index, body, request) => {
        bodies.push(body);
        headers.push(request.headers);
        return {};
      });
      const bounds = ['--requests', '4', '--warm-up', '0', '--batch', '2', '--length', '3'];
      await reportOf([url, ...bounds], { LNMT_API_KEY: 'secret' });
      const first = bodies.splice(0);
      await reportOf([`${url}/v2/models/toy`, ...bounds]);
      expect(bodies.splice(0)).toEqual(first);
      await reportOf([url, ...bounds, '--seed', '2']);
      expect(bodies.splice(0)).not.toEqual(first);
      const { inputs } = JSON.parse(first[0] ?? '') as { inputs: { shape: number[]; data: unknown[] }[] };
      expect(inputs.map(({ shape }) => shape)).toEqual([
        [2, 2],
        [2, 3],
      ]);
      expect(inputs.map(({ data }) => data.length)).toEqual([4, 6]);
      expect(headers[0]?.authorization).toBe('Bearer secret');

      const report = await reportOf([url, ...bounds, '--binary']);
      expect(report.request.form).toBe('binary');
      const length = Number(headers.at(-1)?.['inference-header-content-length']);
      const binary = bodies.at(-1) ?? '';
      const sizes = (
        JSON.parse(binary.slice(0, length)) as { inputs: { parameters: { binary_data_size: number } }[] }
      ).inputs.map(({ parameters }) => parameters.binary_data_size);
      expect(sizes[0]).toBe(16);
      expect(length + sizes.reduce((sum, size) => sum + size, 0)).toBe(binary.length);
    },
    LONG,
  );

  test(
    'makes requests for a model without inputs',
    async () => {
      const bodies: unknown[] = [];
      const infer: Handler = (_index, body) => (bodies.push(JSON.parse(body)), {});
      const metadata = { status: 200, body: JSON.stringify({ ...METADATA, inputs: [] }) };
      const url = await toyServer(infer, { '/v2/models/toy': metadata });
      await reportOf([url, '--requests', '1', '--warm-up', '0']);
      expect(bodies.at(-1)).toEqual({ inputs: [] });
    },
    LONG,
  );

  test(
    'makes requests from the signature of the version that the URL names',
    async () => {
      const seen: { readonly url: string | undefined; readonly body: string }[] = [];
      const url = await toyServer((_index, body, { url: asked }) => {
        seen.push({ url: asked, body });
        return {};
      });
      const argv = [`${url}/v2/models/toy/versions/2/infer`, '--requests', '2', '--warm-up', '0'];
      await reportOf(argv);
      expect(new Set(seen.map(({ url: asked }) => asked))).toEqual(new Set(['/v2/models/toy/versions/2/infer']));
      const { inputs } = JSON.parse(seen[0]?.body ?? '') as { inputs: { name: string; shape: number[] }[] };
      expect(inputs.map(({ name, shape }) => [name, shape])).toEqual([['z', [1, 5]]]);
    },
    LONG,
  );

  test(
    'sends requests of a file as they stand, to any route',
    async () => {
      const bodies = new Set<string>();
      const url = await toyServer((_index, body) => {
        bodies.add(body);
        return {};
      });
      const file = path.join(scratch(), 'data.jsonl');
      fs.writeFileSync(file, '{"a": 9007199254740993}\n{"b": 1}\n');
      const argv = [`${url}/v1/embeddings`, '--data', file, '--requests', '6', '--warm-up', '0'];
      const report = await reportOf(argv);
      expect([...bodies].sort()).toEqual(['{"a": 9007199254740993}', '{"b": 1}']);
      expect(report).toMatchObject({ request: { form: 'data', variants: 2 }, target: `${url}/v1/embeddings` });
    },
    LONG,
  );

  test(
    'counts refusals, time-outs and broken connections, and holds back when it is asked to',
    async () => {
      const url = await toyServer(async (index, _body, request) => {
        if (index === 1) return { status: 429, headers: { 'retry-after': '1' } };
        if (index === 2) return { status: 503 };
        if (index === 3) request.socket.destroy();
        if (index === 4) await delay(2_000);
        return {};
      });
      const argv = [url, '--requests', '8', '--duration', '20', '--warm-up', '0', '--timeout', '0.5'];
      const { outcomes, seconds } = only(await reportOf([...argv, '--honour-retry-after']));
      expect(outcomes).toMatchObject({ '429': 1, '5xx': 1, timeout: 1, connection: 1, '2xx': 4 });
      expect(seconds).toBeGreaterThan(1.4);
    },
    LONG,
  );

  test(
    'takes rates over the time in which requests came, however long that might have been',
    async () => {
      const bounded = only(
        await reportOf([await toyServer(() => ({})), '--rate', '100', '--requests', '50', '--warm-up', '0']),
      );
      expect(bounded.requests).toBe(50);
      expect(bounded.offeredPerSecond).toBeCloseTo(100);
      expect(bounded.throughput).toBeGreaterThan(50);

      let interrupt = (): void => undefined;
      const onInterrupt = (listener: () => void) => {
        interrupt = listener;
        return () => undefined;
      };
      const url = await toyServer((index) => {
        if (index === 40) interrupt();
        return {};
      });
      const argv = ['bench', url, '--rate', '50', '--duration', '60', '--warm-up', '0', '--json'];
      const { out, code } = await cli(argv, { onInterrupt });
      expect(code).toBe(0);
      const ended = only(JSON.parse(out) as BenchReport);
      expect(ended.offeredPerSecond).toBeGreaterThan(35);
      expect(ended.throughput).toBeGreaterThan(25);
      expect(ended.seconds).toBeLessThan(10);
    },
    LONG,
  );

  test(
    'ends at once when it is interrupted again, whatever is under way',
    async () => {
      let interrupt = (): void => undefined;
      const onInterrupt = (listener: () => void) => {
        interrupt = listener;
        return () => undefined;
      };
      const url = await toyServer((index) => {
        if (index === 0) return {};
        if (index === 1) {
          interrupt();
          setTimeout(() => interrupt(), 200);
        }
        return hanging;
      });
      const { code, err, out } = await cli(['bench', url, '--rate', '50', '--timeout', '60', '--warm-up', '0'], {
        onInterrupt,
      });
      expect([code, out]).toEqual([130, '']);
      expect(err).toMatch(/press Ctrl-C again to end at once\ninterrupted\n$/);
    },
    LONG,
  );

  test(
    'does not contradict itself where a bound on requests ends each rate of a search',
    async () => {
      const url = await toyServer(() => ({}));
      const argv = ['--rate', '50', '--max-rate', '50', '--sweep', '--requests', '20', '--warm-up', '0'];
      const { saturation } = await reportOf([url, ...argv]);
      expect(saturation?.sustained).toBe(50);
      expect(saturation?.peakGoodput).toBeGreaterThan(40);
    },
    LONG,
  );

  test(
    'does not take a slow server for a saturated one',
    async () => {
      const url = await toyServer(async () => {
        await delay(400);
        return {};
      });
      const argv = ['--rate', '10', '--max-rate', '10', '--sweep', '--duration', '1', '--warm-up', '0'];
      expect((await reportOf([url, ...argv])).saturation?.sustained).toBe(10);
    },
    LONG,
  );

  test(
    'says when as many as allowed were under way, and counts the waiting',
    async () => {
      const url = await toyServer(async () => {
        await delay(200);
        return {};
      });
      const report = await reportOf([
        ...[url, '--rate', '50', '--duration', '1', '--warm-up', '0', '--max-in-flight', '2'],
      ]);
      expect(only(report).capped).toBeGreaterThan(10);
      expect(only(report).latency?.max).toBeGreaterThan(2_000);
      expect(report.warnings.join()).toContain('as many as allowed were under way');
    },
    LONG,
  );

  test(
    'goes on where as many as allowed were under way and ended before the next was due',
    async () => {
      const url = await toyServer(async (index) => {
        await delay(index === 3 ? 150 : 20);
        return {};
      });
      const argv = [url, '--rate', '10', '--duration', '0.5', '--warm-up', '0', '--max-in-flight', '1'];
      const { outcomes, capped } = only(await reportOf(argv));
      expect(outcomes['2xx']).toBe(5);
      expect(capped).toBeGreaterThan(0);
    },
    LONG,
  );

  test(
    'searches for the rate that a server keeps up, and writes a report that needs nothing else',
    async () => {
      // One at a time, 40 ms each: 25 per second, and timers come late rather than early.
      let last: Promise<unknown> = Promise.resolve();
      const url = await toyServer(async () => {
        last = last.then(() => delay(40));
        await last;
        return {};
      });
      const html = path.join(scratch(), 'report.html');
      const argv = ['--rate', '4', '--sweep', '--duration', '1', '--warm-up', '0', '--html', html];
      const { phases, saturation } = await reportOf([url, ...argv]);
      expect(phases.length).toBeGreaterThan(2);
      expect(saturation?.sustained).toBeGreaterThanOrEqual(4);
      expect(saturation?.sustained).toBeLessThan(30);
      const page = fs.readFileSync(html, 'utf8');
      expect(page).toContain('Latency by rate');
      expect(page).not.toMatch(/<script|src=|href=|@import|url\(/);
    },
    LONG,
  );

  test(
    'fails when the service level is missed, after the report',
    async () => {
      const url = await toyServer(async () => {
        await delay(50);
        return {};
      });
      const argv = ['bench', url, '--requests', '5', '--warm-up', '0', '--slo', '10'];
      const { code, out, err } = await cli(argv);
      expect(code).toBe(1);
      expect(out).toContain('p99 ms');
      expect(err).toContain('error LNMT6064: the service level was not met');
      expect((await cli([...argv.slice(0, -1), '30000'])).code).toBe(0);
    },
    LONG,
  );
});

describe('lnmt bench, asked for something else', () => {
  test('refuses another machine without consent', async () => {
    const { code, err } = await cli(['bench', 'http://192.0.2.1:8080', '--rate', '1']);
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6065: the target is another machine');
  });

  test('refuses what is no URL of an endpoint', async () => {
    expect((await cli(['bench', 'localhost'])).err).toContain('LNMT6061');
    expect((await cli(['bench', 'ftp://127.0.0.1'])).err).toContain('LNMT6061');
    const { err } = await cli(['bench', 'http://me:secret@127.0.0.1']);
    expect(err).toContain('it holds credentials');
    expect(err).not.toContain('secret');
    for (const place of ['other', 'v2/models/%zz', 'v2/models/m/versions/%']) {
      expect(await cli(['bench', `http://127.0.0.1:1/${place}`])).toMatchObject({
        code: 2,
        err: expect.stringContaining('LNMT6061') as string,
      });
    }
  });

  test('refuses to guess what a model takes, and to load a server with refusals', async () => {
    expect((await cli(['bench', 'http://127.0.0.1:1', '--model', 'm'])).err).toContain('LNMT6062');
    const url = await toyServer(() => ({ status: 400 }));
    const { code, err } = await cli(['bench', url]);
    expect(code).toBe(1);
    expect(err).toContain('LNMT6063');
  });

  test.each([
    [401, 'no key', /got: +401 no key\n +remedy: +put an API key into LNMT_API_KEY\n/],
    [403, 'not allowed', /got: +403 not allowed\n +remedy: +take a key with the scope manage.*--model NAME/],
    [404, '', /got: +404\n +remedy: +check the URL, or name the model with --model NAME/],
    [200, '[]', /got: +200 \[\]\n/],
  ])('says what a server answers that does not list its models: %i', async (status, body, message) => {
    const url = await toyServer(() => ({}), { '/v2/repository/index': { status, body } });
    const { code, err } = await cli(['bench', url]);
    expect([code, err]).toEqual([1, expect.stringMatching(/LNMT6062: .* does not list its models/)]);
    expect(err).toMatch(message);
  });

  test('says why there is no answer, and what is answered instead of metadata', async () => {
    const nobody = await cli(['bench', 'http://localhost:1']);
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringMatching(/LNMT6062[\s\S]*got: +.*ECONNREFUSED/)]);
    const url = await toyServer(() => ({}), { '/v2/models/toy': { status: 404, body: 'no such model' } });
    const { code, err } = await cli(['bench', url]);
    expect([code, err]).toEqual([1, expect.stringMatching(/what the model toy takes\n +got: +404 no such model/)]);
  });

  test('refuses a page where none can be, before any load', async () => {
    const folder = scratch();
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, '');
    for (const [place, reason] of [
      [folder, 'it is a folder'],
      [path.join(file, 'report.html'), `${file} is no folder`],
      [path.join(file, 'below/report.html'), `${file} is no folder`],
    ] as const) {
      const { code, err } = await cli(['bench', 'http://127.0.0.1:1', '--html', place]);
      expect(code).toBe(2);
      expect(err).toContain(`error LNMT6001: --html names no place for a file: ${reason}`);
    }
  });

  test('refuses load without bounds, and loops that are both', async () => {
    for (const argv of [
      ['--duration', '999999'],
      ['--requests', '0'],
      ['--rate', 'fast'],
      ['--rate', '5', '--concurrency', '5'],
      ['--arrivals', 'bursty'],
    ]) {
      const { code, err } = await cli(['bench', 'http://127.0.0.1:1', ...argv]);
      expect(code, argv.join(' ')).toBe(2);
      expect(err).toContain('LNMT6001');
    }
    expect((await cli(['bench', 'http://127.0.0.1:1/x', '--data', 'absent'])).err).toContain('LNMT6001');
  });

  test('shows examples in its help', async () => {
    const { out, code } = await command(['bench', '--help']);
    expect(code).toBe(0);
    expect(out).toContain('--sweep --slo 50 --html report.html');
  });
});

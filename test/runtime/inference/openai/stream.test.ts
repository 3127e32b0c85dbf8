import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, it, vi } from 'vitest';
import { EventStream } from '../../../../runtime/inference/routes/openai-stream';
import { drainPlugin } from '../../../../runtime/shared/drain';
import { HealthState } from '../../../../runtime/shared/health';
import { OpenRequests } from '../../../../runtime/shared/open-requests';
import { cacheFull, TEXT_ERRORS, UNREAD_BYTES } from '../../../../runtime/inference/text/errors';

let app: FastifyInstance;
/** Told what a stream ended with, as whoever has it written is. */
const ended = vi.fn();

afterEach(async () => {
  ended.mockClear();
  await app.close();
});

async function* numbers(produced: () => void): AsyncGenerator<object> {
  for (let index = 0; ; index++) {
    produced();
    yield { index, filling: 'x'.repeat(10_000) };
    await delay(0);
  }
}

async function serve(
  events: () => AsyncIterable<unknown>,
  failed: (error: unknown) => void,
  open = new OpenRequests(),
): Promise<AddressInfo> {
  app = fastify();
  await app.register(drainPlugin, { health: new HealthState(() => true), open, modelOf: () => undefined });
  app.get('/', async (_request, reply) => {
    await new EventStream(reply).write(events(), failed).catch(ended);
    return reply;
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return app.server.address() as AddressInfo;
}

it('a client that does not read its stream loses it at a bounded amount of memory', async () => {
  const failed = vi.fn();
  let produced = 0;
  const { port } = await serve(() => numbers(() => (produced += 1)), failed);
  const client = net.connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  client.pause();
  await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce(), 20_000);
  expect(failed.mock.calls[0]?.[0]).toMatchObject({ code: 'LNMT8250' });
  const made = produced;
  await delay(50);
  expect(produced).toBe(made);
  // What may stay unread, and what the kernel took in between.
  expect(made * 10_000).toBeGreaterThan(UNREAD_BYTES);
  expect(made * 10_000).toBeLessThan(40 * 2 ** 20);
  expect(TEXT_ERRORS.LNMT8250.explanation).toContain('Beyond 2 MiB of unread events');
  client.destroy();
});

it('an error after the head of a stream is its last event', async () => {
  const failed = vi.fn();
  const { port } = await serve(async function* () {
    yield { index: 0 };
    throw cacheFull();
  }, failed);
  const text = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  const events = text.trim().split('\n\n');
  expect(events).toHaveLength(2);
  expect(JSON.parse(events[1]?.replace('data: ', '') ?? '')).toEqual({
    error: {
      ...{ code: 'LNMT8246', type: 'rate_limit_error', param: null },
      message: 'the KV cache is full; repeat later, or ask for fewer tokens',
    },
  });
  expect(text).not.toContain('[DONE]');
  for (const told of [failed, ended]) {
    expect(told).toHaveBeenCalledOnce();
    expect(told.mock.calls[0]?.[0]).toMatchObject({ code: 'LNMT8246' });
  }
});

it('a stream that is cut ends with an event that says so, and whoever makes its events is told', async () => {
  const failed = vi.fn();
  const open = new OpenRequests();
  let goOn: () => void = () => undefined;
  const events = async function* (): AsyncGenerator<object> {
    yield { index: 0 };
    await new Promise<void>((resolve) => (goOn = resolve));
    yield { index: 1 };
  };
  const { port } = await serve(events, failed, open);
  const response = await fetch(`http://127.0.0.1:${port}/`);
  const reader = response.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('"index":0');
  expect(open.cut()).toHaveLength(1);
  let rest = '';
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    rest += Buffer.from(part.value).toString();
  }
  expect(JSON.parse(rest.replace('data: ', ''))).toEqual({
    error: { message: 'the server is draining; repeat later', type: 'server_error', param: null, code: 'LNMT8004' },
  });
  goOn();
  await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce(), 20_000);
  expect(failed.mock.calls[0]?.[0]).toMatchObject({ code: 'LNMT8004' });
  expect(open.size).toBe(0);
});

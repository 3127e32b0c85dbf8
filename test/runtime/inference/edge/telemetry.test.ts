import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Destination } from '../../../../runtime/inference/edge/destination';
import { followSecret } from '../../../../runtime/inference/edge/secret-file';
import { FolderDisk } from '../../../../runtime/inference/edge/telemetry/disk';
import { Outbox } from '../../../../runtime/inference/edge/telemetry/outbox';
import type { Disk } from '../../../../runtime/inference/edge/telemetry/disk';
import { HEAD_BYTES, frame, newHead, readSegment } from '../../../../runtime/inference/edge/telemetry/segment';
import { Sender } from '../../../../runtime/inference/edge/telemetry/sender';
import { Telemetry } from '../../../../runtime/inference/edge/telemetry/telemetry';
import type { Clock } from '../../../../runtime/inference/edge/telemetry/telemetry';
import { Collector } from '../../support/collector';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../../support/server';
import { inferPath, METRICS } from '../../../../runtime/contract';
import { temporaryFolder } from '../../support/temporary';

const DAY_MS = 86_400_000;
const MIB = 2 ** 20;

let dir: string;
let counts: Record<string, number>;
let failures: unknown[];
const ends: (() => unknown)[] = [];

beforeEach(() => {
  dir = temporaryFolder();
  [counts, failures] = [{}, []];
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  fs.rmSync(dir, { recursive: true, force: true });
});

const count = (name: string, records: number): void => void (counts[name] = (counts[name] ?? 0) + records);
const box = (maxBytes = MIB, disk: Disk = new FolderDisk(dir)): Promise<Outbox> =>
  Outbox.open({ disk, maxBytes, dropped: count, failed: (error) => failures.push(error) }, dir);
const numbers = (lines: Buffer): number[] =>
  lines
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => Number((JSON.parse(line) as { n: number }).n));
const fill = async (outbox: Outbox, from: number, to: number, size = 100): Promise<void> => {
  for (let n = from; n < to; n += 1) outbox.put(JSON.stringify({ n, pad: 'x'.repeat(size) }));
  await outbox.flush();
};
/** Everything that the outbox has, in order, taken out. */
async function drain(outbox: Outbox): Promise<number[]> {
  const all: number[] = [];
  for (let parcel = await outbox.oldest(); parcel !== undefined; parcel = await outbox.oldest()) {
    all.push(...numbers(parcel.lines));
    await outbox.settle(parcel);
  }
  return all;
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

function sender(outbox: Outbox, url: string, secret?: ReturnType<typeof followSecret>): Sender {
  const destination = new Destination({ url: new URL(url), connections: 1, secret });
  ends.push(() => destination.close());
  return new Sender({
    ...{ outbox, destination, random: () => 1, failed: (error) => failures.push(error) },
    sent: (records) => count('sent', records),
    refused: (records) => count('refused', records),
  });
}

describe('a segment', () => {
  it('is read up to where a crash tore it, at every byte', () => {
    const records = ['{"n":1}', '{"n":22}', '{"n":333}'].map((text) => frame(Buffer.from(text)));
    const whole = Buffer.concat([newHead(), ...records]);
    const places = records.map((_, index) => HEAD_BYTES + Buffer.concat(records.slice(0, index + 1)).byteLength);
    for (let cut = 0; cut <= whole.byteLength; cut += 1) {
      const content = readSegment(whole.subarray(0, cut));
      if (cut < HEAD_BYTES) expect(content).toBeUndefined();
      else expect(content?.records).toBe(places.filter((place) => place <= cut).length);
    }
  });

  it('shows every bit that flips', () => {
    const whole = Buffer.concat([newHead(), frame(Buffer.from('{"n":1}'))]);
    const { key } = readSegment(whole) ?? {};
    for (let bit = 0; bit < whole.byteLength * 8; bit += 1) {
      const bad = Buffer.from(whole);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const content = readSegment(bad);
      expect(content === undefined || content.records === 0).toBe(true);
      if (content !== undefined) expect(content.key).toBe(key);
    }
  });
});

describe('an outbox', () => {
  it('gives records out in their order, after a restart too, and under the same key each time', async () => {
    const first = await box();
    await fill(first, 0, 50);
    const once = await first.oldest();
    await fill(first, 50, 60);
    const second = await box();
    const again = await second.oldest();
    expect([again?.key, again?.lines.equals(once?.lines ?? Buffer.alloc(0))]).toEqual([once?.key, true]);
    await fill(second, 60, 70);
    expect(await drain(second)).toEqual(range(0, 70));
    expect([counts, fs.readdirSync(dir), second.bytes]).toEqual([{}, [], 0]);
  });

  it('gives up the oldest above its bound and counts each, and none below it', async () => {
    const outbox = await box(65_536);
    await fill(outbox, 0, 300);
    expect(counts).toEqual({});
    for (let n = 300; n < 2_000; n += 100) await fill(outbox, n, n + 100);
    expect(outbox.bytes).toBeLessThanOrEqual(65_536);
    const onDisk = fs.readdirSync(dir).reduce((sum, name) => sum + fs.statSync(path.join(dir, name)).size, 0);
    expect(onDisk).toBe(outbox.bytes);
    const left = await drain(outbox);
    expect(left.at(-1)).toBe(1_999);
    expect(left).toEqual(range(2_000 - left.length, 2_000));
    expect(counts['bound']).toBe(2_000 - left.length);
  });

  it('keeps what is being sent while it makes room', async () => {
    const outbox = await box(65_536);
    await fill(outbox, 0, 300);
    const out = await outbox.oldest();
    for (let n = 300; n < 1_500; n += 100) await fill(outbox, n, n + 100);
    expect(fs.readdirSync(dir)).toContain(`${String(out?.number).padStart(12, '0')}.seg`);
    if (out) await outbox.settle(out);
    const left = await drain(outbox);
    expect((counts['bound'] ?? 0) + left.length + (out?.records ?? 0)).toBe(1_500);
  });

  it('refuses a record that no segment holds, and counts it', async () => {
    const outbox = await box(65_536);
    outbox.put('x'.repeat(70_000));
    expect(counts).toEqual({ size: 1 });
  });

  it('waits for a full disk, gives up no more than it must, and goes on where it was', async () => {
    let full = true;
    const folder = new FolderDisk(dir);
    const enospc = (): void => {
      if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    const disk: Disk = {
      list: () => folder.list(),
      read: (name) => folder.read(name),
      remove: (name) => folder.remove(name),
      create: async (name, content) => (enospc(), folder.create(name, content)),
      append: async (name, place, content) => {
        // Half of it lands before the disk is full.
        if (full) fs.appendFileSync(path.join(dir, name), content.subarray(0, content.byteLength / 2));
        enospc();
        return folder.append(name, place, content);
      },
    };
    full = false;
    const outbox = await box(8 * MIB, disk);
    await fill(outbox, 0, 10);
    full = true;
    await fill(outbox, 10, 20);
    expect([failures.length, counts]).toEqual([1, {}]);
    await fill(outbox, 20, 12_020);
    const lost = counts['disk'] ?? 0;
    expect(lost).toBeGreaterThan(0);
    full = false;
    await outbox.flush();
    expect(await drain(outbox)).toEqual([...range(0, 10), ...range(10 + lost, 12_020)]);
  });

  it('counts records that the disk damaged, and sends the others', async () => {
    const outbox = await box();
    await fill(outbox, 0, 10);
    const [name = ''] = fs.readdirSync(dir);
    const bytes = fs.readFileSync(path.join(dir, name));
    const place = bytes.byteLength - 5;
    bytes[place] = (bytes[place] ?? 0) ^ 4;
    fs.writeFileSync(path.join(dir, name), bytes);
    expect([await drain(outbox), counts]).toEqual([range(0, 9), { damaged: 1 }]);
  });

  describe('whose disk does not read a segment', () => {
    /** A folder of three segments, of which the first gives an error in place of its content. */
    class Unread extends FolderDisk {
      code: string | undefined;
      override async read(name: string): Promise<Buffer> {
        if (this.code !== undefined && name.startsWith('000000000001')) {
          throw Object.assign(new Error(this.code), { code: this.code });
        }
        return super.read(name);
      }
    }
    let disk: Unread;
    beforeEach(async () => {
      disk = new Unread(dir);
      for (const n of [0, 1, 2]) await fill(await box(), n, n + 1);
      expect(fs.readdirSync(dir)).toHaveLength(3);
    });

    it('goes on at once with the others where it is gone', async () => {
      const outbox = await box(MIB, disk);
      fs.rmSync(path.join(dir, '000000000001.seg'));
      expect([await drain(outbox), counts]).toEqual([[1, 2], { damaged: 1 }]);
    });

    it.each([false, true])('gives it up after five tries, found so at the start: %s', async (early) => {
      if (early) disk.code = 'EIO';
      const outbox = await box(MIB, disk);
      disk.code = 'EIO';
      for (let tries = 1; tries < 5; tries += 1) await expect(outbox.oldest()).rejects.toThrow('EIO');
      expect([await drain(outbox), counts]).toEqual([[1, 2], { damaged: 1 }]);
      expect(fs.readdirSync(dir)).toEqual([]);
    });

    it('sends it once it can be read, and waits for that while the system is short of something', async () => {
      disk.code = 'EMFILE';
      const outbox = await box(MIB, disk);
      for (let tries = 0; tries < 9; tries += 1) await expect(outbox.oldest()).rejects.toThrow('EMFILE');
      disk.code = undefined;
      expect([await drain(outbox), counts]).toEqual([[0, 1, 2], {}]);
    });

    it('goes on where it cannot be removed either', async () => {
      fs.mkdirSync(path.join(dir, '000000000000.seg'));
      const outbox = await box();
      for (let tries = 1; tries < 5; tries += 1) await expect(outbox.oldest()).rejects.toThrow('EISDIR');
      expect([await drain(outbox), counts]).toEqual([[0, 1, 2], { damaged: 1 }]);
    });
  });

  it('refuses a folder that is none', async () => {
    fs.writeFileSync(path.join(dir, 'file'), '');
    await expect(box(MIB, new FolderDisk(path.join(dir, 'file')))).rejects.toThrow('LNMT8115');
  });
});

describe('a sender', () => {
  let collector: Collector;

  beforeEach(async () => (collector = await Collector.start()));
  afterEach(() => collector.close());

  it('brings records in order with its token, and nothing stays behind', async () => {
    fs.writeFileSync(path.join(dir, 'token'), 'the-token');
    const outbox = await box();
    await fill(outbox, 0, 20);
    const sending = sender(
      outbox,
      collector.url,
      followSecret(path.join(dir, 'token'), { info: () => undefined, error: () => undefined }),
    );
    expect([await sending.step(), await sending.step()]).toEqual([0, undefined]);
    expect(collector.records.map(({ n }) => n)).toEqual(range(0, 20));
    expect(collector.deliveries[0]?.authorization).toBe('Bearer the-token');
    expect([counts, outbox.bytes]).toEqual([{ sent: 20 }, 0]);
  });

  it.each([500, 503, 302, 401, 403, 404, 405, 407, 408, 421, 425, 429])(
    'tries again after the status %i, later each time',
    async (status) => {
      const outbox = await box();
      await fill(outbox, 0, 3);
      collector.status = status;
      const sending = sender(outbox, collector.url);
      expect([await sending.step(), await sending.step(), await sending.step()]).toEqual([1_000, 2_000, 4_000]);
      for (let turn = 0; turn < 10; turn += 1) await sending.step();
      expect(await sending.step()).toBe(300_000);
      collector.status = 200;
      expect([await sending.step(), counts]).toEqual([0, { sent: 3 }]);
    },
  );

  it('waits as long as the collector asks, within its bound', async () => {
    const outbox = await box();
    await fill(outbox, 0, 3);
    [collector.status, collector.retryAfter] = [503, '77'];
    const sending = sender(outbox, collector.url);
    expect(await sending.step()).toBe(77_000);
    collector.retryAfter = '999999';
    expect(await sending.step()).toBe(300_000);
  });

  it('sends again under the same key what was taken without an answer', async () => {
    const outbox = await box();
    await fill(outbox, 0, 3);
    collector.status = undefined;
    const sending = sender(outbox, collector.url);
    expect(await sending.step()).toBe(1_000);
    collector.status = 200;
    await sending.step();
    expect(collector.deliveries).toHaveLength(2);
    expect(new Set(collector.deliveries.map(({ key }) => key)).size).toBe(1);
    expect(collector.records.map(({ n }) => n)).toEqual(range(0, 3));
  });

  it('gives up and counts what the collector refuses for good, and takes a conflict for a success', async () => {
    const outbox = await box();
    await fill(outbox, 0, 3);
    const sending = sender(outbox, collector.url);
    collector.status = 422;
    expect([await sending.step(), counts]).toEqual([0, { refused: 3 }]);
    await fill(outbox, 3, 5);
    collector.status = 409;
    expect([await sending.step(), counts]).toEqual([0, { refused: 3, sent: 2 }]);
  });
});

/** A clock that stands still until a test moves it. */
class TestClock implements Clock {
  time = 0;
  /** What the wall says is off by so much, and jumps. */
  drift = 0;
  private sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  readonly now = (): number => this.time;
  readonly wall = (): Date => new Date(1_700_000_000_000 + this.time + this.drift);
  readonly sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.sleepers.push({ at: this.time + ms, wake });
      signal.addEventListener('abort', wake, { once: true });
    });

  /** Wakes those who sleep in their order until so much time has passed. */
  async pass(ms: number, idle: () => Promise<unknown>): Promise<void> {
    for (const end = this.time + ms; ;) {
      this.sleepers.sort((a, b) => a.at - b.at);
      const next = this.sleepers[0];
      if (next === undefined || next.at > end) return void (this.time = end);
      this.sleepers.shift();
      this.time = Math.max(this.time, next.at);
      next.wake();
      await idle();
    }
  }
}

describe('a server that is offline for seven days (R-36)', () => {
  it.each([
    ['loses nothing below the bound', 16 * MIB, false],
    ['counts exactly what it gives up above the bound', 128 * 1024, true],
  ])(
    '%s, and serves all the time',
    async (_title, maxBytes, drops) => {
      const server = await testServer();
      await server.load('model.onnx');
      const clock = new TestClock();
      const outbox = await box(maxBytes);
      const spare = await Collector.start();
      const { port } = spare;
      await spare.close();
      const sending = sender(outbox, `http://127.0.0.1:${port}/ingest`);
      let steps = 0;
      const slow = { step: () => ((steps += 1), sending.step()) } as unknown as Sender;
      const intervalMs = 1_800_000;
      const telemetry = new Telemetry({
        ...{
          outbox,
          sender: slow,
          registry: server.registry,
          refresh: server.refresh,
          clock,
          intervalMs,
          observed: () => undefined,
          failed: (error: unknown) => failures.push(error),
        },
        recorded: (name) => name === 'lnmt_inference_requests_total',
      });
      // Only the loops of records and of sending: the disk is brought up to date by hand, so that a day is not 86 400 turns.
      const idle = (): Promise<void> => outbox.flush();
      const records = 7 * 48;
      for (let day = 0; day < 7; day += 1) {
        const answer = await server.app.inject({
          ...{ method: 'POST', url: inferPath('demo'), headers: { authorization: `Bearer ${FULL_KEY}` } },
          payload: DEMO_REQUEST,
        });
        expect(answer.statusCode).toBe(200);
        clock.drift = day % 2 === 0 ? -30 * DAY_MS : 30 * DAY_MS;
        for (let turn = 0; turn < 48; turn += 1) {
          await clock.pass(intervalMs, idle);
          await telemetry.snapshot();
          telemetry.put('filler', { pad: 'x'.repeat(600) });
          await idle();
          if (turn % 12 === 0) expect(await slow.step()).toBeGreaterThan(0);
        }
        expect(outbox.bytes).toBeLessThanOrEqual(maxBytes);
      }
      const lost = counts['bound'] ?? 0;
      expect([lost > 0, clock.time, steps]).toEqual([drops, 7 * DAY_MS, 28]);
      const collector = await Collector.start(port);
      for (let pause = await sending.step(); pause !== undefined; pause = await sending.step()) expect(pause).toBe(0);
      await collector.close();
      expect(collector.records.map(({ n }) => n)).toEqual(range(1 + lost, 2 * records + 1));
      expect(counts['sent']).toBe(2 * records - lost);
      const last = collector.records.filter(({ kind }) => kind === 'metrics').at(-1);
      expect(JSON.stringify(last)).toContain('"value":7');
      await server.models.close();
    },
    120_000,
  );

  it('brings lines of others as they are, with integers that no number holds', async () => {
    const { registry, refresh } = await testServer();
    const outbox = await box();
    const telemetry = new Telemetry({
      ...{ outbox, registry, refresh, clock: new TestClock(), intervalMs: 1_000 },
      sender: sender(outbox, 'http://127.0.0.1:9'),
      ...{ recorded: () => false, observed: () => undefined, failed: (error: unknown) => failures.push(error) },
    });
    telemetry.putLines('other', '{"id":9007199254740993,"at":18446744073709551615}\n\n{"id":-1}\n');
    await outbox.flush();
    const lines = (await outbox.oldest())?.lines.toString().trimEnd().split('\n') ?? [];
    expect(lines[0]).toContain('"record":{"id":9007199254740993,"at":18446744073709551615}}');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { n: 1, kind: 'other' },
      { n: 2, kind: 'other', record: { id: -1 } },
    ]);
  });

  it('records metrics that are computed when somebody asks as they are now, though nobody scrapes them', async () => {
    const server = await testServer();
    const { registry, refresh } = server;
    const outbox = await box();
    const telemetry = new Telemetry({
      ...{ outbox, registry, refresh, clock: new TestClock(), intervalMs: 1_000 },
      sender: sender(outbox, 'http://127.0.0.1:9'),
      recorded: (name) => name === METRICS.modelReady.name,
      ...{ observed: () => undefined, failed: (error: unknown) => failures.push(error) },
    });
    await server.load('model.onnx');
    await telemetry.snapshot();
    await outbox.flush();
    const labels = { model: 'demo', version: '1' };
    expect(JSON.parse((await outbox.oldest())?.lines.toString() ?? '')).toMatchObject({
      values: [{ name: METRICS.modelReady.name, labels, value: 1 }],
    });
  });

  it('records, flushes and sends by its clock, and brings the last records out when it ends', async () => {
    const server = await testServer();
    const clock = new TestClock();
    const outbox = await box();
    const collector = await Collector.start();
    const options = {
      intervalMs: 60_000,
      observed: () => count('observed', 1),
      recorded: () => true,
      failed: (error: unknown) => failures.push(error),
    };
    const sending = sender(outbox, collector.url);
    const { registry, refresh } = server;
    const telemetry = new Telemetry({ ...options, outbox, sender: sending, registry, refresh, clock });
    telemetry.start();
    const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
    for (let turn = 0; turn < 2_000 && collector.records.length < 2; turn += 1) {
      // The disk and the network take their own time, in which nobody sleeps.
      await settle();
      await clock.pass(1_000, settle);
    }
    expect(collector.records.length).toBeGreaterThanOrEqual(2);
    telemetry.putLines('other', '{"of":"a producer"}\n');
    await telemetry.close();
    const all = collector.records;
    expect(all.map(({ n }) => n)).toEqual(range(1, all.length + 1));
    expect(all.slice(-2)).toMatchObject([{ kind: 'other', record: { of: 'a producer' } }, { kind: 'metrics' }]);
    expect([counts['sent'], outbox.bytes]).toEqual([all.length, 0]);
    await collector.close();
  });
});

import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { INFERENCE_ENV, inferPath, METRICS } from '../../../../runtime/contract';
import { openPayloadLog, payloadProblems } from '../../../../runtime/inference/payload-log/open';
import type { PayloadSettings } from '../../../../runtime/inference/payload-log/open';
import { PayloadLog, QUEUE_LIMITS } from '../../../../runtime/inference/payload-log/payload-log';
import type { RecordOutcome } from '../../../../runtime/inference/payload-log/payload-log';
import { writeRecord } from '../../../../runtime/inference/payload-log/record';
import type { Exchange } from '../../../../runtime/inference/payload-log/record';
import { RotatingFile } from '../../../../runtime/inference/payload-log/rotating-file';
import { readRules } from '../../../../runtime/inference/payload-log/rules';
import { packElements } from '../../../../runtime/inference/tensors/elements';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';
import { DEMO_REQUEST, FULL_KEY, testServer } from '../../support/server';
import { uniform } from '../../support/random';
import { temporaryFolder } from '../../support/temporary';

const KEY = Buffer.from('0123456789abcdef');
const numbers = (name: string, ...data: number[]): Tensor => ({
  ...{ name, datatype: 'FP32', shape: [1, data.length] },
  data: packElements('FP32', data),
});
const text = (name: string, value: string): Tensor => ({
  ...{ name, datatype: 'BYTES', shape: [1] },
  data: packElements('BYTES', [value]),
});
const exchange = (more: Partial<Exchange> = {}): Exchange => ({
  ...{ at: Date.UTC(2026, 0, 2), ms: 1.23456, request: 'q', trace: 'a'.repeat(32), model: 'demo', version: '1' },
  caller: { id: 'alice', method: 'api-key', scopes: ['infer'] } as never,
  ...{ outcome: 'ok', inputs: [numbers('x', 1, 2.5)], outputs: [numbers('y', 3)] },
  ...more,
});
const rules = (tensors: readonly string[] = [], rates: readonly string[] = ['*=1']) => readRules({ rates, tensors });
const record = (what: Exchange, tensors: readonly string[] = [], maxBytes = 65_536): string | undefined =>
  writeRecord(what, { rules: rules(tensors), key: KEY, maxBytes });

let dir: string;
let file: string;

beforeEach(() => {
  dir = temporaryFolder();
  file = path.join(dir, 'payload.jsonl');
});

afterEach(() => fs.rmSync(dir, { recursive: true }));

describe('a record', () => {
  it('is one line with what was asked, by whom, and what became of it', () => {
    const line = record(exchange());
    expect(line).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(line ?? '')).toEqual({
      ...{ time: '2026-01-02T00:00:00.000Z', request: 'q', trace: 'a'.repeat(32), model: 'demo', version: '1' },
      ...{ caller: expect.stringMatching(/^[0-9a-f]{32}$/) as string, outcome: 'ok', ms: 1.235 },
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1], data: [3] }],
    });
  });

  it('has numbers in clear and text as a hash, unless a rule says otherwise of a name', () => {
    const both = exchange({ inputs: [numbers('x', 42), text('t', 'secret')], outputs: [] });
    const inputs = (...tensors: string[]): unknown =>
      (JSON.parse(record(both, tensors) ?? '') as { inputs: unknown }).inputs;
    const x = { name: 'x', datatype: 'FP32', shape: [1, 1] };
    const t = { name: 't', datatype: 'BYTES', shape: [1] };
    const hash = expect.stringMatching(/^[0-9a-f]{32}$/) as string;
    expect(inputs()).toEqual([
      { ...x, data: [42] },
      { ...t, hash },
    ]);
    expect(inputs('*=keep')).toEqual([
      { ...x, data: [42] },
      { ...t, hash },
    ]);
    expect(inputs('*=drop')).toEqual([x, t]);
    expect(inputs('x=hash', 't=keep')).toEqual([
      { ...x, hash },
      { ...t, data: ['secret'] },
    ]);
    expect(inputs('x=drop', 'demo/x=keep', 'other/t=keep')).toEqual([
      { ...x, data: [42] },
      { ...t, hash },
    ]);
  });

  it('names callers and hashes so that only the holder of the key can tell whether two are the same', () => {
    const callerOf = (key: Buffer): unknown =>
      (JSON.parse(writeRecord(exchange(), { rules: rules(), key, maxBytes: 65_536 }) ?? '') as { caller: string })
        .caller;
    expect(callerOf(KEY)).toBe(callerOf(KEY));
    expect(callerOf(KEY)).not.toBe(callerOf(Buffer.alloc(16)));
  });

  it('is valid JSON within its bound, whatever clients send (seed 2)', () => {
    const tensor = fc.record({ name: fc.string({ maxLength: 40 }), size: fc.nat(400), isText: fc.boolean() });
    fc.assert(
      fc.property(fc.array(tensor, { maxLength: 12 }), fc.string({ maxLength: 400 }), (tensors, request) => {
        const inputs = tensors.map(({ name, size, isText }) =>
          isText ? text(name, 'é"\n'.repeat(size)) : numbers(name, ...new Array<number>(size).fill(1e-7)),
        );
        const line = record(
          exchange({ request, inputs }),
          ['*=keep', ...tensors.map(({ name }) => `${name}=keep`)].filter(
            (rule, at, all) => all.indexOf(rule) === at && !rule.startsWith('='),
          ),
          1_024,
        );
        if (line === undefined) return;
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1_024);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect((JSON.parse(line) as { inputs: unknown[] }).inputs).toHaveLength(inputs.length);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('leaves values out that do not fit, and says so', () => {
    const inputs = [numbers('x', ...new Array<number>(5_000).fill(0.5)), numbers('z', 7)];
    expect(JSON.parse(record(exchange({ inputs, outputs: [] }), [], 1_024) ?? '')).toMatchObject({
      inputs: [
        { name: 'x', shape: [1, 5_000], truncated: true },
        { name: 'z', data: [7] },
      ],
    });
  });
});

describe('the file', () => {
  const lines = (name = file): string[] => fs.readFileSync(name, 'utf8').split('\n').slice(0, -1);

  it('is moved aside when it is full, and the oldest goes', async () => {
    const rotating = new RotatingFile(file, { bytes: 20, files: 3 });
    for (let line = 1; line <= 9; line++) await rotating.append(`line-${line}xx\n`);
    await rotating.close();
    expect(fs.readdirSync(dir).sort()).toEqual(['payload.jsonl', 'payload.jsonl.1', 'payload.jsonl.2']);
    expect([lines(), lines(`${file}.1`), lines(`${file}.2`)]).toEqual([
      ['line-9xx'],
      ['line-7xx', 'line-8xx'],
      ['line-5xx', 'line-6xx'],
    ]);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  });

  it('goes on after a process that died amid a line', async () => {
    fs.writeFileSync(file, '{"a":1}\n{"half');
    const rotating = new RotatingFile(file, { bytes: 1_000, files: 2 });
    await rotating.append('{"b":2}\n');
    await rotating.close();
    expect(lines()).toEqual(['{"a":1}', '{"half', '{"b":2}']);
  });

  it.runIf(fs.existsSync('/dev/full'))('fails on a full disk, and only then', async () => {
    await expect(new RotatingFile('/dev/full', { bytes: 1_000, files: 2 }).append('x\n')).rejects.toThrow('ENOSPC');
  });
});

describe('the payload log', () => {
  const told: Partial<Record<RecordOutcome, number>> = {};
  let failures: unknown[];
  let now: number;

  const logTo = (target: Pick<RotatingFile, 'append' | 'close'>, rates = ['*=1'], maxBytes = 65_536): PayloadLog =>
    new PayloadLog({
      ...{ file: target, key: KEY, maxBytes, rules: rules([], rates), now: () => now, random: uniform(7) },
      counted: (outcome, records) => (told[outcome] = (told[outcome] ?? 0) + records),
      failed: (error) => failures.push(error),
    });

  beforeEach(() => {
    for (const outcome of Object.keys(told)) delete told[outcome as RecordOutcome];
    [failures, now] = [[], 0];
  });

  it('draws as many requests of each model as its rate says (seed 7)', () => {
    const log = logTo(new RotatingFile(file, { bytes: 1_000, files: 2 }), ['a=0.25', 'b=0', '*=1']);
    const share = (model: string): number =>
      Array.from({ length: 4_000 }, () => log.samples(model)).filter(Boolean).length / 4_000;
    expect(share('a')).toBeCloseTo(0.25, 1);
    expect([share('b'), share('c')]).toEqual([0, 1]);
  });

  it('has written everything that it took once it is closed', async () => {
    const log = logTo(new RotatingFile(file, { bytes: 10_000_000, files: 2 }));
    for (let count = 0; count < 500; count++) log.record(exchange({ request: String(count) }));
    await log.close();
    const ids = fs
      .readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { request: string }).request);
    expect(ids).toEqual(Array.from({ length: 500 }, (_, count) => String(count)));
    expect(told).toEqual({ written: 500 });
  });

  it('takes no more than its queue holds while the disk hangs, and counts the others', async () => {
    let free: () => void = () => undefined;
    const hung = new Promise<void>((resolve) => (free = resolve));
    const log = logTo({ append: () => hung, close: async () => undefined });
    const more = 50;
    for (let count = 0; count < QUEUE_LIMITS.records + more; count++) log.record(exchange());
    free();
    await log.close();
    expect(told).toEqual({ written: QUEUE_LIMITS.records, 'queue-full': more });
  });

  it('drops and counts what a full disk refuses, says so once, and goes on when there is room', async () => {
    let isFull = true;
    const good = new RotatingFile(file, { bytes: 1_000_000, files: 2 });
    const append = async (line: string): Promise<void> => {
      if (isFull) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      await good.append(line);
    };
    const log = logTo({ append, close: () => good.close() });
    log.record(exchange());
    await expect.poll(() => told.disk).toBe(1);
    isFull = false;
    log.record(exchange());
    await expect.poll(() => told.disk).toBe(2);
    now += 1_001;
    log.record(exchange());
    await expect.poll(() => told.written).toBe(1);
    await log.close();
    expect(failures).toHaveLength(1);
  });

  it('counts a record whose names alone are too long', async () => {
    const log = logTo(new RotatingFile(file, { bytes: 1_000, files: 2 }), ['*=1'], 1_024);
    log.record(exchange({ inputs: [numbers('x'.repeat(2_000), 1)] }));
    await log.close();
    expect(told).toEqual({ 'too-long': 1 });
  });
});

describe('the settings of the payload log', () => {
  const settings = (more: Partial<PayloadSettings> = {}): PayloadSettings => ({
    ...{ payloadLogFile: file, payloadLogKeyFile: path.join(dir, 'key'), payloadLogRates: ['*=1'] },
    ...{
      payloadLogTensors: undefined,
      payloadLogRecordBytes: 65_536,
      payloadLogFileBytes: 2 ** 20,
      payloadLogFiles: 2,
    },
    ...more,
  });
  const open = (more: Partial<PayloadSettings> = {}) =>
    openPayloadLog(settings(more), { error: () => undefined }, () => undefined);

  it('open nothing where no file is named, and are free of faults', () => {
    expect(open({ payloadLogFile: undefined })).toBeUndefined();
    expect(payloadProblems(settings({ payloadLogFile: undefined, payloadLogRates: ['nonsense'] }))).toEqual([]);
    expect(payloadProblems(settings({ payloadLogRates: ['a=0.5', '*=0'], payloadLogTensors: ['a/x=drop'] }))).toEqual(
      [],
    );
  });

  it.each<[string, Partial<PayloadSettings>, string]>([
    [
      'no key',
      { payloadLogKeyFile: undefined },
      'LNMT_PAYLOAD_LOG_KEY_FILE is not set; LNMT_PAYLOAD_LOG_FILE needs it',
    ],
    [
      'a rate beyond 1',
      { payloadLogRates: ['a=2'] },
      'LNMT_PAYLOAD_LOG_RATES has "a=2", which is not MODEL=RATE with a rate from 0 to 1',
    ],
    [
      'a rate of nothing',
      { payloadLogRates: ['0.5'] },
      'LNMT_PAYLOAD_LOG_RATES has "0.5", which is not MODEL=RATE with a rate from 0 to 1',
    ],
    ['a model twice', { payloadLogRates: ['a=0', 'a=1'] }, 'LNMT_PAYLOAD_LOG_RATES says "a" twice'],
    [
      'another treatment',
      { payloadLogTensors: ['x=show'] },
      'LNMT_PAYLOAD_LOG_TENSORS has "x=show", which is not [MODEL/]NAME=keep, hash or drop',
    ],
  ])('refuse %s', (_title, more, problem) => {
    expect(payloadProblems(settings(more))).toEqual([problem]);
  });

  it('refuse a key that is absent or short, and a file that cannot be written', () => {
    expect(() => open()).toThrow('LNMT8461: the key of the payload log cannot be used');
    fs.writeFileSync(path.join(dir, 'key'), 'short');
    expect(() => open()).toThrow(/LNMT8461: .* has 5 bytes; give 16 to 4096$/);
    fs.writeFileSync(path.join(dir, 'key'), KEY);
    expect(() => open({ payloadLogFile: path.join(dir, 'no', 'file') })).toThrow(
      'LNMT8462: the payload log cannot be written',
    );
    expect(INFERENCE_ENV.payloadLogFile.optional).toBe(true);
  });
});

describe('a server with a payload log', () => {
  it('notes answers and errors of its models, and counts them', async () => {
    fs.writeFileSync(path.join(dir, 'key'), KEY);
    const settings = {
      ...{ payloadLogFile: file, payloadLogKeyFile: path.join(dir, 'key'), payloadLogRates: ['*=1'] },
      ...{
        payloadLogTensors: undefined,
        payloadLogRecordBytes: 65_536,
        payloadLogFileBytes: 2 ** 20,
        payloadLogFiles: 2,
      },
    };
    const server = await testServer({
      openPayloadLog: (counted) => openPayloadLog(settings, { error: () => undefined }, counted),
    });
    await server.load('model.onnx');
    const post = (payload: object) =>
      server.app.inject({ method: 'POST', url: inferPath('demo'), headers: { 'x-api-key': FULL_KEY }, payload });
    await post({ id: 'one', ...DEMO_REQUEST });
    await post({ id: 'two', inputs: [{ ...DEMO_REQUEST.inputs[0], name: 'z' }] });
    await server.app.close();
    await server.payloadLog?.close();
    const records = fs
      .readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(records).toMatchObject([
      {
        request: 'one',
        outcome: 'ok',
        version: '1',
        inputs: [{ data: [1, 2.5] }],
        outputs: [{ name: 'y', data: [1, 2.5] }],
      },
      { request: 'two', outcome: 'LNMT8203', inputs: [{ name: 'z' }], outputs: [] },
    ]);
    expect(JSON.stringify(records)).not.toContain(FULL_KEY);
    expect(await server.registry.metrics()).toContain(`${METRICS.payloadRecords.name}{outcome="written"} 2`);
  });
});

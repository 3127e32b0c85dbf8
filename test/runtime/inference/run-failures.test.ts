import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { inferPath, METRICS, MODEL_STORE, PATHS } from '../../../runtime/contract';
import type { Backend } from '../../../runtime/inference/backends/backend';
import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import { lacksMemory, reasonOf, repliedFailure, runFailure } from '../../../runtime/inference/backends/run-failure';
import { modelOutOfMemory, modelRefused, runReasonOf, runTimedOut } from '../../../runtime/inference/errors';
import type { GenerationListener } from '../../../runtime/inference/generation/answer';
import { errorOf, failedStep } from '../../../runtime/inference/generation/protocol';
import { observeFailures, watchedAnswers } from '../../../runtime/inference/registry/run-failures';
import { packElements } from '../../../runtime/inference/tensors/elements';
import { ERROR_CODE_HEADER } from '../../../runtime/shared/error-plugin';
import { buildMetrics } from '../../../runtime/shared/metrics';
import { find } from '../../../runtime/shared/programs';
import type { FailedReply } from '../../../runtime/inference/host/protocol';
import { failedReply, resultReply } from '../../../runtime/inference/host/reply';
import { FakeBackend } from '../support/fake-backend';
import { bombModel, pickyModel, pushModel } from '../support/models';
import { KEY, ServerProcess } from '../support/process';
import { temporaryFolder } from '../support/temporary';

/** What onnxruntime says of a Gather beyond its table, and of a buffer that cannot be had. */
const GATHER =
  "Non-zero status code returned while running Gather node. Name:'pick_7' Status Message: indices element out of data bounds, idx=99 must be within the inclusive range [-1,0]";
const BUFFER =
  "Non-zero status code returned while running Add node. Name:'' Status Message: bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 6000000000";

describe('the reason of a failed run', () => {
  it('names node and fault, and no number of the request', () => {
    expect(reasonOf(new Error(GATHER), false)).toBe(
      "Non-zero status code returned while running Gather node. Name:'pick_7' Status Message: indices element out of data bounds, idx=# must be within the inclusive range [-#]",
    );
  });

  it('says how much memory was asked for', () => {
    expect(reasonOf(new Error(BUFFER), false)).toMatch(/^Non-zero .* Add node.*\(6000000000 bytes asked for\)$/);
  });

  it('never repeats a value, quoted or not, and is never long', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10_000 }),
        fc.stringMatching(/^[a-z]{12,20}$/),
        fc.boolean(),
        (number, text, own) => {
          const said = `${GATHER}, idx=${number} or -${number}.5e7 of '${text}' and "${text}" `.repeat(20);
          const reason = reasonOf(new Error(own ? said : said.replace('Non-zero', 'Some')), false);
          expect(reason).not.toContain(String(number));
          expect(reason).not.toContain(text);
          expect(reason.length).toBeLessThanOrEqual(500);
          const texts = reasonOf(new Error(`${GATHER}: cannot convert ${text}`), true);
          expect(texts).not.toContain(text);
        },
      ),
    );
  });

  it.each([
    BUFFER,
    'std::bad_alloc',
    'bad allocation',
    'CUDA failure 2: out of memory',
    'CUBLAS_STATUS_ALLOC_FAILED',
    'Array buffer allocation failed',
    'Available memory of 5 is smaller than requested bytes of 7',
  ])('is want of memory, which is no fault of the client: %s', (said) => {
    expect(lacksMemory(new Error(said))).toBe(true);
    expect(runFailure(new Error(said), false)).toMatchObject({ status: 503, code: 'LNMT8208', cause: undefined });
  });

  it('is a refusal for everything else', () => {
    expect(runFailure(new Error(GATHER), false)).toMatchObject({ status: 422, code: 'LNMT8204' });
    expect(runReasonOf(runFailure(new Error(GATHER), false))).toContain('Gather');
    expect(runReasonOf(runTimedOut(1))).toBeUndefined();
  });

  it('is that no frame holds its outputs, where they have too many bytes', () => {
    const output = { name: 'y', datatype: 'UINT8', shape: [9], data: new Uint8Array(9) } as const;
    const reply = resultReply([output, output], 31);
    expect(reply).toMatchObject({ header: { type: 'failed', bytes: 32 }, parts: [] });
    expect(repliedFailure(reply.header as FailedReply)).toMatchObject({
      ...{ status: 422, code: 'LNMT8210', retryAfter: undefined },
      message: 'the outputs have 32 bytes, and 2147483648 are possible; send less at once',
    });
    expect(resultReply([output, output], 32).parts).toHaveLength(2);
  });

  it('crosses from the host', () => {
    for (const error of [modelOutOfMemory('6 GB'), modelRefused(new Error('Gather'))]) {
      const crossed = repliedFailure(failedReply(error));
      expect(crossed).toMatchObject({ code: error.code, status: error.status });
      expect(runReasonOf(crossed)).toBe(runReasonOf(error));
    }
  });

  it('is made of what onnxruntime really says', async () => {
    const dir = temporaryFolder();
    fs.writeFileSync(path.join(dir, 'picky.onnx'), pickyModel());
    const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
    await backend.load(path.join(dir, 'picky.onnx'));
    const input = { name: 'index', datatype: 'INT64', shape: [1], data: packElements('INT64', [987_654n]) } as const;
    const error: unknown = await backend.run([input], ['y']).catch((thrown: unknown) => thrown);
    expect(runReasonOf(error)).toMatch(/Gather node.*indices element out of data bounds/);
    expect(runReasonOf(error)).not.toContain('987');
    await backend.close();
    fs.rmSync(dir, { recursive: true });
  });

  it('crosses from the host as the end of an answer, too', () => {
    for (const error of [modelOutOfMemory('6 GB'), modelRefused(new Error('Gather'))]) {
      expect(errorOf(failedStep(error))).toMatchObject({ code: error.code, status: error.status });
      expect(runReasonOf(errorOf(failedStep(error)))).toBe(runReasonOf(error));
    }
    expect(errorOf(failedStep(new Error('a defect')))).toMatchObject({ code: 'LNMT8204' });
  });
});

describe('failed runs', () => {
  const model = { name: 'm', version: '1' };

  function observed() {
    const registry = new Registry();
    const warn = vi.fn();
    const clock = { now: 0 };
    const failed = observeFailures(buildMetrics(METRICS, registry), model, { warn }, () => clock.now);
    return { registry, warn, clock, failed };
  }

  it('are all counted, by code', async () => {
    const { registry, failed } = observed();
    for (const error of [modelRefused(new Error('x')), runTimedOut(1), modelOutOfMemory('x'), modelOutOfMemory('x')]) {
      failed(error);
    }
    failed(new Error('a defect'));
    const text = await registry.metrics();
    for (const [code, count] of [
      ['LNMT8204', 1],
      ['LNMT8205', 1],
      ['LNMT8208', 2],
      ['LNMT8010', 1],
    ] as const) {
      expect(text).toContain(`${METRICS.runFailures.name}{model="m",version="1",code="${code}"} ${count}`);
    }
  });

  it('are logged at most once in ten seconds for each code, with how many they were', () => {
    const { warn, clock, failed } = observed();
    for (let turn = 0; turn < 1_000; turn += 1) failed(modelRefused(new Error('Gather node')));
    failed(modelOutOfMemory('6 GB'));
    failed(runTimedOut(1));
    clock.now = 10_000;
    failed(modelRefused(new Error('Gather node')));
    expect(warn.mock.calls).toEqual([
      [{ ...model, code: 'LNMT8204', reason: 'Gather node', failures: 1 }, 'the model refused an input'],
      [{ ...model, code: 'LNMT8208', reason: '6 GB', failures: 1 }, 'the model had no memory for a run'],
      [{ ...model, code: 'LNMT8204', reason: 'Gather node', failures: 1_000 }, 'the model refused an input'],
    ]);
  });

  it('are told of answers, too, and their listener hears what it heard before', () => {
    const failed = vi.fn();
    const backend: Backend = new FakeBackend();
    expect(watchedAnswers(backend, failed)).toEqual({});
    let inside: GenerationListener | undefined;
    backend.generate = (_work, listener) => {
      inside = listener;
      return () => undefined;
    };
    const heard = { step: vi.fn(), fail: vi.fn() };
    watchedAnswers(backend, failed).generate?.({} as never, heard);
    inside?.step({ token: 1 });
    inside?.step({ finish: 'failed', message: 'x', outOfMemory: true });
    inside?.fail(runTimedOut(1));
    expect(failed.mock.calls.map(([error]) => (error as { code: string }).code)).toEqual(['LNMT8208', 'LNMT8205']);
    expect([heard.step.mock.calls.length, heard.fail.mock.calls.length]).toEqual([2, 1]);
  });
});

describe('a server whose model may take 1 GiB', () => {
  let dir: string;
  let server: ServerProcess;

  beforeAll(async () => {
    dir = temporaryFolder();
    for (const [name, graph] of [
      ['bomb', bombModel()],
      ['picky', pickyModel()],
    ] as const) {
      pushModel(dir, name, '1', { [MODEL_STORE.model]: graph });
    }
    server = ServerProcess.start({
      ...{ modelRepository: pathToFileURL(dir).href, modelLoading: 'pinned', workers: '1' },
      ...{ hostMemoryBytes: String(2 ** 30), logLevel: 'info' },
    });
    await server.ready();
  });

  afterAll(async () => {
    await server.dispose();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  async function ask(model: string, name: string, value: number): Promise<{ answer: Response; text: string }> {
    const body = JSON.stringify({ inputs: [{ name, datatype: 'INT64', shape: [1], data: [value] }] });
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
    const answer = await fetch((await server.url()) + inferPath(model), { method: 'POST', headers, body });
    return { answer, text: await answer.text() };
  }

  const exposed = async (): Promise<string> => (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();

  it('tells a client that memory was short, and its operator of what', async (context) => {
    if (find('prlimit', process.env['PATH'] ?? '') === undefined) return context.skip('this system has no prlimit');
    const { answer, text } = await ask('bomb', 'count', 1_500_000_000);
    expect([answer.status, answer.headers.get(ERROR_CODE_HEADER)]).toEqual([503, 'LNMT8208']);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(text).not.toMatch(/\d{3}|\/|alloc/);
    const line = await server.line('the model had no memory for a run');
    expect(line).toMatchObject({ level: 'warn', name: 'bomb', version: '1', code: 'LNMT8208', failures: 1 });
    expect(String(line['reason'])).toMatch(/alloc/i);
    expect(await exposed()).toContain(`${METRICS.runFailures.name}{model="bomb",version="1",code="LNMT8208"} 1`);
    expect((await ask('bomb', 'count', 4)).answer.status).toBe(200);
  });

  it('logs why a model refuses inputs, without their values, once for many of them', async () => {
    for (let value = 777_001; value <= 777_030; value += 1) {
      expect((await ask('picky', 'index', value)).answer.status).toBe(422);
    }
    const line = await server.line('the model refused an input');
    expect(line).toMatchObject({ name: 'picky', code: 'LNMT8204', failures: 1 });
    expect(String(line['reason'])).toContain('Gather');
    expect(server.output.split('the model refused an input')).toHaveLength(2);
    expect(server.output).not.toContain('7770');
    expect(await exposed()).toContain(`${METRICS.runFailures.name}{model="picky",version="1",code="LNMT8204"} 30`);
  });
});

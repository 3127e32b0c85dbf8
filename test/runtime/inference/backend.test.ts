import fs from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../../runtime/inference/backends/backend';
import { HostBackend } from '../../../runtime/inference/backends/host-backend';
import { filesDamaged, ModelError } from '../../../runtime/inference/errors';
import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import { hostCommand } from '../../../runtime/inference/host/command';
import { packElements } from '../../../runtime/inference/tensors/elements';
import { DATATYPE_BYTES } from '../../../runtime/inference/tensors/tensor';
import type { Datatype, Tensor } from '../../../runtime/inference/tensors/tensor';
import { FakeBackend } from '../support/fake-backend';
import { FOREVER, identityModel, loopModel, pickyModel } from '../support/models';
import { temporaryFolder } from '../support/temporary';

const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

function hostBackend(runTimeout = 30): HostBackend {
  return new HostBackend({ host: hostCommand(process.execPath, process.env), onnx: CPU, runTimeout, log });
}

function tensor(datatype: Datatype, values: readonly unknown[]): Tensor {
  return { name: 'x', datatype, shape: [values.length / 2, 2], data: packElements(datatype, values) };
}

const int64 = (name: string, value: bigint): Tensor => {
  return { name, datatype: 'INT64', shape: [1], data: packElements('INT64', [value]) };
};

const SAMPLES: Record<Datatype, readonly unknown[]> = {
  BOOL: [true, false],
  UINT8: [0, 255],
  UINT16: [0, 65535],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0n, 2n ** 64n - 1n],
  INT8: [-128, 127],
  INT16: [-32768, 32767],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  FP16: [-0.5, 65504],
  FP32: [-0.1, 3.4e38],
  FP64: [-0.1, 1.7e308],
  BYTES: ['', 'grüße 🙂'],
};

let dir: string;
const modelFile = (name: string): string => path.join(dir, `${name}.onnx`);

beforeAll(() => {
  dir = temporaryFolder();
  for (const datatype of Object.keys(DATATYPE_BYTES) as Datatype[]) {
    fs.writeFileSync(modelFile(datatype), identityModel(datatype));
  }
  fs.writeFileSync(modelFile('loop'), loopModel());
  fs.writeFileSync(modelFile('picky'), pickyModel());
  fs.writeFileSync(modelFile('broken'), 'not a model');
});

afterAll(() => fs.rmSync(dir, { recursive: true }));

describe.each<[string, () => Backend]>([
  ['the fake backend', () => new FakeBackend()],
  ['onnxruntime in this process', () => new OnnxBackend(CPU)],
  ['onnxruntime on cores of its own', () => new OnnxBackend({ ...CPU, threads: 2, dedicatedCores: true })],
  ['onnxruntime in a model host', () => hostBackend()],
])('every backend: %s', (_title, create) => {
  let backend: Backend;

  beforeAll(() => {
    backend = create();
  });

  afterAll(() => backend.close());

  it('is healthy from its load on, and tells the signature of its model', async () => {
    expect(backend.healthy()).toBe(false);
    expect(await backend.load(modelFile('FP32'))).toEqual({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    });
    expect(backend.healthy()).toBe(true);
  });

  it('gives the outputs that were asked for, with name, shape and every byte', async () => {
    const input = tensor('FP32', [1, 2, 3, 4]);
    const [output] = await backend.run([input], ['y']);
    expect(output).toMatchObject({ name: 'y', datatype: 'FP32', shape: [2, 2] });
    expect(Buffer.from(output?.data ?? [])).toEqual(Buffer.from(input.data));
  });

  it('keeps runs that were begun together apart', async () => {
    const inputs = Array.from({ length: 20 }, (_, index) => tensor('FP32', [index, -index]));
    const outputs = await Promise.all(inputs.map((input) => backend.run([input], ['y'])));
    outputs.forEach(([output], index) => {
      expect(Buffer.from(output?.data ?? [])).toEqual(Buffer.from(inputs[index]?.data ?? []));
    });
  });

  it('refuses a file that it cannot load with a coded error, which says its code once', async () => {
    const other = create();
    await expect(other.load(modelFile('missing'))).rejects.toThrow(
      /^LNMT8306: the model cannot be loaded: (?!.*LNMT8306)/,
    );
    expect(other.healthy()).toBe(false);
    await other.close();
  });

  it('is not healthy once it is closed', async () => {
    await backend.close();
    expect(backend.healthy()).toBe(false);
  });
});

describe('a model host', () => {
  let backend: HostBackend | undefined;

  afterEach(() => backend?.close());

  it.each(Object.keys(SAMPLES) as Datatype[])(
    'carries %s to onnxruntime and back without a change',
    async (datatype) => {
      backend = hostBackend();
      await backend.load(modelFile(datatype));
      const input = tensor(datatype, SAMPLES[datatype]);
      const [output] = await backend.run([input], ['y']);
      expect(output).toMatchObject({ datatype, shape: [1, 2] });
      expect(Buffer.from(output?.data ?? [])).toEqual(Buffer.from(input.data));
    },
  );

  it('carries tensors of many megabytes', async () => {
    backend = hostBackend();
    await backend.load(modelFile('FP32'));
    const data = new Uint8Array(Float32Array.from({ length: 2_000_000 }, (_, index) => index % 977).buffer);
    const [output] = await backend.run([{ name: 'x', datatype: 'FP32', shape: [1_000_000, 2], data }], ['y']);
    expect(Buffer.from(output?.data ?? []).equals(data)).toBe(true);
  });

  it('refuses a file that is no model, and leaves no process', async () => {
    backend = hostBackend();
    await expect(backend.load(modelFile('broken'))).rejects.toThrow(/^LNMT8306/);
    expect(backend.pid).toBeUndefined();
  });

  it('answers 422 when the graph fails on the values, and goes on', async () => {
    backend = hostBackend();
    await backend.load(modelFile('picky'));
    const bad = backend.run([int64('index', 99n)], ['y']);
    await expect(bad).rejects.toMatchObject({ status: 422, message: 'the model cannot be run on this input' });
    expect(await backend.run([int64('index', 0n)], ['y'])).toHaveLength(1);
  });

  it('answers 504 at the run deadline, and is replaced by a working one', async () => {
    backend = hostBackend(0.5);
    await backend.load(modelFile('loop'));
    const before = backend.pid;
    await expect(backend.run([int64('turns', FOREVER)], ['y'])).rejects.toMatchObject({ status: 504 });
    expect(backend.healthy()).toBe(false);
    await expect(backend.run([int64('turns', 1n)], ['y'])).rejects.toMatchObject({ status: 503 });
    await vi.waitFor(() => expect(backend?.healthy()).toBe(true), { timeout: 20_000 });
    expect(backend.pid).not.toBe(before);
    const [output] = await backend.run([int64('turns', 3n)], ['y']);
    expect(Buffer.from(output?.data ?? []).readBigInt64LE()).toBe(3n);
  });

  it('answers 503 to what it was working on when it is killed, and is started again', async () => {
    backend = hostBackend();
    await backend.load(modelFile('loop'));
    const running = backend.run([int64('turns', FOREVER)], ['y']);
    process.kill(backend.pid ?? 0, 'SIGKILL');
    await expect(running).rejects.toMatchObject({ status: 503, retryAfter: 1 });
    await vi.waitFor(() => expect(backend?.healthy()).toBe(true), { timeout: 20_000 });
    expect(await backend.run([int64('turns', 1n)], ['y'])).toHaveLength(1);
  });

  it('is started again and again, with pauses, until its model can be loaded', async () => {
    backend = hostBackend();
    const file = modelFile('fragile');
    fs.copyFileSync(modelFile('loop'), file);
    await backend.load(file);
    fs.rmSync(file);
    log.error.mockClear();
    process.kill(backend.pid ?? 0, 'SIGKILL');
    const attempts = () => log.error.mock.calls.filter(([, text]) => text === 'model host cannot be started again');
    await vi.waitFor(() => expect(attempts().length).toBeGreaterThan(1), { timeout: 20_000 });
    expect(backend.healthy()).toBe(false);
    fs.copyFileSync(modelFile('loop'), file);
    await vi.waitFor(() => expect(backend?.healthy()).toBe(true), { timeout: 20_000 });
    expect(await backend.run([int64('turns', 1n)], ['y'])).toHaveLength(1);
  });

  it('is not loaded again from a file that its owner does not vouch for, and is as soon as he does', async () => {
    backend = hostBackend();
    let doubts = 0;
    await backend.load(modelFile('loop'), async () => {
      if (++doubts < 3) throw filesDamaged(new ModelError('LNMT8304', 'no answer', true));
    });
    expect(doubts).toBe(0);
    log.error.mockClear();
    log.info.mockClear();
    process.kill(backend.pid ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(doubts).toBe(2), { timeout: 20_000, interval: 1 });
    expect([backend.pid, backend.healthy()]).toEqual([undefined, false]);
    await vi.waitFor(() => expect(backend?.healthy()).toBe(true), { timeout: 20_000 });
    expect(doubts).toBe(3);
    const refused = log.error.mock.calls.filter(([, text]) => text === 'model host cannot be started again');
    expect(refused).toHaveLength(2);
    expect(refused[0]?.[0]).toMatchObject({ err: { code: 'LNMT8314' } });
  });

  it('is not started again once it is closed, whatever was going on', async () => {
    backend = hostBackend();
    let open: () => void = () => undefined;
    const asked = vi.fn(() => new Promise<void>((resolve) => (open = resolve)));
    await backend.load(modelFile('loop'), asked);
    process.kill(backend.pid ?? 0, 'SIGKILL');
    await vi.waitFor(() => expect(asked).toHaveBeenCalled(), { timeout: 20_000 });
    await backend.close();
    open();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([backend.pid, backend.healthy()]).toEqual([undefined, false]);
  });

  it('gets no setting or credential of the front, and is told not to report to anyone', () => {
    const front = { AWS_SECRET_ACCESS_KEY: 's', LNMT_AUTH: 'none', NODE_OPTIONS: '-r x', ORT_DISABLE_TELEMETRY: '0' };
    const { env } = hostCommand('node', { PATH: '/bin', CUDA_PATH: '/c', ...front });
    expect(env).toEqual({ PATH: '/bin', CUDA_PATH: '/c', ORT_DISABLE_TELEMETRY: '1' });
  });

  it.each([
    ['cuda', false],
    ['cuda', true],
    ['tensorrt', true],
  ] as const)(
    'refuses %s where it is absent, and never takes another in its place (CPU may help: %s)',
    async (executionProvider, allowCpuFallback) => {
      const onnx = { executionProvider, threads: 1, gpuIndex: 1, allowCpuFallback };
      const host = hostCommand(process.execPath, process.env);
      backend = new HostBackend({ host, onnx, runTimeout: 30, log });
      await expect(backend.load(modelFile('FP32'))).rejects.toThrow(/^LNMT8306/);
    },
  );
});

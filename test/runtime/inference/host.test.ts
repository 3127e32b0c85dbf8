import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ElementType, floats, writeOnnx } from '../../../examples/quickstart/onnx';
import type { OnnxConstant, OnnxNode } from '../../../examples/quickstart/onnx';
import { HostBackend } from '../../../runtime/inference/backends/host-backend';
import type { HostBackendOptions } from '../../../runtime/inference/backends/host-backend';
import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import { hostCommand } from '../../../runtime/inference/host/command';
import { measure } from '../../../runtime/inference/host/measure';
import { confined } from '../../../runtime/inference/host/confine';
import {
  bytesBeside,
  codeRangeIn,
  limitMemory,
  ownCodeRange,
  residentBytes,
} from '../../../runtime/inference/host/memory';
import { find } from '../../../runtime/shared/programs';
import { hostNotStarted } from '../../../runtime/inference/errors';
import { HostProcess } from '../../../runtime/inference/host/process';
import type { HostCommand } from '../../../runtime/inference/host/process';
import { chooseWorkers, planWorkers } from '../../../runtime/inference/host/plan';
import { packElements } from '../../../runtime/inference/tensors/elements';
import type { Tensor } from '../../../runtime/inference/tensors/tensor';
import { identityModel, loopModel } from '../support/models';
import { temporaryFolder } from '../support/temporary';

const CPU = { executionProvider: 'cpu', threads: 1 } as const;
const MIB = 2 ** 20;
const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

let dir: string;
const modelFile = (name: string): string => path.join(dir, `${name}.onnx`);

const SOFTMAX = { op: 'Softmax', inputs: ['x'], outputs: ['p'], attributes: { axis: 0 } };

/** A model from `x` to `y`, rows of two values unless other widths are given. */
function rowsModel(nodes: readonly OnnxNode[], constants: readonly OnnxConstant[] = [], widths = [2, 2]): Uint8Array {
  const value = (name: string, width = 2) => ({ name, type: ElementType.FLOAT, shape: ['n', width] });
  const ends = { inputs: [value('x', widths[0])], outputs: [value('y', widths[1])] };
  return writeOnnx({ name: 'rows', nodes, constants, ...ends }, 'test');
}

/** Its output has a row for every row, and yet each depends on all: shares of the sum over the batch. */
const entangledModel = (): Uint8Array => rowsModel([{ ...SOFTMAX, outputs: ['y'] }]);

/** The same, but all of it small. */
const faintModel = (): Uint8Array =>
  rowsModel([SOFTMAX, { op: 'Mul', inputs: ['p', 'k'], outputs: ['y'] }], [floats('k', [1], [1e-4])]);

/** The same beside values that are a hundred times as large, and depend on nothing else. */
const mixedModel = (): Uint8Array =>
  rowsModel(
    [
      { op: 'Mul', inputs: ['x', 'k'], outputs: ['l'] },
      SOFTMAX,
      { op: 'Concat', inputs: ['l', 'p'], outputs: ['y'], attributes: { axis: 1 } },
    ],
    [floats('k', [1], [100])],
    [2, 4],
  );

/** Its rows are independent, and their values small, or 0. */
const smallModel = (): Uint8Array =>
  rowsModel([{ op: 'Mul', inputs: ['x', 'k'], outputs: ['y'] }], [floats('k', [2], [1e-30, 0])]);

/** Numbers around 0, the same for the same seed. */
function drawn(count: number, seed: number): number[] {
  let state = seed;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: count }, () => next() + next() + next() - 1.5);
}

const WIDE = 256;
const QUANTIZED = [1, 2, 14];

/** Two layers whose weights and activations are quantized at each run, as exporters do it: by the whole batch. */
function quantizedModel(seed: number): Uint8Array {
  const weights = (name: string, at: number) => ({
    ...{ name, type: ElementType.INT8, shape: [WIDE, WIDE] },
    data: new Uint8Array(Int8Array.from(drawn(WIDE * WIDE, at), (value) => Math.round(value * 84)).buffer),
  });
  const layer = (from: string, to: string, weight: string): OnnxNode[] => [
    { op: 'DynamicQuantizeLinear', inputs: [from], outputs: [`${to}q`, `${to}s`, `${to}z`] },
    { op: 'MatMulInteger', inputs: [`${to}q`, weight, `${to}z`], outputs: [`${to}i`] },
    { op: 'Cast', inputs: [`${to}i`], outputs: [`${to}f`], attributes: { to: ElementType.FLOAT } },
    { op: 'Mul', inputs: [`${to}f`, `${to}s`], outputs: [`${to}m`] },
    { op: 'Mul', inputs: [`${to}m`, 'k'], outputs: [to] },
  ];
  return rowsModel(
    [...layer('x', 'h', 'w'), { op: 'Relu', inputs: ['h'], outputs: ['r'] }, ...layer('r', 'y', 'v')],
    [weights('w', seed), weights('v', seed + 1), floats('k', [1], [1 / 1024])],
    [WIDE, WIDE],
  );
}

beforeAll(() => {
  dir = temporaryFolder();
  fs.writeFileSync(modelFile('identity'), identityModel('FP32'));
  fs.writeFileSync(modelFile('texts'), identityModel('BYTES'));
  fs.writeFileSync(modelFile('loop'), loopModel());
  fs.writeFileSync(modelFile('entangled'), entangledModel());
  fs.writeFileSync(modelFile('faint'), faintModel());
  fs.writeFileSync(modelFile('mixed'), mixedModel());
  fs.writeFileSync(modelFile('small'), smallModel());
  for (const seed of QUANTIZED) fs.writeFileSync(modelFile(`quantized ${seed}`), quantizedModel(seed));
});

afterAll(() => fs.rmSync(dir, { recursive: true }));

const row = (value: number): Tensor => ({
  ...{ name: 'x', datatype: 'FP32', shape: [1, 2], data: packElements('FP32', [value, value]) },
});

/** Answers as a host does, and holds 300 MiB for a while. `prlimit` is not where it looks. */
function hungryHost(when: 'loading' | 'serving'): HostCommand {
  const program = `
    const net = require('node:net');
    const hold = (ms) => new Promise((resolve) => {
      let held = Buffer.alloc(300 * 2 ** 20, 1);
      setTimeout(() => { held = undefined; gc(); resolve(); }, ms);
    });
    const socket = new net.Socket({ fd: 4 });
    const answer = (id, reply) => {
      const text = JSON.stringify(reply);
      const header = Buffer.alloc(Math.ceil(text.length / 8) * 8, ' ');
      header.write(text);
      const head = Buffer.alloc(16);
      head.writeUInt32LE(header.length, 0);
      head.writeDoubleLE(id, 8);
      socket.write(Buffer.concat([head, header]));
    };
    socket.on('data', async (frame) => {
      const id = frame.readDoubleLE(8);
      if (frame.includes('"load"')) {
        if ('${when}' === 'loading') await hold(1500);
        return answer(id, { type: 'loaded', signature: { inputs: [], outputs: [] } });
      }
      answer(id, { type: 'measured', measured: { runMs: 1, maxRows: 1 } });
      await hold(3000);
    });
    new net.Socket({ fd: 3 }).resume().on('close', () => process.exit());
  `;
  const args = ['--expose-gc', '--eval', program];
  return { command: process.execPath, args, env: { PATH: '/nonexistent' } };
}

/** Answers as a host does in its first worker; what befalls the second one when it is to load. */
function crampedHost(second: 'answers' | 'ends'): HostCommand {
  const program = `
    const net = require('node:net');
    const { fstatSync } = require('node:fs');
    const isSocket = (fd) => { try { return fstatSync(fd).isSocket(); } catch { return false; } };
    for (const fd of [4, 5].filter(isSocket)) {
      const socket = new net.Socket({ fd });
      socket.on('data', (frame) => {
        const isLoad = frame.includes('"load"');
        if (fd === 5 && '${second}' === 'ends') process.exit(1);
        const loaded = { type: 'loaded', signature: { inputs: [], outputs: [] } };
        const reply = !isLoad
          ? { type: 'measured', measured: { runMs: 50, maxRows: 1 } }
          : fd === 4 ? loaded : { type: 'failed', message: 'std::bad_alloc' };
        const text = JSON.stringify(reply);
        const header = Buffer.alloc(Math.ceil(text.length / 8) * 8, ' ');
        header.write(text);
        const head = Buffer.alloc(16);
        head.writeUInt32LE(header.length, 0);
        head.writeDoubleLE(frame.readDoubleLE(8), 8);
        socket.write(Buffer.concat([head, header]));
      });
      socket.on('error', () => undefined);
    }
    new net.Socket({ fd: 3 }).resume().on('close', () => process.exit());
  `;
  return { command: process.execPath, args: ['--eval', program], env: { PATH: '/nonexistent' } };
}

let backend: HostBackend | undefined;

afterEach(() => backend?.close());

function create(options: Partial<HostBackendOptions> = {}): HostBackend {
  const host = hostCommand(process.execPath, process.env);
  return (backend = new HostBackend({ host, onnx: CPU, runTimeout: 30, log, ...options }));
}

describe('a measured model', () => {
  const measured = async (name: string) => {
    const model = new OnnxBackend(CPU);
    await model.load(modelFile(name));
    const result = await measure(model, { maxRows: 8, budgetMs: 500 });
    await model.close();
    return result;
  };

  it.each(['identity', 'texts', 'small', ...QUANTIZED.map((seed) => `quantized ${seed}`)])(
    'is batched when rows are seen not to influence one another: %s',
    async (name) => {
      const { runMs, maxRows } = await measured(name);
      expect(runMs).toBeGreaterThan(0);
      expect(maxRows).toBeGreaterThan(1);
    },
  );

  it.each(['entangled', 'faint', 'mixed'])(
    'is not batched when its rows influence one another, whatever its signature says: %s',
    async (name) => {
      expect((await measured(name)).maxRows).toBe(1);
    },
  );

  it.each<[string, (halves: Uint16Array, rows: number) => Uint16Array, number]>([
    [
      'is batched when sums in another order change the last digit',
      (x, rows) => x.map((bits) => bits + (rows > 1 ? 1 : 0)),
      8,
    ],
    [
      'is not batched when its rows influence one another',
      (x) => x.map((bits, at) => bits + (x[0] ?? 0) - (x[at] ?? 0)),
      1,
    ],
  ])('of FP16 %s', async (_title, change, most) => {
    const half = { datatype: 'FP16', shape: [-1, 2] } as const;
    let clock = 0;
    const run = async ([x]: readonly Tensor[]): Promise<readonly Tensor[]> => {
      const [rows = 0] = x?.shape ?? [];
      clock += 1 + rows / 64;
      const halves = new Uint16Array(Uint8Array.from(x?.data ?? []).buffer);
      return [{ name: 'y', datatype: 'FP16', shape: [rows, 2], data: new Uint8Array(change(halves, rows).buffer) }];
    };
    const signature = { inputs: [{ name: 'x', ...half }], outputs: [{ name: 'y', ...half }] };
    expect((await measure({ signature, run }, { maxRows: 8, budgetMs: 500 }, () => clock)).maxRows).toBe(most);
  });

  it('is not batched when its first dimension is fixed', async () => {
    expect((await measured('loop')).maxRows).toBe(1);
  });

  it('keeps to its budget of time, and grows only while a row gets cheaper', async () => {
    let clock = 0;
    const now = (): number => clock;
    const signature = {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    } as const;
    const sizes: number[] = [];
    const costing = (cost: (rows: number) => number) => ({
      signature,
      run: async (inputs: readonly Tensor[]) => {
        const rows = inputs[0]?.shape[0] ?? 0;
        sizes.push(rows);
        clock += cost(rows);
        return inputs.map((input) => ({ ...input, name: 'y' }));
      },
    });
    expect(
      (
        await measure(
          costing((rows) => 2 + rows / 4),
          { maxRows: 16, budgetMs: 5_000 },
          now,
        )
      ).maxRows,
    ).toBe(16);
    expect(
      (
        await measure(
          costing((rows) => 4 * rows),
          { maxRows: 16, budgetMs: 5_000 },
          now,
        )
      ).maxRows,
    ).toBe(1);
    sizes.length = 0;
    await measure(
      costing((rows) => 20 + rows),
      { maxRows: 1024, budgetMs: 150 },
      now,
    );
    expect(Math.max(...sizes)).toBeLessThan(64);
    const began = clock;
    const slow = await measure(
      costing((rows) => 400 * rows),
      { maxRows: 64, budgetMs: 1_000 },
      now,
    );
    expect(slow).toEqual({ runMs: 400, maxRows: 1 });
    expect(clock - began).toBeLessThanOrEqual(1_000);
    let runs = 0;
    const warming = await measure(
      costing((rows) => (runs++ === 0 ? 60_000 : 2 + rows / 4)),
      { maxRows: 16, budgetMs: 5_000 },
      now,
    );
    expect(warming, 'what is made at first use is no part of a run').toEqual({ runMs: 2.25, maxRows: 16 });
  });
});

describe('the plan of a model', () => {
  const given = { workers: 0, threads: 0, cores: 8, modelBytes: 400 * MIB, memoryBytes: 0, onCpu: true };

  it('never has more threads than cores unless both were asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 0, max: 64 }),
        fc.nat(4000),
        (cores, asked, size) => {
          for (const part of [{ workers: Math.min(asked, cores) }, { threads: Math.min(asked, cores) }]) {
            const { maxWorkers, threads } = planWorkers({ ...given, cores, modelBytes: size * MIB, ...part });
            expect(maxWorkers * threads).toBeLessThanOrEqual(cores);
            expect(Math.min(maxWorkers, threads)).toBeGreaterThan(0);
          }
        },
      ),
    );
  });

  it('divides the cores among a few workers, and gives small models one thread', () => {
    expect(planWorkers(given)).toEqual({ maxWorkers: 4, threads: 2 });
    expect(planWorkers({ ...given, cores: 2 })).toEqual({ maxWorkers: 2, threads: 1 });
    expect(planWorkers({ ...given, modelBytes: MIB })).toEqual({ maxWorkers: 4, threads: 1 });
    expect(planWorkers({ ...given, workers: 1 })).toEqual({ maxWorkers: 1, threads: 8 });
  });

  it('makes no more copies of the weights than the budget holds', () => {
    expect(planWorkers({ ...given, memoryBytes: 1600 * MIB }).maxWorkers).toBe(2);
    expect(planWorkers({ ...given, memoryBytes: 100 * MIB }).maxWorkers).toBe(1);
  });

  it('takes one worker on a GPU, and for runs that are over before another could have begun', () => {
    expect(planWorkers({ ...given, onCpu: false }).maxWorkers).toBe(1);
    const plan = { maxWorkers: 4, threads: 1 };
    expect([chooseWorkers(0, plan, 0.05), chooseWorkers(0, plan, 20), chooseWorkers(2, plan, 0.05)]).toEqual([1, 4, 2]);
  });
});

describe('a host with several workers', () => {
  it('runs as many batches beside one another as it has workers', async () => {
    const model = create({ workers: 2 });
    await model.load(modelFile('loop'));
    expect(model.capacity()).toMatchObject({ workers: 2, maxRows: 1 });
    const turns = (count: bigint): Tensor[] => [
      { name: 'turns', datatype: 'INT64', shape: [1], data: packElements('INT64', [count]) },
    ];
    let slow = false;
    const long = model.run(turns(300_000n), ['y']).then(() => (slow = true));
    await model.run(turns(1n), ['y']);
    expect(slow).toBe(false);
    await long;
  });

  it('gives every worker its own answers', async () => {
    const model = create({ workers: 2 });
    await model.load(modelFile('identity'));
    const inputs = Array.from({ length: 50 }, (_, index) => row(index));
    const outputs = await Promise.all(inputs.map((input) => model.run([input], ['y'])));
    outputs.forEach(([output], index) => {
      expect(Buffer.from(output?.data ?? [])).toEqual(Buffer.from(inputs[index]?.data ?? []));
    });
  });

  it('is sent no inputs that fit in no frame: its end would be that of others, too', async () => {
    const model = create({ maxRows: 1, workers: 1 });
    await model.load(modelFile('identity'));
    const { pid } = model;
    const large = { ...row(1), data: { byteLength: 2 ** 31 + 1 } as Uint8Array };
    await expect(model.run([large], ['y'])).rejects.toMatchObject({ status: 422, code: 'LNMT8210' });
    expect(await model.run([row(1)], ['y'])).toHaveLength(1);
    expect(model.pid).toBe(pid);
  });

  it('reports what it takes at once, and the memory of its process', async () => {
    const model = create();
    expect(model.capacity()).toEqual({ workers: 1, maxRows: 1 });
    await model.load(modelFile('identity'));
    expect(model.capacity().maxRows).toBeGreaterThan(1);
    expect(model.capacity().runMs).toBeGreaterThan(0);
    await expect.poll(() => model.memoryBytes).toBeGreaterThan(10 * MIB);
  });

  it('is loaded without measures when it does not survive them', async () => {
    const model = create({ runTimeout: 0.001 });
    await model.load(modelFile('identity'));
    expect(model.capacity()).toMatchObject({ maxRows: 1, runMs: undefined });
    expect(model.healthy()).toBe(true);
  });
});

describe('a host that cannot be started', () => {
  const told = (host: HostCommand): Promise<{ readonly how: string; readonly failure: Error | undefined }> =>
    new Promise((resolve) => {
      const started: HostProcess = new HostProcess(host, 1, {
        onFrame: () => undefined,
        onExit: (how) => resolve({ how, failure: started.failure }),
      });
      started.startWorker(0);
      started.send(0, 1, {}, []);
      started.kill();
    });

  it.each([
    ['is not there', 'no-such-program', 'ENOENT'],
    ['is refused by Node.js at once', 'node\0', 'ERR_INVALID_ARG_VALUE'],
  ])('ends with its reason, a moment later, when its program %s', async (_title, command, code) => {
    const { failure } = await told({ command, args: [], env: {} });
    expect(failure).toMatchObject({ code });
  });

  it('is a coded error of the first load, to be tried again only where the system may have room later', async () => {
    // Without the programs that become it, and would fail in its place.
    const host = { ...hostCommand('/nonexistent/node', {}), env: {} };
    await expect(create({ host }).load(modelFile('identity'))).rejects.toMatchObject({
      code: 'LNMT8313',
      retryable: false,
    });
    const shortage = Object.assign(new Error('spawn node EMFILE'), { code: 'EMFILE' });
    expect(hostNotStarted(shortage)).toMatchObject({ code: 'LNMT8313', retryable: true });
  });

  it('leaves the front alive while no descriptor is free, and is started when some are', async (context) => {
    const prlimit = find('prlimit', process.env['PATH'] ?? '');
    if (prlimit === undefined) return context.skip('this system has no prlimit');
    const program = path.resolve(__dirname, '../support/without-descriptors.ts');
    const flags = ['--require', 'tsx/cjs', program, modelFile('identity')];
    const child = spawn(prlimit, ['--nofile=256:256', process.execPath, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(JSON.parse(out)).toEqual({
      alone: 'EMFILE',
      refused: true,
      first: expect.stringMatching(/^LNMT8313: .*EMFILE/) as unknown,
      last: expect.stringContaining('EMFILE') as unknown,
      ...{ back: true, replaced: true, stepped: true },
    });
  });
});

describe('the end of a host', () => {
  const script = (bin: string, name: string, text: string): string => {
    fs.mkdirSync(bin, { recursive: true });
    fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path.join(bin, name);
  };
  const command = (searchPath: string): HostCommand => ({ command: 'node', args: ['a.js'], env: { PATH: searchPath } });

  it('comes by a signal with that of the server where setpriv is there, which becomes what sets the limit', () => {
    const bin = path.join(dir, 'bin-new');
    const setpriv = script(bin, 'setpriv', 'exit 0');
    const prlimit = script(bin, 'prlimit', 'exit 0');
    const host = command(bin);
    const signal = ['--pdeathsig', 'KILL'];
    const most = MIB + ownCodeRange();
    expect(confined(host, { memoryBytes: MIB, searchPath: bin })).toEqual({
      host: { ...host, command: setpriv, args: [...signal, prlimit, `--data=${most}:${most}`, 'node', 'a.js'] },
      ...{ memory: 'hard', end: 'signal' },
    });
    expect(confined(host, { memoryBytes: 0, searchPath: bin, noNewRights: true })).toEqual({
      host: { ...host, command: setpriv, args: [...signal, '--no-new-privs', 'node', 'a.js'] },
      ...{ memory: 'none', end: 'signal' },
    });
  });

  it.each([
    ['does not know the signal', 'echo "unrecognized option" >&2; exit 1'],
    ['is not there', undefined],
  ])('comes with its socket where setpriv %s', (title, text) => {
    const bin = path.join(dir, title.replaceAll(' ', '-'));
    if (text !== undefined) script(bin, 'setpriv', text);
    const host = command(bin);
    expect(confined(host, { memoryBytes: MIB, searchPath: bin })).toEqual({ host, memory: 'soft', end: 'socket' });
  });

  it('is told when it is ready, and no process stands between', async () => {
    log.info.mockClear();
    const model = create({ memoryBytes: 4096 * MIB });
    await model.load(modelFile('identity'));
    const has = (program: string): boolean => find(program, process.env['PATH'] ?? '') !== undefined;
    expect(log.info.mock.calls.find(([, text]) => text === 'model host ready')?.[0]).toMatchObject({
      ...{ pid: model.pid, memory: has('prlimit') ? 'hard' : 'soft', end: has('setpriv') ? 'signal' : 'socket' },
    });
    const [program] = fs.readFileSync(`/proc/${model.pid}/cmdline`, 'utf8').split('\0');
    expect(program).toBe(process.execPath);
  });
});

describe('the memory of a host', () => {
  const command = { command: 'node', args: ['main.js'], env: { PATH: process.env['PATH'] ?? '' } };

  it('is unlimited unless a budget is given', () => {
    expect(limitMemory(command, 0)).toEqual({ host: command, enforcement: 'none' });
  });

  it('is limited by the kernel where prlimit is there, and watched where it is not', () => {
    const bin = path.join(dir, 'bin');
    fs.mkdirSync(bin, { recursive: true });
    const soft = { ...command, env: { PATH: bin } };
    expect(limitMemory(soft, MIB)).toEqual({ host: soft, enforcement: 'soft' });
    fs.writeFileSync(path.join(bin, 'prlimit'), '');
    const most = MIB + ownCodeRange();
    expect(limitMemory(soft, MIB)).toEqual({
      host: { ...soft, command: path.join(bin, 'prlimit'), args: [`--data=${most}:${most}`, 'node', 'main.js'] },
      enforcement: 'hard',
    });
  });

  it.each([
    ['is mapped as it is used, in pieces', ['7f10-7f20 rw-p', '100000000-100040000 rwxp'], 0],
    ['is mapped as a whole', ['100000000-11fdc0000 rwxp', '120000000-121000000 rwxp'], 512 * MIB],
    ['is a smaller range', ['100000000-107dc0000 rwxp'], 128 * MIB],
    ['of two threads lies side by side', ['100000000-13fdc0000 rwxp'], 512 * MIB],
    ['is not to be seen', [], 0],
  ])('leaves out what Node.js keeps for code, where that %s', (_title, maps, bytes) => {
    expect(codeRangeIn(maps.map((line) => `${line} 00000000 00:00 0 \n`).join(''))).toBe(bytes);
  });

  it('holds a model and its workers in 256 MiB, with any Node.js', async () => {
    const model = create({ workers: 2, memoryBytes: 256 * MIB });
    await model.load(modelFile('identity'));
    expect(model.capacity().workers).toBe(2);
  });

  it('is read from the system, and unknown of a process that is gone', async () => {
    expect(await residentBytes(process.pid)).toBeGreaterThan(10 * MIB);
    expect(await residentBytes(2 ** 30)).toBeUndefined();
  });

  it('is planned with the weights that lie beside the graph', async () => {
    const folder = path.join(dir, 'external');
    fs.mkdirSync(path.join(folder, 'weights'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'model.onnx'), identityModel('FP32'));
    for (const name of ['model.onnx.data', 'weights/layer-1.bin']) {
      fs.writeFileSync(path.join(folder, name), '');
      fs.truncateSync(path.join(folder, name), 20 * MIB);
    }
    expect(await bytesBeside(path.join(folder, 'model.onnx'))).toBe(identityModel('FP32').length + 40 * MIB);
    log.info.mockClear();
    await create({ workers: 1, onnx: { ...CPU, threads: 0 } }).load(path.join(folder, 'model.onnx'));
    const ready = log.info.mock.calls.find(([, text]) => text === 'model host ready')?.[0] as object;
    expect(ready).toMatchObject({ threads: os.availableParallelism() });
  });

  it.each(['answers', 'ends'] as const)(
    'holds fewer workers where it is too small for all: one that %s with a failure ends no model',
    async (second) => {
      log.warn.mockClear();
      const model = create({ host: crampedHost(second), workers: 2 });
      await model.load(modelFile('identity'));
      expect(model.capacity().workers).toBe(1);
      expect(model.healthy()).toBe(true);
      expect(log.warn).toHaveBeenCalledWith(
        expect.objectContaining({ workers: 1, asked: 2 }),
        'not all workers could load, taking fewer',
      );
    },
  );

  const PASSED = 'memory budget passed, ending the model host';

  it('is watched from its start on: a budget that only the load passes ends it, which is a coded error', async () => {
    log.error.mockClear();
    const model = create({ host: hungryHost('loading'), workers: 1, memoryBytes: 200 * MIB });
    await expect(model.load(modelFile('identity'))).rejects.toMatchObject({
      code: 'LNMT8306',
      message: expect.stringMatching(/passed its budget of 209715200 bytes while loading$/) as unknown,
    });
    expect(log.error.mock.calls.filter(([, text]) => text === PASSED)).toHaveLength(1);
    expect(model.pid).toBeUndefined();
  });

  it('is watched on: a budget that a model passes while it serves ends its host, which is reported', async () => {
    log.error.mockClear();
    const model = create({ host: hungryHost('serving'), workers: 1, memoryBytes: 200 * MIB });
    await model.load(modelFile('identity'));
    await vi.waitFor(() => expect(log.error).toHaveBeenCalledWith(expect.anything(), PASSED), 20_000);
    await vi.waitFor(() => expect(model.healthy()).toBe(false), 20_000);
  });
});

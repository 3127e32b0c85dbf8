import fs from 'node:fs';
import path from 'node:path';
import { ElementType, floats, writeOnnx } from '../../../examples/quickstart/onnx';
import { inferPath, MODEL_STORE } from '../../../runtime/contract';
import { identityModel, loopModel, pushModel } from '../../runtime/support/models';
import { uriOf } from './servers';
import { keepAlive, send } from './traffic';

/** A request to a model that gives `x` back as `y`. */
export const TINY_BODY = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2.5]}]}';

/** A request to the model that counts. */
export const loopBody = (turns: number | bigint): string =>
  `{"inputs":[{"name":"turns","datatype":"INT64","shape":[1],"data":[${turns}]}]}`;

/** A table of this many bytes, of which `index` (INT64) picks rows of 64 numbers. `mark` makes files differ. */
export function tableModel(bytes: number, mark = 0): Uint8Array {
  const rows = Math.ceil(bytes / 256);
  const data = new Uint8Array(rows * 256);
  new Float32Array(data.buffer).fill(1);
  new Float32Array(data.buffer)[0] = mark;
  return writeOnnx(
    {
      name: 'table',
      nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['y'] }],
      constants: [{ name: 'table', type: ElementType.FLOAT, shape: [rows, 64], data }],
      inputs: [{ name: 'index', type: ElementType.INT64, shape: ['n'] }],
      outputs: [{ name: 'y', type: ElementType.FLOAT, shape: ['n', 64] }],
    },
    'test',
  );
}

/** A request for one row of the table. */
export const TABLE_BODY = '{"inputs":[{"name":"index","datatype":"INT64","shape":[1],"data":[1]}]}';

/** Gives `x` (FP32, `[n, 2]`) times a constant as `y`; NaN makes every answer NaN. */
export function scaleModel(factor: number): Uint8Array {
  return writeOnnx(
    {
      name: 'scale',
      nodes: [{ op: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] }],
      constants: [floats('factor', [1], [factor])],
      inputs: [{ name: 'x', type: ElementType.FLOAT, shape: ['n', 2] }],
      outputs: [{ name: 'y', type: ElementType.FLOAT, shape: ['n', 2] }],
    },
    'test',
  );
}

/** Takes `x` (FP32, `[n, 2]`) and multiplies a large matrix with itself this many times before it answers. */
export function slowModel(times: number, size = 512): Uint8Array {
  const matrix = Array.from({ length: size * size }, (_, index) => ((index % 7) - 3) / size);
  const nodes = Array.from({ length: times }, (_, index) => ({
    op: 'MatMul',
    inputs: [index === 0 ? 'start' : `m${index - 1}`, 'matrix'],
    outputs: [`m${index}`],
  }));
  return writeOnnx(
    {
      name: 'slow',
      nodes: [
        { op: 'ReduceSum', inputs: ['x'], outputs: ['sum'], attributes: { keepdims: 0 } },
        { op: 'Add', inputs: ['matrix', 'sum'], outputs: ['start'] },
        ...nodes,
        { op: 'ReduceSum', inputs: [`m${times - 1}`], outputs: ['all'], attributes: { keepdims: 0 } },
        { op: 'Mul', inputs: ['all', 'zero'], outputs: ['nothing'] },
        { op: 'Add', inputs: ['x', 'nothing'], outputs: ['y'] },
      ],
      constants: [floats('matrix', [size, size], matrix), floats('zero', [], [0])],
      inputs: [{ name: 'x', type: ElementType.FLOAT, shape: ['n', 2] }],
      outputs: [{ name: 'y', type: ElementType.FLOAT, shape: ['n', 2] }],
    },
    'test',
  );
}

/** A request to the model that makes a tensor of this many elements. */
export const bombBody = (count: number | bigint): string =>
  `{"inputs":[{"name":"count","datatype":"INT64","shape":[1],"data":[${count}]}]}`;

/** A model and when it is loaded. */
export interface Entry {
  readonly name: string;
  readonly load: 'pinned' | 'eager' | 'lazy';
  readonly [setting: string]: unknown;
}

/** Makes a store in a folder, with models of one file, and gives the settings that serve them. */
export class Store {
  readonly dir: string;

  constructor(private readonly folder: string) {
    this.dir = path.join(folder, 'store');
    fs.mkdirSync(this.dir, { recursive: true });
  }

  /** Puts a version of a model into the store. */
  push(name: string, version: string, graph: Uint8Array, more: Record<string, Uint8Array> = {}): this {
    pushModel(this.dir, name, version, { [MODEL_STORE.model]: graph, ...more });
    return this;
  }

  /** URI of the store. */
  get uri(): string {
    return uriOf(this.dir);
  }

  /** Settings of a server with these models. */
  serving(...models: readonly Entry[]): { readonly modelsFile: string; readonly modelRepository: string } {
    const modelsFile = path.join(this.folder, 'models.json');
    fs.writeFileSync(modelsFile, JSON.stringify({ models: models.map((model) => ({ uri: this.uri, ...model })) }));
    const empty = path.join(this.folder, 'empty');
    fs.mkdirSync(empty, { recursive: true });
    return { modelsFile, modelRepository: uriOf(empty) };
  }
}

/** Identity, called `tiny`, in a store of its own. */
export const tinyStore = (folder: string): Store => new Store(folder).push('tiny', '1', identityModel('FP32'));

/** The model that counts, called `loop`, added to a store. */
export const withLoop = (store: Store): Store => store.push('loop', '1', loopModel());

/** Turns of the counting model that take about so many milliseconds on the machine of now. */
export async function turnsFor(port: number, ms: number): Promise<number> {
  const agent = keepAlive();
  const probe = 50_000;
  const times: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const { outcome, serviceMs } = await send({ port, path: inferPath('loop'), body: loopBody(probe), agent });
    if (outcome !== '200') throw new Error(`the counting model answered ${outcome}`);
    times.push(serviceMs);
  }
  agent.destroy();
  return Math.max(1_000, Math.round((probe * ms) / Math.max(1, Math.min(...times) - 1)));
}

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ElementType, floats, writeOnnx } from '../../../examples/quickstart/onnx';
import type { ElementTypeCode, OnnxGraph } from '../../../examples/quickstart/onnx';
import { MODEL_STORE, modelStorePath, renderModelManifest } from '../../../runtime/contract';
import type { Datatype } from '../../../runtime/inference/tensors/tensor';

const ELEMENT_TYPES = {
  BOOL: ElementType.BOOL,
  UINT8: ElementType.UINT8,
  UINT16: ElementType.UINT16,
  UINT32: ElementType.UINT32,
  UINT64: ElementType.UINT64,
  INT8: ElementType.INT8,
  INT16: ElementType.INT16,
  INT32: ElementType.INT32,
  INT64: ElementType.INT64,
  FP16: ElementType.FLOAT16,
  FP32: ElementType.FLOAT,
  FP64: ElementType.DOUBLE,
  BYTES: ElementType.STRING,
} as const satisfies Record<Datatype, ElementTypeCode>;

/** A graph that gives its input back, `x` as `y`, with shape `[-1, 2]`. */
export function identityModel(datatype: Datatype): Uint8Array {
  const type = ELEMENT_TYPES[datatype];
  return writeOnnx(
    {
      name: 'identity',
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', type, shape: ['n', 2] }],
      outputs: [{ name: 'y', type, shape: ['n', 2] }],
    },
    'test',
  );
}

/** A graph without inputs that gives these numbers as `y`. */
export const constantModel = (values: readonly number[]): Uint8Array =>
  writeOnnx(
    {
      name: 'constant',
      nodes: [{ op: 'Identity', inputs: ['c'], outputs: ['y'] }],
      constants: [floats('c', [values.length], values)],
      inputs: [],
      outputs: [{ name: 'y', type: ElementType.FLOAT, shape: [values.length] }],
    },
    'test',
  );

function int64(name: string, value: bigint): NonNullable<OnnxGraph['constants']>[number] {
  return { name, type: ElementType.INT64, shape: [], data: new Uint8Array(new BigInt64Array([value]).buffer) };
}

/** A graph that counts to its input `turns` (INT64, scalar in a list of one) and gives the count as `y`. */
export function loopModel(): Uint8Array {
  const body: OnnxGraph = {
    name: 'body',
    nodes: [
      { op: 'Identity', inputs: ['going'], outputs: ['goes_on'] },
      { op: 'Add', inputs: ['count', 'step'], outputs: ['next'] },
    ],
    constants: [int64('step', 1n)],
    inputs: [
      { name: 'turn', type: ElementType.INT64, shape: [] },
      { name: 'going', type: ElementType.BOOL, shape: [] },
      { name: 'count', type: ElementType.INT64, shape: [] },
    ],
    outputs: [
      { name: 'goes_on', type: ElementType.BOOL, shape: [] },
      { name: 'next', type: ElementType.INT64, shape: [] },
    ],
  };
  return writeOnnx(
    {
      name: 'loop',
      nodes: [
        { op: 'Squeeze', inputs: ['turns'], outputs: ['limit'] },
        { op: 'Loop', inputs: ['limit', 'always', 'zero'], outputs: ['y'], attributes: { body } },
      ],
      constants: [{ name: 'always', type: ElementType.BOOL, shape: [], data: Uint8Array.of(1) }, int64('zero', 0n)],
      inputs: [{ name: 'turns', type: ElementType.INT64, shape: [1] }],
      outputs: [{ name: 'y', type: ElementType.INT64, shape: [] }],
    },
    'test',
  );
}

/** A graph that looks `index` (INT64) up in a table of one row: any other index than 0 makes the run fail. */
export function pickyModel(): Uint8Array {
  return writeOnnx(
    {
      name: 'picky',
      nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['y'] }],
      constants: [{ name: 'table', type: ElementType.INT64, shape: [1], data: new Uint8Array(8) }],
      inputs: [{ name: 'index', type: ElementType.INT64, shape: ['n'] }],
      outputs: [{ name: 'y', type: ElementType.INT64, shape: ['n'] }],
    },
    'test',
  );
}

/** Turns after which the loop model has surely outlived any test. */
export const FOREVER = 2n ** 62n;

/** Puts a model into a store in a folder, as `lnmt model push` does. */
export function pushModel(store: string, name: string, version: string, files: Record<string, Uint8Array>): void {
  const rows = Object.entries(files).map(([file, content]) => {
    const target = path.join(store, modelStorePath(name, version, file));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, content);
    return { path: file, sha256: createHash('sha256').update(content).digest('hex'), bytes: content.byteLength };
  });
  fs.writeFileSync(path.join(store, modelStorePath(name, version, MODEL_STORE.manifest)), renderModelManifest(rows));
}

/** Makes a tensor with as many elements as its input `count` (INT64, one number) says: 4 bytes each. */
export function bombModel(): Uint8Array {
  return writeOnnx(
    {
      name: 'bomb',
      nodes: [
        { op: 'ConstantOfShape', inputs: ['count'], outputs: ['zeros'] },
        { op: 'Add', inputs: ['zeros', 'one'], outputs: ['ones'] },
        { op: 'ReduceSum', inputs: ['ones'], outputs: ['y'], attributes: { keepdims: 0 } },
      ],
      constants: [floats('one', [], [1])],
      inputs: [{ name: 'count', type: ElementType.INT64, shape: [1] }],
      outputs: [{ name: 'y', type: ElementType.FLOAT, shape: [] }],
    },
    'test',
  );
}

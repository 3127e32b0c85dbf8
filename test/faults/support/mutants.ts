import { MemorySource } from '../../../runtime/inference/inspector/byte-source';
import { InspectionError } from '../../../runtime/inference/inspector';
import { inspectOnnx } from '../../../runtime/inference/inspector/inspect';
import { identityModel, loopModel, pickyModel } from '../../runtime/support/models';
import { graph, int64s, model, node, tensor, TYPE } from '../../runtime/support/onnx-bytes';
import type { Field } from '../../runtime/support/onnx-bytes';
import { scaleModel } from './models';
import { seeded } from './stats';

/** Every mutant follows from this and its number. */
export const SEED = 20_261_128;

/** What a range of mutants showed. */
export interface FuzzResult {
  readonly inspected: number;
  readonly accepted: number;
  /** Of those accepted, how many onnxruntime loaded and ran. */
  readonly ran: number;
  /** Exceptions of the inspector that are no refusal. */
  readonly faults: readonly string[];
  /** Models with something banned that were taken. */
  readonly falseAccepts: readonly string[];
}

const SEEDS = [identityModel('FP32'), identityModel('BYTES'), loopModel(), pickyModel(), scaleModel(2)];

/** Randomness of one mutant. */
const randomOf = (index: number): (() => number) => seeded(SEED + 7_919 * index);

/** A model with one to eight changes of its bytes. */
export function mutant(index: number): Buffer {
  const random = randomOf(index);
  let bytes = Buffer.from(SEEDS[Math.floor(random() * SEEDS.length)] ?? []);
  const changes = 1 + Math.floor(random() * 8);
  for (let change = 0; change < changes; change += 1) {
    const at = Math.floor(random() * (bytes.length + 1));
    const value = Math.floor(random() * 256);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    const kind = Math.floor(random() * 5);
    if (kind <= 1) bytes = Buffer.concat([head, Buffer.from([value]), tail.subarray(1)]);
    else if (kind === 2) bytes = Buffer.concat([head, tail.subarray(1 + (value % 8))]);
    else if (kind === 3) bytes = Buffer.concat([head, Buffer.alloc(1 + (value % 8), value), tail]);
    else bytes = Buffer.concat([head, tail.subarray(0, value % 24), tail]);
  }
  return bytes;
}

const text = (name: string, value: string): readonly Field[] => [
  [1, name],
  [4, value],
];

/** Things that no model may hold, each made by a function of chance. */
const BANNED: readonly ((random: () => number) => Parameters<typeof graph>[0])[] = [
  () => ({ nodes: [node('Run', ['x'], ['y'], [], [[7, 'evil.domain']])] }),
  () => ({ nodes: [node('PythonOp', ['x'], ['y'], [], [[7, 'com.microsoft']])] }),
  () => ({
    nodes: [node('EPContext', ['x'], ['y'], [text('ep_cache_context', '/etc/passwd')], [[7, 'com.microsoft']])],
  }),
  (random) => ({
    constants: [
      tensor(
        'w',
        TYPE.float,
        [4],
        [
          [
            13,
            [
              [1, 'location'],
              [2, `${'../'.repeat(1 + Math.floor(random() * 4))}etc/passwd`],
            ],
          ],
          [14, 1],
        ],
      ),
    ],
  }),
  () => ({
    constants: [
      tensor(
        'w',
        TYPE.float,
        [4],
        [
          [
            13,
            [
              [1, 'location'],
              [2, '/proc/self/environ'],
            ],
          ],
          [14, 1],
        ],
      ),
    ],
  }),
  (random) => ({
    constants: [int64s('s', [2n ** 40n + BigInt(Math.floor(random() * 1e6))])],
    nodes: [node('ConstantOfShape', ['s'], ['z']), node('Identity', ['x'], ['y'])],
  }),
  (random) => ({ constants: [tensor('w', TYPE.float, [2 + Math.floor(random() * 1e6)], [[9, new Uint8Array(4)]])] }),
];

/** Puts a graph with something banned into graphs of control flow, at random depth, with harmless nodes around it. */
export function banned(index: number): Buffer {
  const random = randomOf(index);
  const make = BANNED[Math.floor(random() * BANNED.length)];
  let parts = make?.(random) ?? {};
  const harmless = (): readonly Field[] => node('Relu', ['x'], [`r${Math.floor(random() * 1e6)}`]);
  for (let depth = Math.floor(random() * 5); depth > 0; depth -= 1) {
    const body = graph(parts);
    const kind = Math.floor(random() * 4);
    const attribute = (name: string): readonly Field[] => [
      [1, name],
      [6, body],
      [20, 5],
    ];
    const wrapped =
      kind === 0
        ? node('If', ['c'], ['y'], [attribute('then_branch'), attribute('else_branch')])
        : kind === 1
          ? node('Scan', ['x'], ['y'], [attribute('body')])
          : kind === 2
            ? node('Loop', ['n', 'c', 'x'], ['y'], [attribute('body')])
            : node('SequenceMap', ['x'], ['y'], [attribute('body')]);
    const around = Array.from({ length: Math.floor(random() * 4) }, harmless);
    parts = { nodes: [...around, wrapped, ...around] };
  }
  return model(parts);
}

/** True when the inspector takes the bytes; throws what is no refusal. */
export function isTaken(bytes: Uint8Array): boolean {
  try {
    inspectOnnx(new MemorySource(bytes));
    return true;
  } catch (error) {
    if (error instanceof InspectionError) return false;
    throw error;
  }
}

/** The first so many mutants that the inspector takes. */
export function acceptedMutants(count: number): Buffer[] {
  const found: Buffer[] = [];
  for (let index = 0; found.length < count; index += 1) {
    const bytes = mutant(index);
    if (isTaken(bytes)) found.push(bytes);
  }
  return found;
}

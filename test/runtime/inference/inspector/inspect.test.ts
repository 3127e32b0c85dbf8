import fs from 'node:fs';
import path from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../runtime/inference/inspector/byte-source';
import { inspectFile, InspectionError, Inspections } from '../../../../runtime/inference/inspector';
import { checkExternalFiles } from '../../../../runtime/inference/inspector/external-data';
import { inspectOnnx } from '../../../../runtime/inference/inspector/inspect';
import type { ModelReport } from '../../../../runtime/inference/inspector';
import { INSPECTOR_LIMITS } from '../../../../runtime/inference/inspector/limits';
import { identityModel, loopModel } from '../../support/models';
import { graph, HEAD, int64s, message, model, node, tensor, tensorType, TYPE, value } from '../../support/onnx-bytes';
import type { Field } from '../../support/onnx-bytes';
import { temporaryFolder } from '../../support/temporary';

const inspect = (bytes: Uint8Array): ModelReport => inspectOnnx(new MemorySource(bytes));

const FLOAT = (name: string) => value(name, tensorType(TYPE.float, ['n', 2]));
const MAX_INT64 = 2n ** 63n - 1n;

/** A loop whose body hands on its condition, or what `decide` makes of it. */
function loop(
  turns: bigint | undefined,
  decide: readonly (readonly Field[])[],
  outer: readonly (readonly Field[])[] = [],
  count = 'turns',
) {
  const body = graph({
    nodes: [...decide, ...outer],
    inputs: [
      value('turn', tensorType(TYPE.int64, [])),
      value('going', tensorType(TYPE.bool, [])),
      value('state', tensorType(TYPE.float, [])),
    ],
    outputs: [value('goes_on', tensorType(TYPE.bool, [])), value('state_out', tensorType(TYPE.float, []))],
  });
  return {
    nodes: [
      node(
        'Loop',
        [turns === undefined ? '' : count, '', 'x'],
        ['y'],
        [
          [
            [1, 'body'],
            [6, body],
            [20, 5],
          ],
        ],
      ),
    ],
    constants: turns === undefined ? [] : [int64s(count, [turns], [])],
  };
}

/** A loop of 10 million turns in another one. */
function loopInLoop(turns: bigint, decide: readonly (readonly Field[])[]) {
  const inner = loop(10_000_000n, PASS_ON, [], 'inner');
  const outer = loop(turns, decide, inner.nodes);
  return { nodes: outer.nodes, constants: [...outer.constants, ...inner.constants] };
}

const PASS_ON = [node('Identity', ['going'], ['goes_on'])];
const COMPUTE = [node('Less', ['state', 'state'], ['goes_on'])];

/** The same nodes as a branch of a condition, inside a loop that computes its end. */
function between({ nodes, constants }: ReturnType<typeof loop>) {
  const branch: readonly Field[] = [
    [1, 'then_branch'],
    [6, graph({ nodes })],
  ];
  return { nodes: loop(undefined, COMPUTE, [node('If', ['c'], ['z'], [branch])]).nodes, constants };
}

/** Graphs inside graphs, so deep. */
function nested(depth: number): readonly Field[] {
  const inner =
    depth === 0
      ? [node('Identity', ['x'], ['y'])]
      : [
          node(
            'If',
            ['c'],
            ['y'],
            [
              [
                [1, 'then_branch'],
                [6, nested(depth - 1)],
              ],
            ],
          ),
        ];
  return graph({ nodes: inner });
}

const external = (...entries: readonly (readonly [string, string])[]): readonly Field[] => [
  ...entries.map(([key, content]): Field => [
    13,
    [
      [1, key],
      [2, content],
    ],
  ]),
  [14, 1],
];

const opset = (domain: string, version: number): Field => [
  8,
  [
    [1, domain],
    [2, version],
  ],
];

/** A function with a constant that its attribute gives, which has a default. */
const withDefault = (content: Field): Field => [
  25,
  [
    [1, 'Weights'],
    [6, 'value'],
    [
      7,
      node(
        'Constant',
        [],
        ['b'],
        [
          [
            [1, 'value'],
            [21, 'value'],
            [20, 4],
          ],
        ],
      ),
    ],
    [10, 'local'],
    [11, [[1, 'value'], content]],
  ],
];

const weights = (...entries: readonly (readonly [string, string])[]) =>
  model({ constants: [tensor('w', TYPE.float, [4], external(...entries))] });

describe('the inspector', () => {
  it('describes what a model takes and gives as onnxruntime does, without running it', async () => {
    for (const bytes of [identityModel('FP16'), identityModel('BYTES'), loopModel()]) {
      const { inputs, outputs } = inspect(bytes);
      const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
      expect(inputs.map(({ name }) => name)).toEqual(session.inputNames);
      expect(outputs.map(({ name }) => name)).toEqual(session.outputNames);
      await session.release();
    }
    expect(inspect(identityModel('FP32')).inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [-1, 2] }]);
  });

  it('leaves inputs with defaults out, and tells a missing shape from a scalar', () => {
    const inputs = [value('x', tensorType(TYPE.float)), value('s', tensorType(TYPE.float, [])), FLOAT('w')];
    const constants = [tensor('w', TYPE.float, [1, 2], [[9, new Uint8Array(8)]])];
    expect(inspect(model({ inputs, constants })).inputs).toEqual([
      { name: 'x', datatype: 'FP32', shape: undefined },
      { name: 's', datatype: 'FP32', shape: [] },
    ]);
  });

  it('takes dimensions that are symbols, nothing, or -1 for any size', () => {
    const inputs = [value('x', tensorType(TYPE.float, ['n', undefined, -1, 3]))];
    expect(inspect(model({ inputs })).inputs[0]?.shape).toEqual([-1, -1, -1, 3]);
  });

  it('counts nodes, weights and operators', () => {
    const constants = [tensor('w', TYPE.float, [3, 2], [[9, new Uint8Array(24)]])];
    const nodes = [node('Add', ['x', 'w'], ['z']), node('Relu', ['z'], ['y'])];
    const { nodes: count, weightBytes, operators, operatorSets } = inspect(model({ constants, nodes }));
    expect([count, weightBytes, operators, operatorSets]).toEqual([2, 24, { Add: 1, Relu: 1 }, { '': 17 }]);
  });

  it('takes operator sets that are imported and not used, and loops that compute their end', () => {
    expect(inspect(model({}, [opset('ai.onnx.preview.training', 1)])).nodes).toBe(1);
    expect(inspect(model(loop(MAX_INT64, COMPUTE))).nodes).toBe(2);
    expect(inspect(model(loop(1000n, PASS_ON))).nodes).toBe(2);
    expect(inspect(model(loopInLoop(MAX_INT64, COMPUTE))).nodes).toBe(4);
    expect(inspect(model(loopInLoop(100n, PASS_ON))).nodes).toBe(4);
    expect(inspect(loopModel()).operators).toMatchObject({ Loop: 1 });
  });

  it('takes functions that the model brings, and counts them where they are called', () => {
    const helper: Field = [
      25,
      [
        [1, 'Twice'],
        [7, node('Add', ['a', 'a'], ['b'])],
        [7, node('Relu', ['b'], ['c'])],
        [10, 'local'],
      ],
    ];
    const nodes = [node('Twice', ['x'], ['y'], [], [[7, 'local']]), node('Twice', ['x'], ['z'], [], [[7, 'local']])];
    expect(inspect(model({ nodes }, [helper])).nodes).toBe(6);
  });

  it('names the files of weights beside the graph and how long they must be', () => {
    const constants = [
      tensor('a', TYPE.float, [4], external(['location', 'w.bin'], ['offset', '100'], ['length', '16'])),
      tensor('b', TYPE.float, [2], external(['location', './w.bin'])),
    ];
    expect(inspect(model({ constants }))).toMatchObject({
      weightBytes: 24,
      externalFiles: [{ path: 'w.bin', bytes: 116 }],
    });
  });

  it('looks at what the attributes of a function are where a call gives none', () => {
    const nodes = [node('Weights', ['x'], ['y'], [], [[7, 'local']])];
    const constant = tensor('w', TYPE.float, [4], external(['location', 'w.bin']));
    expect(inspect(model({ nodes }, [withDefault([5, constant])]))).toMatchObject({
      weightBytes: 16,
      externalFiles: [{ path: 'w.bin', bytes: 16 }],
    });
    const inner = graph({ nodes: [node('Relu', ['x'], ['y']), node('Relu', ['y'], ['z'])] });
    expect(inspect(model({ nodes }, [withDefault([6, inner])])).nodes).toBe(4);
  });

  const functionCalls = (from: string, to: string): Field => [
    25,
    [
      [1, from],
      ...[1, 2, 3, 4, 5, 6, 7, 8].map((): Field => [7, node(to, ['a'], ['b'], [], [[7, 'local']])]),
      [10, 'local'],
    ],
  ];

  it.each<[string, string, Uint8Array, string]>([
    ['nothing at all', 'LNMT8321', new Uint8Array(), 'no version'],
    ['a file of zeros', 'LNMT8321', new Uint8Array(100), 'no field begins'],
    ['text', 'LNMT8321', Buffer.from('<!DOCTYPE html><html></html>'), 'wire type'],
    ['a model that is cut short', 'LNMT8321', model().subarray(0, -3), 'ends beyond its message'],
    ['bytes after the model', 'LNMT8321', Buffer.concat([model(), message([[99, 'payload']])]), 'unknown field 99'],
    ['two graphs', 'LNMT8321', model({}, [[7, graph()]]), 'two fields graph'],
    ['no graph', 'LNMT8321', message(HEAD), 'no graph'],
    ['no operator set', 'LNMT8321', model({}, [], [[1, 8]]), 'no operator set'],
    [
      'a name that is no text',
      'LNMT8321',
      model({ nodes: [node('Identity', ['x'], ['y'], [], [[3, Buffer.from([0xff])]])] }),
      'not UTF-8',
    ],
    [
      'two attributes of one name',
      'LNMT8321',
      model({ nodes: [node('Cast', ['x'], ['y'], [[[1, 'to']], [[1, 'to']]])] }),
      'two attributes',
    ],
    ['two inputs of one name', 'LNMT8321', model({ inputs: [FLOAT('x'), FLOAT('x')] }), 'two inputs'],
    [
      'fewer values than the shape',
      'LNMT8321',
      model({ constants: [tensor('w', TYPE.float, [9], [[9, new Uint8Array(8)]])] }),
      'its shape needs 36',
    ],
    [
      'no values for a large shape',
      'LNMT8321',
      model({ constants: [tensor('w', TYPE.float, [2n ** 35n], [])] }),
      'has 0 values',
    ],
    [
      'a constant of negative size',
      'LNMT8321',
      model({ constants: [tensor('w', TYPE.float, [-1], [])] }),
      'dimension of -1',
    ],
    [
      'values that stand twice',
      'LNMT8321',
      model({
        constants: [
          tensor(
            'w',
            TYPE.float,
            [1],
            [
              [9, new Uint8Array(4)],
              [4, new Uint8Array(4)],
            ],
          ),
        ],
      }),
      'twice',
    ],
    ['a constant in segments', 'LNMT8321', model({ constants: [tensor('w', TYPE.float, [1], [[3, []]])] }), 'segments'],
    [
      'a format of the future',
      'LNMT8322',
      model(
        {},
        [],
        [
          [1, 99],
          [8, [[2, 17]]],
        ],
      ),
      'served are 3 to 13',
    ],
    [
      'an operator set of the past',
      'LNMT8322',
      model(
        {},
        [],
        [
          [1, 8],
          [8, [[2, 3]]],
        ],
      ),
      'served are 7 to 26',
    ],
    ['an operator set of the future', 'LNMT8322', model({}, [opset('com.microsoft', 2)]), 'com.microsoft 2'],
    [
      'a custom operator',
      'LNMT8322',
      model({ nodes: [node('Run', ['x'], ['y'], [], [[7, 'evil.ops']])] }),
      'custom set "evil.ops"',
    ],
    [
      'a custom set named as a prototype',
      'LNMT8322',
      model({ nodes: [node('Run', ['x'], ['y'], [], [[7, '__proto__']])] }),
      'custom set',
    ],
    [
      'a custom operator inside a loop',
      'LNMT8322',
      model(loop(1n, PASS_ON, [node('Run', ['x'], ['z'], [], [[7, 'evil']])])),
      'custom set',
    ],
    [
      'a compiled engine from a file',
      'LNMT8322',
      model({ nodes: [node('EPContext', ['x'], ['y'], [], [[7, 'com.microsoft']])] }),
      'compiled file',
    ],
    [
      'a function that is named like a refused operator',
      'LNMT8322',
      model({ nodes: [node('EPContext', ['x'], ['y'], [], [[7, 'com.microsoft']])] }, [
        [
          25,
          [
            [1, 'EPContext'],
            [7, node('Relu', ['a'], ['b'])],
            [10, 'com.microsoft'],
          ],
        ],
      ]),
      'compiled file',
    ],
    [
      'a custom operator in a graph that an attribute of a function is by default',
      'LNMT8322',
      model({}, [withDefault([6, graph({ nodes: [node('Run', ['x'], ['y'], [], [[7, 'evil']])] })])]),
      'custom set',
    ],
    [
      'weights in a folder above in an attribute that a function has by default',
      'LNMT8323',
      model({}, [withDefault([5, tensor('w', TYPE.float, [4], external(['location', '../../etc/passwd']))])]),
      'no plain relative path',
    ],
    [
      'a function that gives an attribute two defaults',
      'LNMT8321',
      model({}, [
        [
          25,
          [
            [1, 'F'],
            [11, [[1, 'value']]],
            [11, [[1, 'value']]],
          ],
        ],
      ]),
      'two attributes',
    ],
    ['a training graph', 'LNMT8322', model({}, [[20, []]]), 'training'],
    ['weights in a folder above', 'LNMT8323', weights(['location', '../../etc/passwd']), 'no plain relative path'],
    ['weights at an absolute path', 'LNMT8323', weights(['location', '/etc/passwd']), 'no plain relative path'],
    ['weights below a folder above', 'LNMT8323', weights(['location', 'a/../../b']), 'no plain relative path'],
    ['weights behind a backslash', 'LNMT8323', weights(['location', '..\\b']), 'no plain relative path'],
    ['weights without a place', 'LNMT8323', weights(['offset', '0']), 'no plain relative path'],
    [
      'weights in memory of the process',
      'LNMT8323',
      weights(['location', '*/_ORT_MEM_ADDR_/*']),
      'no plain relative path',
    ],
    ['weights at a negative offset', 'LNMT8323', weights(['location', 'w'], ['offset', '-1']), 'for a size'],
    ['weights of another length', 'LNMT8323', weights(['location', 'w'], ['length', '9']), 'its shape needs 16'],
    [
      'an attribute of external data that nobody knows',
      'LNMT8323',
      weights(['location', 'w'], ['__class__', 'x']),
      'unknown entry',
    ],
    ['two places for one weight', 'LNMT8321', weights(['location', 'w'], ['location', 'v']), 'two entries'],
    [
      'an input of very many elements',
      'LNMT8324',
      model({ inputs: [value('x', tensorType(TYPE.float, [2 ** 20, 2 ** 20]))] }),
      'elements of input "x"',
    ],
    [
      'an input whose size overflows',
      'LNMT8324',
      model({ inputs: [value('x', tensorType(TYPE.float, [2 ** 32, 2 ** 32, 2]))] }),
      'at most 268435456',
    ],
    [
      'an input of rank 17',
      'LNMT8324',
      model({ inputs: [value('x', tensorType(TYPE.float, Array<number>(17).fill(1)))] }),
      'dimensions of input',
    ],
    [
      '129 outputs',
      'LNMT8324',
      model({ outputs: Array.from({ length: 129 }, (_, index) => FLOAT(`y${index}`)) }),
      'outputs: got 129',
    ],
    [
      'a shape bomb in an initializer',
      'LNMT8324',
      model({ constants: [int64s('s', [1_500_000_000n])], nodes: [node('ConstantOfShape', ['s'], ['y'])] }),
      'elements of ConstantOfShape',
    ],
    [
      'a shape bomb behind other names',
      'LNMT8324',
      model({
        constants: [int64s('s', [2n ** 62n])],
        nodes: [node('Identity', ['s'], ['t']), node('Expand', ['x', 't'], ['y'])],
      }),
      'elements of Expand',
    ],
    [
      'a shape bomb in a constant node',
      'LNMT8324',
      model({
        nodes: [
          node(
            'Constant',
            [],
            ['s'],
            [
              [
                [1, 'value_ints'],
                [8, 100_000],
                [8, 100_000],
              ],
            ],
          ),
          node('Tile', ['x', 's'], ['y']),
        ],
      }),
      'elements of Tile',
    ],
    [
      'a shape bomb in an attribute',
      'LNMT8324',
      model({
        nodes: [
          node(
            'RandomNormal',
            [],
            ['y'],
            [
              [
                [1, 'shape'],
                [8, 1 << 20],
                [8, 1 << 20],
              ],
            ],
          ),
        ],
      }),
      'elements of RandomNormal',
    ],
    [
      'a range without end',
      'LNMT8324',
      model({
        constants: [int64s('a', [0n], []), int64s('b', [MAX_INT64], []), int64s('c', [1n], [])],
        nodes: [node('Range', ['a', 'b', 'c'], ['y'])],
      }),
      'elements of Range',
    ],
    [
      'a name of a megabyte',
      'LNMT8324',
      model({ nodes: [node('Identity', ['x'], ['y'], [], [[3, 'n'.repeat(2 ** 20)]])] }),
      'bytes of name',
    ],
    [
      'functions that multiply',
      'LNMT8324',
      model({ nodes: [node('F0', ['x'], ['y'], [], [[7, 'local']])] }, [
        ...[0, 1, 2, 3, 4, 5, 6].map((index) => functionCalls(`F${index}`, `F${index + 1}`)),
        [
          25,
          [
            [1, 'F7'],
            [7, node('Relu', ['a'], ['b'])],
            [10, 'local'],
          ],
        ],
      ]),
      'nodes: got',
    ],
    [
      'a function that calls itself',
      'LNMT8325',
      model({ nodes: [node('F', ['x'], ['y'], [], [[7, 'local']])] }, [functionCalls('F', 'F')]),
      'calls itself',
    ],
    ['a loop that never ends', 'LNMT8325', model(loop(MAX_INT64, PASS_ON)), 'turns 9223372036854775807 times'],
    ['loops that multiply', 'LNMT8325', model(loopInLoop(1000n, PASS_ON)), 'turns 10000000000 times'],
    [
      'loops that multiply, behind a condition and in a loop that ends',
      'LNMT8325',
      model(between(loopInLoop(1000n, PASS_ON))),
      'turns 10000000000 times',
    ],
    ['a loop without number and condition', 'LNMT8325', model(loop(undefined, PASS_ON)), 'states no number of turns'],
    [
      'graphs nested too deep',
      'LNMT8325',
      model({
        nodes: [
          node(
            'If',
            ['c'],
            ['y'],
            [
              [
                [1, 'then_branch'],
                [6, nested(20)],
              ],
            ],
          ),
        ],
      }),
      'nested more than 16 deep',
    ],
    [
      'a BF16 input, with the remedy',
      'LNMT8326',
      model({ inputs: [value('x', tensorType(TYPE.bfloat16, [1]))] }),
      'lnmt model optimize',
    ],
    ['an output that is a sequence', 'LNMT8326', model({ outputs: [value('y', [[4, []]])] }), 'sequence'],
  ])('refuses %s', (_title, code, bytes, text) => {
    expect(() => inspect(bytes)).toThrow(InspectionError);
    expect(() => inspect(bytes)).toThrow(code);
    expect(() => inspect(bytes)).toThrow(text);
  });

  it('refuses more nodes than a model may have', () => {
    const nodes = Array.from({ length: 20 }, () => node('Relu', ['x'], ['y']));
    const limits = { ...INSPECTOR_LIMITS, nodes: 10 };
    expect(() => inspectOnnx(new MemorySource(model({ nodes })), limits)).toThrow('LNMT8324');
  });
});

describe('weights beside a graph', () => {
  let dir: string;
  const files = [{ path: 'w.bin', bytes: 16 }];
  const listed = new Set(['w.bin']);
  const w = (): string => path.join(dir, 'w.bin');

  beforeEach(() => {
    dir = temporaryFolder();
    fs.writeFileSync(w(), Buffer.alloc(16));
  });

  afterEach(() => fs.rmSync(dir, { recursive: true }));

  it('are taken when they are listed, regular and long enough', async () => {
    await expect(checkExternalFiles(dir, files, listed)).resolves.toBeUndefined();
  });

  it.each<[string, () => void, ReadonlySet<string>]>([
    ['are not in the manifest', () => undefined, new Set()],
    ['are missing', () => fs.rmSync(w()), listed],
    ['are too short', () => fs.truncateSync(w(), 15), listed],
    ['have a second name', () => fs.linkSync(w(), path.join(dir, 'other')), listed],
    [
      'are a symbolic link',
      () => {
        fs.renameSync(w(), path.join(dir, 'real'));
        fs.symlinkSync('real', w());
      },
      listed,
    ],
  ])('are refused when they %s', async (_title, harm, names) => {
    harm();
    await expect(checkExternalFiles(dir, files, names)).rejects.toThrow('LNMT8323');
  });
});

describe('the inspection of a file', () => {
  let dir: string;

  beforeEach(() => (dir = temporaryFolder()));
  afterEach(() => fs.rmSync(dir, { recursive: true }));

  it('happens in a thread of its own and gives the same report or error', async () => {
    const file = path.join(dir, 'model.onnx');
    fs.writeFileSync(file, model());
    expect(await inspectFile(file)).toEqual(inspect(model()));
    fs.writeFileSync(file, model(loop(MAX_INT64, PASS_ON)));
    await expect(inspectFile(file)).rejects.toThrow('LNMT8325');
  });

  it('takes one file after another, whatever the one before held', async () => {
    const inspections = new Inspections();
    const written = (name: string, bytes: Uint8Array): string => {
      fs.writeFileSync(path.join(dir, name), bytes);
      return path.join(dir, name);
    };
    const files = [
      ...['a', 'b', 'c'].map((name) => written(name, model())),
      written('bad', model(loop(MAX_INT64, PASS_ON))),
      path.join(dir, 'absent'),
    ];
    const all = [...files, ...files].map((file) => inspections.inspect(file).catch((error: Error) => error.message));
    const good = inspect(model());
    const once = [
      good,
      good,
      good,
      expect.stringContaining('LNMT8325'),
      expect.stringContaining('LNMT8327'),
    ] as unknown[];
    expect(await Promise.all(all)).toEqual([...once, ...once]);
  });

  it('refuses a link to a file', async () => {
    fs.writeFileSync(path.join(dir, 'real'), model());
    fs.symlinkSync('real', path.join(dir, 'model.onnx'));
    const inspection = inspectFile(path.join(dir, 'model.onnx'));
    await expect(inspection).rejects.toThrow('LNMT8327: the model could not be inspected: ELOOP');
  });

  it('is given up when it takes too long', async () => {
    const file = path.join(dir, 'model.onnx');
    fs.writeFileSync(file, model());
    await expect(inspectFile(file, { seconds: 0.001, heapMegabytes: 64 })).rejects.toThrow('LNMT8327');
  });

  it('steps over weights: a large file costs no memory', async () => {
    const file = path.join(dir, 'model.onnx');
    const bytes = 256 * 2 ** 20;
    const w = tensor('w', TYPE.float, [bytes / 4], [[9, Buffer.alloc(bytes)]]);
    fs.writeFileSync(file, model({ constants: [w] }));
    const before = process.memoryUsage().rss;
    expect((await inspectFile(file, { seconds: 10, heapMegabytes: 32 })).weightBytes).toBe(bytes);
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 2 ** 20);
  });
});

import fs from 'node:fs';
import path from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import fc from 'fast-check';
import { MapField, Root } from 'protobufjs';
import type { Field, Type } from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { RefusedMessage, guarded } from '../../../../runtime/inference/grpc/decoding';
import { loadServices } from '../../../../runtime/inference/grpc/definitions';
import { countEnds } from '../../../../runtime/inference/grpc/varints';
import { REQUESTS, WIRE } from '../../../../runtime/inference/grpc/wire-shapes';
import type { FieldShape, MessageShape } from '../../../../runtime/inference/grpc/wire-shapes';
import { decodedBytes } from '../../../../runtime/inference/grpc/wire-walk';
import { RequestError } from '../../../../runtime/shared/errors';
import { field, varint } from '../../support/grpc-wire';

const PROTOS = path.resolve(__dirname, '../../../../runtime/inference/grpc/protos');
const MIB = 2 ** 20;
const LIMIT = 256 * MIB;
const services = loadServices();
const methods = { ...services.inference, ...services.health };
const INFER = REQUESTS['ModelInfer'] ?? {};

const WIRES: Readonly<Record<string, number>> = {
  ...{ bool: WIRE.varint, int32: WIRE.varint, uint32: WIRE.varint, int64: WIRE.varint, uint64: WIRE.varint },
  ...{ float: WIRE.fixed32, double: WIRE.fixed64 },
};

/** What a shape says of a field that the table is to say, by the protocol file. */
function expected(each: Field, shape: FieldShape | undefined): object {
  const isLong = each.type === 'int64' || each.type === 'uint64';
  return {
    ...{ name: each.name, wire: WIRES[each.type] ?? WIRE.bytes, long: isLong },
    ...{ many: each.repeated || each instanceof MapField, nested: shape?.of !== undefined },
  };
}

function said(shape: FieldShape | undefined): object | undefined {
  if (shape === undefined) return undefined;
  const { name, wire, long = false, many = false, of } = shape;
  return { name, wire, long, many, nested: of !== undefined };
}

function compare(type: Type, shape: MessageShape): void {
  expect(Object.keys(shape).map(Number)).toEqual(type.fieldsArray.map(({ id }) => id).sort((a, b) => a - b));
  for (const each of type.fieldsArray.map((one) => one.resolve())) {
    const own = shape[each.id];
    expect(said(own)).toEqual(expected(each, own));
    const nested = each.resolvedType as Type | null;
    expect(own?.of !== undefined).toBe(nested !== null);
    if (nested === null || own?.of === undefined) continue;
    if (each instanceof MapField) {
      expect(Object.keys(own.of)).toEqual(['1', '2']);
      compare(nested, own.of[2]?.of ?? {});
    } else compare(nested, own.of);
  }
}

/** The fields of a message, as the contract and what the server reads of it may differ in contents alone. */
function fieldsOf(type: Type): object[] {
  return type.fieldsArray.map((each) => {
    const { id, name, repeated, resolvedType } = each.resolve();
    const isSame = name !== 'contents';
    const own = resolvedType?.name.startsWith('Infer') && resolvedType.name !== 'InferParameter';
    return { id, name, ...(isSame ? { repeated, type: own ? fieldsOf(resolvedType as Type) : each.type } : {}) };
  });
}

describe('the shapes of requests', () => {
  it('are what the server reads of them, where the contents of inputs are bytes', () => {
    const root = new Root();
    for (const file of fs.readdirSync(PROTOS)) root.loadSync(path.join(PROTOS, file), { keepCase: true });
    const [contract, incoming] = ['inference', 'inference.incoming'].map((name) =>
      root.lookupType(`${name}.ModelInferRequest`),
    ) as [Type, Type];
    expect(fieldsOf(incoming)).toEqual(fieldsOf(contract));
    expect(incoming.lookupType('InferInputTensor').fields['contents']).toMatchObject({ repeated: true, type: 'bytes' });
  });

  it('are those of the protocol files', () => {
    const root = new Root();
    for (const file of fs.readdirSync(PROTOS)) root.loadSync(path.join(PROTOS, file), { keepCase: true });
    expect(Object.keys(REQUESTS).sort()).toEqual(Object.keys(methods).sort());
    for (const [name, { path: rpc }] of Object.entries(methods)) {
      const method = root.lookupService(rpc.split('/')[1] ?? '').methods[name];
      method?.resolve();
      compare(method?.resolvedRequestType as Type, REQUESTS[name] ?? {});
    }
  });
});

describe('counting packed numbers', () => {
  const count = (bytes: Uint8Array, start: number, end: number): number =>
    bytes.subarray(start, end).filter((byte) => byte < 128).length;

  it('finds each end wherever it stands (seed 7)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(16), fc.nat(16), (bytes, start, cut) => {
        const [from, to] = [Math.min(start, bytes.length), Math.max(Math.min(start, bytes.length), bytes.length - cut)];
        const moved = new Uint8Array(bytes.length + 3).subarray(3);
        moved.set(bytes);
        expect(countEnds(bytes, from, to, Infinity)).toBe(count(bytes, from, to));
        expect(countEnds(moved, from, to, Infinity)).toBe(count(bytes, from, to));
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

const encode = (request: object): Buffer => methods['ModelInfer']?.requestSerialize(request) ?? Buffer.alloc(0);
const typed = (contents: object): Buffer =>
  encode({ model_name: 'm', inputs: [{ name: 'x', datatype: 'FP32', shape: ['2'], contents }] });
const cost = (bytes: Uint8Array, limit = LIMIT): number => decodedBytes(bytes, INFER, limit);

function refusal(bytes: Uint8Array, shape = INFER): RequestError {
  try {
    decodedBytes(bytes, shape, LIMIT);
  } catch (thrown) {
    if (thrown instanceof RequestError) return thrown;
    throw thrown;
  }
  throw new Error('it was not refused');
}

/** Bytes in memory of what an act makes, once all that it leaves behind is gone. */
function retained(act: () => unknown): number {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  const made = act();
  const after = used();
  expect(made).toBeDefined();
  return after - before;
}

const MANY = 50_000;
const times = (bytes: Uint8Array): Buffer => Buffer.concat(Array.from({ length: MANY }, () => bytes));
const input = (...fields: Uint8Array[]): Buffer => field(5, ...fields);
/** Numbers between 128 and 16 384, which are no small constants of anybody. */
const contents = (number: number, bytes: Uint8Array): Buffer => input(field(5, field(number, bytes)));

const HOARDS: readonly (readonly [string, Uint8Array])[] = [
  ['bool_contents', contents(1, times(varint(1)))],
  ['int_contents', contents(2, times(varint(300)))],
  ['uint_contents of large ones', contents(4, times(varint(4_294_967_290)))],
  ['int64_contents', contents(3, times(varint(300)))],
  ['uint64_contents of large ones', contents(5, times(varint(2 ** 52)))],
  ['fp32_contents', contents(6, times(Buffer.from(Float32Array.of(0.1).buffer)))],
  ['fp64_contents', contents(7, times(Buffer.from(Float64Array.of(0.1).buffer)))],
  ['bytes_contents', input(field(5, times(field(8, Buffer.from('a')))))],
  ['empty bytes_contents', input(field(5, times(field(8))))],
  ['shapes', input(times(Buffer.concat([Buffer.from([0x18]), varint(300)])))],
  ['empty raw_input_contents', times(field(7))],
  ['raw_input_contents', times(field(7, Buffer.from('a')))],
  ['empty inputs', times(field(5))],
  ['inputs with contents', times(field(5, field(5)))],
  ['outputs', times(field(6, field(1, Buffer.from('a'))))],
  [
    'parameters',
    Buffer.concat(
      Array.from({ length: MANY }, (_, index) =>
        field(4, field(1, Buffer.from(`k${index}`)), field(2, varint(16), varint(300))),
      ),
    ),
  ],
];

describe('the memory that a request takes', () => {
  const decode = methods['ModelInfer']?.requestDeserialize as (bytes: Buffer) => object;

  it.each(HOARDS)('is at least that of its %s', (_title, bytes) => {
    const said = cost(bytes, Infinity);
    const taken = retained(() => decode(Buffer.from(bytes)));
    expect(said).toBeGreaterThanOrEqual(taken - bytes.length);
  });
});

const FIELDS = 'the message has more than 250000 fields; send large tensors in raw_input_contents';
const INTEGERS = 'the message has more than 1000000 integers and booleans; send large tensors in raw_input_contents';

describe('a request that would take too much', () => {
  it.each([
    ['64-bit integers of one byte', INTEGERS, contents(3, Buffer.alloc(64 * MIB, 1))],
    ['booleans', INTEGERS, contents(1, Buffer.alloc(64 * MIB, 1))],
    [
      '32-bit integers in several stretches',
      INTEGERS,
      input(field(5, Buffer.alloc(22 * MIB, field(2, Buffer.alloc(20, 1))))),
    ],
    ['integers one by one', FIELDS, input(field(5, Buffer.alloc(2 * MIB, Buffer.from([0x10, 1]))))],
    ['empty raw contents', FIELDS, Buffer.alloc(64 * MIB, field(7))],
    ['empty inputs', FIELDS, Buffer.alloc(64 * MIB, field(5))],
    ['empty outputs', FIELDS, Buffer.alloc(64 * MIB, field(6))],
    ['parameters', FIELDS, Buffer.alloc(64 * MIB, field(4))],
    ['bytes without content', FIELDS, input(field(5, Buffer.alloc(63 * MIB, field(8))))],
    ['shapes one by one', FIELDS, input(Buffer.alloc(63 * MIB, Buffer.from([0x18, 1])))],
    ['names again and again', FIELDS, Buffer.alloc(64 * MIB, field(1, Buffer.from('m')))],
    ['fields that nobody knows', FIELDS, Buffer.alloc(64 * MIB, field(15))],
    [
      'inputs beside a long text',
      `the elements and entries of the message would take more than ${LIMIT} bytes; send large tensors in raw_input_contents`,
      Buffer.concat([Buffer.alloc(248_000 * 2, field(5)), field(4, field(2, field(3, Buffer.alloc(63 * MIB, 'a'))))]),
    ],
  ])('is refused, as %s', (_title, message, bytes) => {
    const started = process.cpuUsage();
    const refused = refusal(bytes);
    // It is refused as soon as it is too much, long before its end.
    expect(process.cpuUsage(started).user / 1000).toBeLessThan(500);
    expect([refused.code, refused.status, refused.message]).toEqual(['LNMT8209', 413, message]);
  });

  it('is none whose tensors are raw or packed floats, whatever their size', () => {
    const raw = Buffer.concat([input(field(1, Buffer.from('x'))), field(7, Buffer.alloc(63 * MIB))]);
    for (const bytes of [raw, contents(6, Buffer.alloc(63 * MIB)), contents(7, Buffer.alloc(63 * MIB))]) {
      expect(cost(bytes)).toBeLessThan(4_096);
    }
  });

  it('has shapes of a length that no shape has', () => {
    expect(cost(input(field(3, Buffer.alloc(160, 1))))).toBeGreaterThan(0);
    expect(refusal(input(field(3, Buffer.alloc(161, 1)))).message).toBe('shape is longer than 160 bytes');
  });

  it('is gone through in little time', () => {
    // No walk is longer than that of many fields of ten bytes each.
    const number = Buffer.concat([Buffer.from([0x78]), Buffer.alloc(9, 0xff), varint(1)]);
    const bytes = Buffer.alloc(240_000 * number.length, number);
    // The best of three is least disturbed.
    const times = [1, 2, 3].map(() => {
      const started = process.cpuUsage();
      expect(cost(bytes, Infinity)).toBeGreaterThan(20 * MIB);
      return process.cpuUsage(started).user / 1000;
    });
    expect(Math.min(...times)).toBeLessThan(500);
  });
});

describe('names', () => {
  it.each([
    ['model_name', 1, 128],
    ['model_version', 2, 128],
    ['id', 3, 1024],
  ])('%s has a longest one', (name, number, most) => {
    const bytes = (length: number): Buffer => field(number, Buffer.alloc(length, 'n'));
    expect(cost(bytes(most))).toBeGreaterThan(most);
    const { code, message } = refusal(bytes(most + 1));
    expect([code, message]).toEqual(['LNMT8201', `${name} is longer than ${most} bytes`]);
  });

  it('of tensors have one, too, and those of every other request', () => {
    expect(refusal(input(field(1, Buffer.alloc(1025, 'n')))).message).toBe('name is longer than 1024 bytes');
    expect(refusal(field(6, field(1, Buffer.alloc(1025, 'n')))).message).toBe('name is longer than 1024 bytes');
    for (const [name, shape] of Object.entries(REQUESTS)) {
      const long = Object.entries(shape).filter(([, { wire, of }]) => wire === WIRE.bytes && of === undefined);
      for (const [number] of long.filter(() => shape !== INFER)) {
        const { code } = refusal(field(Number(number), Buffer.alloc(129, 'n')), shape);
        expect([name, number, code]).toEqual([name, number, 'LNMT8201']);
      }
    }
  });
});

describe('bytes that are no request', () => {
  it.each([
    ['a tag without an end', Buffer.from([0xff])],
    ['a tag of six bytes', Buffer.from([0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00])],
    ['a tag beyond 32 bits', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f, 0x00])],
    ['the field 0', Buffer.from([0x02, 0x00])],
    ['a group', Buffer.from([0x7b, 0x7c])],
    ['groups in groups', Buffer.alloc(100_000, 0x7b)],
    ['the end of a group', Buffer.from([0x7c])],
    ['the wire types 6 and 7', Buffer.from([0x7e, 0x7f])],
    ['a length beyond the end', Buffer.from([0x0a, 0x05, 0x61])],
    ['a length of 4 GiB', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['a name that is a number', Buffer.from([0x08, 0x01])],
    ['raw contents that are a number', Buffer.from([0x38, 0x01])],
    ['an input that is no message', input(Buffer.from([0x0a, 0x05]))],
    ['contents that end within a number', contents(6, Buffer.alloc(0)).subarray(0, -1)],
    ['packed numbers that end within one', contents(6, Buffer.alloc(7))],
    ['a fixed number that is cut', input(field(5, Buffer.from([0x35, 0, 0])))],
    ['a number of eleven bytes', input(Buffer.concat([Buffer.from([0x18]), Buffer.alloc(10, 0x80), Buffer.from([0])]))],
    [
      'a number of 32 bits in seven',
      input(field(5, Buffer.concat([Buffer.from([0x10]), Buffer.alloc(6, 0x80), Buffer.from([0])]))),
    ],
  ])('are refused: %s', (_title, bytes) => {
    expect(refusal(bytes).code).toBe('LNMT8201');
  });

  it('may hold fields that a later protocol adds', () => {
    const later = Buffer.concat([
      ...[field(99, Buffer.from('new')), varint(98 * 8), varint(7)],
      ...[varint(97 * 8 + 5), Buffer.alloc(4), varint(96 * 8 + 1), Buffer.alloc(8)],
    ]);
    expect(cost(Buffer.concat([typed({ fp32_contents: [1, 2] }), later]))).toBeGreaterThan(0);
  });
});

const SEEDS = [
  typed({ fp32_contents: [1, 2.5] }),
  typed({ int_contents: [-1, 2] }),
  typed({ int64_contents: ['-1', '2'], bool_contents: [true], bytes_contents: [Buffer.from('a')] }),
  encode({ model_name: 'm', id: 'a', parameters: { a: { int64_param: '5' } }, outputs: [{ name: 'y' }] }),
  encode({ model_name: 'm', inputs: [{ name: 'x' }], raw_input_contents: [Buffer.alloc(8)] }),
];

/** Values in what was read. */
function values(read: unknown): number {
  if (typeof read !== 'object' || read === null) return 0;
  if (Buffer.isBuffer(read)) return 1;
  return Object.values(read).reduce<number>((sum, each) => sum + values(each), Array.isArray(read) ? read.length : 0);
}

describe('whatever comes', () => {
  const guard = guarded(services.inference, 64 * MIB)['ModelInfer'];
  const read = (bytes: Uint8Array): object => guard?.requestDeserialize(Buffer.from(bytes)) as object;
  const change = fc.tuple(fc.nat(200), fc.uint8Array({ maxLength: 12 }), fc.nat(8));
  const changed = fc
    .tuple(fc.constantFrom(...SEEDS), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([seed, changes]) =>
      changes.reduce<Buffer>((bytes, [at, piece, drop]) => {
        const from = Math.min(at, bytes.length);
        return Buffer.concat([bytes.subarray(0, from), piece, bytes.subarray(from + drop)]);
      }, seed),
    );

  it('is read or refused, and never more than was counted (seed 11)', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const found = read(bytes);
        if (found instanceof RefusedMessage) expect(found.error.status).toBe(400);
        else {
          taken += 1;
          // A value is never counted as less than the least of them.
          expect(values(found) * 24).toBeLessThanOrEqual(cost(bytes));
        }
      }),
      { seed: 11, numRuns: 5_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('is read as it was where it is right', () => {
    for (const seed of SEEDS) {
      expect(read(seed)).toEqual(methods['ModelInfer']?.requestDeserialize(seed));
    }
  });
});

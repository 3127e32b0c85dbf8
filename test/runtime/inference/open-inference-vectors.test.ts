import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HEADERS, inferPath, MODEL_STORE, modelPath, PATHS } from '../../../runtime/contract';
import { DATATYPE_BYTES } from '../../../runtime/inference/tensors/tensor';
import type { Datatype } from '../../../runtime/inference/tensors/tensor';
import { GrpcClient } from '../support/grpc-client';
import { constantModel, identityModel, pushModel } from '../support/models';
import { KEY, ServerProcess } from '../support/process';
import { temporaryFolder } from '../support/temporary';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

interface Vector {
  /** Elements as JSON, character for character. */
  readonly json: string;
  /** The same elements in binary: little-endian, row-major. */
  readonly bytes: Buffer;
  /** The same as gRPC has them. @default - none: raw only */
  readonly typed?: object;
}

/** Two elements of each datatype, at the ends of what it holds; written down, and not computed by what is tested. */
const VECTORS: Readonly<Record<Datatype, Vector>> = {
  BOOL: { json: '[true,false]', bytes: hex('01 00'), typed: { bool_contents: [true, false] } },
  UINT8: { json: '[0,255]', bytes: hex('00 ff'), typed: { uint_contents: [0, 255] } },
  UINT16: { json: '[1,65535]', bytes: hex('0100 ffff'), typed: { uint_contents: [1, 65535] } },
  UINT32: { json: '[1,4294967295]', bytes: hex('01000000 ffffffff'), typed: { uint_contents: [1, 4294967295] } },
  UINT64: {
    json: '[9007199254740993,18446744073709551615]',
    bytes: hex('0100000000002000 ffffffffffffffff'),
    typed: { uint64_contents: ['9007199254740993', '18446744073709551615'] },
  },
  INT8: { json: '[-128,127]', bytes: hex('80 7f'), typed: { int_contents: [-128, 127] } },
  INT16: { json: '[-32768,258]', bytes: hex('0080 0201'), typed: { int_contents: [-32768, 258] } },
  INT32: { json: '[-2147483648,2]', bytes: hex('00000080 02000000'), typed: { int_contents: [-2147483648, 2] } },
  INT64: {
    json: '[-9223372036854775808,9007199254740993]',
    bytes: hex('0000000000000080 0100000000002000'),
    typed: { int64_contents: ['-9223372036854775808', '9007199254740993'] },
  },
  FP16: { json: '[1.5,-65504]', bytes: hex('003e fffb') },
  FP32: { json: '[0.1,-2]', bytes: hex('cdcccc3d 000000c0'), typed: { fp32_contents: [Math.fround(0.1), -2] } },
  FP64: {
    json: '[0.1,-1e+300]',
    bytes: hex('9a9999999999b93f 9c7500883ce437fe'),
    typed: { fp64_contents: [0.1, -1e300] },
  },
  BYTES: {
    json: '["grüße",""]',
    bytes: hex('07000000 6772c3bcc39f65 00000000'),
    typed: { bytes_contents: [Buffer.from('grüße'), Buffer.alloc(0)] },
  },
};
const DATATYPES = Object.keys(DATATYPE_BYTES) as Datatype[];

let server: ServerProcess;
let store: string;
let base: string;
let client: GrpcClient;

beforeAll(async () => {
  store = temporaryFolder();
  for (const datatype of DATATYPES) {
    pushModel(store, datatype.toLowerCase(), '1', { [MODEL_STORE.model]: identityModel(datatype) });
  }
  pushModel(store, 'constant', '1', { [MODEL_STORE.model]: constantModel([1.5, -2]) });
  // Lazy: fourteen processes at once would only make the test slow.
  server = ServerProcess.start({ modelRepository: pathToFileURL(store).href, grpcPort: '0' });
  await server.ready();
  base = await server.url();
  client = GrpcClient.inference(Number((await server.line('listening'))['grpc']));
  const all = async (): Promise<number> => {
    const rows = (await (await post(`${PATHS.repository}/index`, '')).json()) as { readonly state: string }[];
    return rows.filter(({ state }) => state === 'READY').length;
  };
  while ((await all()) <= DATATYPES.length) await delay(50);
});

afterAll(async () => {
  client.close();
  await server.dispose();
  fs.rmSync(store, { recursive: true, force: true });
});

const headers = { authorization: `Bearer ${KEY}` };
const get = (path: string): Promise<Response> => fetch(base + path, { headers });
const post = (path: string, body: string | Buffer, more: Record<string, string> = {}): Promise<Response> =>
  fetch(base + path, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: { ...headers, ...more },
  });

const JSON_TYPE = { 'content-type': 'application/json' };

/** A body with the JSON part, whose length the header states, and the bytes after it. */
async function binary(path: string, json: string, bytes: Buffer, length?: string): Promise<Response> {
  const part = Buffer.from(json);
  return post(path, Buffer.concat([part, bytes]), {
    'content-type': 'application/octet-stream',
    [HEADERS.inferenceHeaderLength]: length ?? String(part.length),
  });
}

const input = (datatype: string, rest: string): string =>
  `{"inputs":[{"name":"x","datatype":"${datatype}","shape":[1,2],${rest}}]}`;
const output = (datatype: string, rest: string): string =>
  `"outputs":[{"name":"y","datatype":"${datatype}","shape":[1,2],${rest}}]}`;
const head = (name: string, id = ''): string => `{"model_name":"${name}","model_version":"1",${id}`;

describe('the endpoints of the protocol answer, character for character', () => {
  it.each([
    [PATHS.live, '{"live":true}'],
    [PATHS.ready, '{"ready":true}'],
    [
      PATHS.server,
      '{"name":"lnmt-inference","version":"0.1.0","extensions":["binary_tensor_data","schedule_policy","model_repository","model_configuration","statistics"]}',
    ],
    [
      modelPath('int64'),
      '{"name":"int64","versions":["1"],"platform":"onnxruntime_onnx","inputs":[{"name":"x","datatype":"INT64","shape":[-1,2]}],"outputs":[{"name":"y","datatype":"INT64","shape":[-1,2]}]}',
    ],
    [
      modelPath('int64', '1'),
      '{"name":"int64","versions":["1"],"platform":"onnxruntime_onnx","inputs":[{"name":"x","datatype":"INT64","shape":[-1,2]}],"outputs":[{"name":"y","datatype":"INT64","shape":[-1,2]}]}',
    ],
    [`${modelPath('int64')}/ready`, '{"name":"int64","ready":true}'],
    [`${modelPath('int64', '1')}/ready`, '{"name":"int64","ready":true}'],
  ])('GET %s', async (path, body) => {
    const answer = await get(path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(await answer.text()).toBe(body);
  });

  it('POST to infer, with and without a version, and with the id that came', async () => {
    const body = input('INT64', '"data":[3,-4]');
    const data = output('INT64', '"data":[3,-4]');
    for (const version of [undefined, '1']) {
      const answer = await post(inferPath('int64', version), body, JSON_TYPE);
      expect(await answer.text()).toBe(`${head('int64')}${data}`);
    }
    const named = await post(inferPath('int64'), `{"id":"Ü 7",${body.slice(1)}`, JSON_TYPE);
    expect(await named.text()).toBe(`${head('int64', '"id":"Ü 7",')}${data}`);
  });
});

describe('tensors of every datatype', () => {
  it.each(DATATYPES)('%s is exact as JSON, flat and nested', async (datatype) => {
    const { json } = VECTORS[datatype];
    for (const data of [json, `[${json}]`]) {
      const answer = await post(inferPath(datatype.toLowerCase()), input(datatype, `"data":${data}`), JSON_TYPE);
      expect(await answer.text()).toBe(`${head(datatype.toLowerCase())}${output(datatype, `"data":${json}`)}`);
    }
  });

  it.each(DATATYPES)('%s is exact in binary, and in a mix of both forms', async (datatype) => {
    const { json, bytes } = VECTORS[datatype];
    const size = `"parameters":{"binary_data_size":${bytes.length}}`;
    const path = inferPath(datatype.toLowerCase());
    const wanted = '"parameters":{"binary_data_output":true}';
    const both = await binary(path, `{${wanted},${input(datatype, size).slice(1)}`, bytes);
    const text = `${head(datatype.toLowerCase())}${output(datatype, size)}`;
    expect([both.status, both.headers.get(HEADERS.inferenceHeaderLength)]).toEqual([200, String(text.length)]);
    expect(Buffer.from(await both.arrayBuffer())).toEqual(Buffer.concat([Buffer.from(text), bytes]));
    const toJson = await binary(path, input(datatype, size), bytes);
    expect(await toJson.text()).toBe(`${head(datatype.toLowerCase())}${output(datatype, `"data":${json}`)}`);
    const one = '"outputs":[{"name":"y","parameters":{"binary_data":true}}]';
    const toBinary = await post(path, `{${one},${input(datatype, `"data":${json}`).slice(1)}`, JSON_TYPE);
    expect(Buffer.from(await toBinary.arrayBuffer())).toEqual(Buffer.concat([Buffer.from(text), bytes]));
    const not = `{${wanted},"outputs":[{"name":"y","parameters":{"binary_data":false}}],${input(datatype, size).slice(1)}`;
    expect(await (await binary(path, not, bytes)).text()).toContain(`"data":${json}`);
  });

  it.each(DATATYPES)('%s is exact through gRPC, typed where there is a type and raw', async (datatype) => {
    const { typed, bytes } = VECTORS[datatype];
    const request = {
      ...{ model_name: datatype.toLowerCase(), id: 'i' },
      inputs: [{ name: 'x', datatype, shape: ['1', '2'] }],
    };
    const raw = await client.call('ModelInfer', { ...request, raw_input_contents: [bytes] }, headers);
    expect(raw).toMatchObject({ model_name: datatype.toLowerCase(), model_version: '1', id: 'i' });
    expect(raw['raw_output_contents']).toEqual([bytes]);
    if (typed === undefined) return;
    const inputs = [{ ...request.inputs[0], contents: typed }];
    const answer = await client.call('ModelInfer', { ...request, inputs }, headers);
    expect(answer).toMatchObject({
      outputs: [{ name: 'y', datatype, shape: ['1', '2'], contents: typed }],
      raw_output_contents: [],
    });
  });

  it('BF16 is widened for a model of FP32, and has no other form than binary', async () => {
    // 1.5 and -2 in the upper half of their 32 bits.
    const answer = await binary(
      inferPath('fp32'),
      input('BF16', '"parameters":{"binary_data_size":4}'),
      hex('c03f 00c0'),
    );
    expect(await answer.text()).toBe(`${head('fp32')}${output('FP32', '"data":[1.5,-2]')}`);
    const json = await post(inferPath('fp32'), input('BF16', '"data":[1.5,-2]'), JSON_TYPE);
    expect([json.status, await json.json()]).toEqual([
      400,
      { error: 'input "x": BF16 has no JSON form; send it as a binary tensor' },
    ]);
  });
});

describe('a model without inputs', () => {
  it('answers JSON with JSON, binary where that is asked for, and over gRPC raw contents, which all clients read', async () => {
    const told = (rest: string): string =>
      `${head('constant')}"outputs":[{"name":"y","datatype":"FP32","shape":[2],${rest}}]}`;
    const json = await post(inferPath('constant'), '{"inputs":[]}', JSON_TYPE);
    expect(await json.text()).toBe(told('"data":[1.5,-2]'));
    const wanted = '{"inputs":[],"parameters":{"binary_data_output":true}}';
    const bytes = hex('0000c03f 000000c0');
    const binaryAnswer = Buffer.from(await (await post(inferPath('constant'), wanted, JSON_TYPE)).arrayBuffer());
    const text = told('"parameters":{"binary_data_size":8}');
    expect(binaryAnswer).toEqual(Buffer.concat([Buffer.from(text), bytes]));
    const raw = await client.call('ModelInfer', { model_name: 'constant' }, headers);
    expect(raw).toMatchObject({ outputs: [{ name: 'y', datatype: 'FP32', shape: ['2'], contents: null }] });
    expect(raw['raw_output_contents']).toEqual([bytes]);
  });
});

describe('where other servers of the protocol fail, this one', () => {
  const infer = (body: string, more: Record<string, string> = JSON_TYPE): Promise<Response> =>
    post(inferPath('fp32'), body, more);

  it.each([
    [
      'data of another size than the shape',
      input('FP32', '"data":[1,2,3]'),
      'input "x": shape [1,2] has 2 elements, data has 3',
    ],
    ['a missing input', '{"inputs":[]}', 'input "x" is missing'],
    ['another rank', '{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}]}', 'input "x"'],
    ['another datatype', input('INT64', '"data":[1,2]'), 'input "x"'],
    [
      'an unknown output',
      `{"outputs":[{"name":"z"}],${input('FP32', '"data":[1,2]').slice(1)}`,
      'output "z" is unknown',
    ],
    ['text that is no JSON', '{"inputs":', 'the body is not acceptable JSON'],
    ['no body', '', 'the body is not acceptable JSON'],
  ])('refuses %s with 400, in the form of the protocol and naming the place', async (_title, body, message) => {
    const answer = await infer(body);
    expect(answer.status).toBe(400);
    const { error, ...rest } = (await answer.json()) as { readonly error: string };
    expect([rest, error]).toEqual([{}, expect.stringContaining(message)]);
  });

  it('takes a body without a media type, parameters that it does not know, and a version in the path', async () => {
    const plain = await fetch(base + inferPath('fp32', '1'), {
      ...{ method: 'POST', headers },
      body: new Uint8Array(Buffer.from(`{"parameters":{"anything":7},${input('FP32', '"data":[1,2]').slice(1)}`)),
    });
    expect([plain.status, await plain.text()]).toEqual([200, `${head('fp32')}${output('FP32', '"data":[1,2]')}`]);
  });

  it.each(['9999', '0', '-1', '1e3', '0x10', '18446744073709551617', ' '])(
    'refuses a JSON part whose length is said to be %j',
    async (length) => {
      const body = input('FP32', '"parameters":{"binary_data_size":8}');
      const answer = await binary(inferPath('fp32'), body, Buffer.alloc(8), length);
      expect([answer.status, await answer.json()]).toEqual([400, { error: expect.any(String) as unknown }]);
    },
  );

  it.each([
    ['too long', 16, 'binary_data_size is 16'],
    ['too short', 4, '2 elements of FP32 are 8 bytes'],
    ['negative', -1, 'binary_data_size is not a number of bytes'],
  ])('refuses a tensor whose size is said to be %s', async (_title, size, message) => {
    const answer = await binary(
      inferPath('fp32'),
      input('FP32', `"parameters":{"binary_data_size":${size}}`),
      Buffer.alloc(8),
    );
    expect([answer.status, await answer.json()]).toEqual([400, { error: expect.stringContaining(message) as unknown }]);
  });

  it('refuses bytes that no tensor claims', async () => {
    const answer = await binary(
      inferPath('fp32'),
      input('FP32', '"parameters":{"binary_data_size":8}'),
      Buffer.alloc(9),
    );
    expect([answer.status, await answer.json()]).toEqual([400, { error: '1 bytes follow the last binary tensor' }]);
  });

  it('refuses another model and another version with 404', async () => {
    for (const path of [
      inferPath('other'),
      inferPath('fp32', '2'),
      modelPath('other'),
      `${modelPath('fp32', '2')}/ready`,
    ]) {
      const answer = path.endsWith('infer') ? await post(path, '{}', JSON_TYPE) : await get(path);
      expect([answer.status, await answer.json()]).toEqual([404, { error: 'the model or version is not served here' }]);
    }
  });
});

import * as library from 'graphql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { METRICS, PATHS } from '../../../../runtime/contract';
import type { GraphQlDeps } from '../../../../runtime/inference/graphql/context';
import { schemaOf } from '../../../../runtime/inference/graphql/schema-of';
import { SDL } from '../../../../runtime/inference/graphql/schema';
import { loadOptional } from '../../../../runtime/shared/optional-package';
import { askGraphQl, postGraphQl } from '../../support/graphql-client';
import { testServer } from '../../support/server';
import type { TestServer } from '../../support/server';

const INFER = `query ($inputs: [InferenceInput!]!) {
  infer(model: "demo", id: "q", inputs: $inputs) { modelName modelVersion id outputs { name datatype shape data raw } }
}`;
const INPUTS = [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] }];
const RAW = Buffer.from(new Float32Array([1, 2.5]).buffer).toString('base64');

let server: TestServer;

beforeEach(async () => {
  server = await testServer({ graphql: true });
  await server.load('model.onnx');
});

afterEach(() => server.app.close());

const ask = (query: string, variables?: object, key?: string) => askGraphQl(server.app, query, variables, key);

describe('GraphQL', () => {
  it('is not there unless it is asked for', async () => {
    const plain = await testServer();
    const answer = await plain.app.inject({ method: 'POST', url: PATHS.graphql, payload: {} });
    expect(answer.statusCode).toBe(404);
    expect((await plain.app.inject({ url: PATHS.openapi })).json<{ paths: object }>().paths).not.toHaveProperty([
      PATHS.graphql,
    ]);
    await plain.app.close();
  });

  it('describes the server and its model', async () => {
    const { status, data, errors } = await ask(`{
      serverLive serverReady serverStarted server { name extensions }
      model(name: "demo") { name versions platform inputs { name datatype shape } outputs { name } }
      modelReady(name: "demo", version: "1") repository { name version state reason } modelConfig(name: "demo")
      modelStatistics
    }`);
    expect([status, errors]).toEqual([200, []]);
    expect(data).toMatchObject({
      ...{ serverLive: true, serverReady: true, serverStarted: true, modelReady: true },
      server: { name: 'lnmt-inference', extensions: expect.arrayContaining(['binary_tensor_data']) as unknown },
      model: { name: 'demo', versions: ['1'], inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }] },
      repository: [{ name: 'demo', version: '1', state: 'READY', reason: '' }],
      modelConfig: { name: 'demo', input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [-1, 2] }] },
      modelStatistics: [{ name: 'demo', version: '1', inference_count: 0 }],
    });
  });

  it('runs a model on elements, flat or nested, and on bytes', async () => {
    const outputs = [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 2.5], raw: RAW }];
    const expected = { infer: { modelName: 'demo', modelVersion: '1', id: 'q', outputs } };
    const head = { name: 'x', datatype: 'FP32', shape: [1, 2] };
    for (const form of [{ data: [1, 2.5] }, { data: [[1, 2.5]] }, { raw: RAW }]) {
      const { data, errors } = await ask(INFER, { inputs: [{ ...head, ...form }] });
      expect([data, errors]).toEqual([expected, []]);
    }
  });

  it('writes long tensors once for all aliases, and others are answered meanwhile', async () => {
    const data = Array.from({ length: 200_000 }, (_, index) => index / 2);
    const raw = Buffer.from(Float32Array.from(data).buffer).toString('base64');
    const query = `query ($x: [InferenceInput!]!) {
      infer(model: "demo", inputs: $x) { outputs { a: data b: data c: raw } again: outputs { data raw } }
    }`;
    let turns = 0;
    const count = (): void => void ((turns += 1), (turn = setImmediate(count)));
    let turn = setImmediate(count);
    const asked = await ask(query, { x: [{ name: 'x', datatype: 'FP32', shape: [100_000, 2], raw }] });
    clearImmediate(turn);
    expect(asked.data).toEqual({ infer: { outputs: [{ a: data, b: data, c: raw }], again: [{ data, raw }] } });
    expect(turns).toBeGreaterThan(50);
    expect(asked.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('takes elements in the document too, and outputs by name', async () => {
    const { data } = await ask(`{
      infer(model: "demo", outputs: ["y"], inputs: [{ name: "x", datatype: FP32, shape: [1, 2], data: [[-1, 2.5e0]] }]) {
        id outputs { data }
      }
    }`);
    expect(data).toEqual({ infer: { id: null, outputs: [{ data: [-1, 2.5] }] } });
  });

  it.each([
    ['no elements', { ...INPUTS[0], data: undefined }, 'LNMT8201', 'neither data nor'],
    ['elements and bytes', { ...INPUTS[0], raw: RAW }, 'LNMT8201', 'has both data and raw'],
    ['bytes that are no Base64', { ...INPUTS[0], data: undefined, raw: '*' }, 'LNMT8201', 'raw is not Base64'],
    ['too few bytes', { ...INPUTS[0], data: undefined, raw: 'AAAA' }, 'LNMT8201', 'are 8 bytes'],
    ['another shape', { ...INPUTS[0], shape: [2, 2] }, 'LNMT8201', 'has 4 elements'],
    ['an unknown input', { ...INPUTS[0], name: 'z' }, 'LNMT8203', 'input'],
  ])('refuses %s in the words of REST', async (_title, input, code, message) => {
    const { status, data, errors } = await ask(INFER, { inputs: [input] });
    expect([status, data]).toEqual([200, { infer: null }]);
    expect(errors).toMatchObject([
      { message: expect.stringContaining(message) as unknown, path: ['infer'], extensions: { code } },
    ]);
  });

  it('does what it can of a request: one field that fails takes no other with it', async () => {
    const { data, errors } = await ask('{ a: modelReady(name: "demo") b: modelReady(name: "nothing") }');
    expect(data).toEqual({ a: true, b: null });
    expect(errors).toEqual([
      {
        message: 'the model or version is not served here',
        path: ['b'],
        extensions: { code: 'LNMT8202', status: 404 },
      },
    ]);
  });

  it('loads and unloads, in the order of the document', async () => {
    const { data, errors } = await ask('mutation { loadModel(name: "demo") unloadModel(name: "demo") }');
    expect([data, errors.map(({ message }) => message)]).toEqual([
      { loadModel: true, unloadModel: null },
      ['the model is pinned: it stays in memory as long as the server runs'],
    ]);
  });

  it('chooses the media type that the client names', async () => {
    const accept = 'application/graphql-response+json, application/json;q=0.9';
    const modern = await postGraphQl(server.app, { query: '{ serverLive }' }, { accept });
    expect(modern.headers['content-type']).toContain('application/graphql-response+json');
    const plain = await ask('{ serverLive }');
    expect(plain.headers['content-type']).toContain('application/json');
  });

  it('keeps what went wrong inside to its log', async () => {
    server.backend.run = async () => {
      throw new Error('/secret/path exploded');
    };
    const { text, errors } = await ask(INFER, { inputs: INPUTS });
    expect(errors).toEqual([
      { message: 'the server failed', path: ['infer'], extensions: { code: 'LNMT8010', status: 500 } },
    ]);
    expect(text).not.toContain('secret');
    expect(text).not.toContain('stack');
  });
});

describe('GraphQL and what is counted', () => {
  it('counts each inference as the other transports do', async () => {
    const query = INFER.replace('infer(', 'a: infer(').replace(
      /\n\}$/,
      ' b: infer(model: "invented", inputs: $inputs) { id } }',
    );
    await ask(query, { inputs: INPUTS });
    const text = await server.registry.metrics();
    expect(text).toContain(`${METRICS.inferenceRequests.name}{model="demo",version="1",code="200"} 1`);
    expect(text).toContain(`${METRICS.inferenceRequests.name}{model="other",version="other",code="404"} 1`);
  });

  it('refuses an inference beyond admission, each for itself', async () => {
    const small = await testServer({ graphql: true, maxConcurrency: 2 });
    await small.load('model.onnx');
    const fields = ['a', 'b', 'c'].map((alias) => `${alias}: infer(model: "demo", inputs: $inputs) { id }`);
    const query = `query ($inputs: [InferenceInput!]!) { ${fields.join(' ')} }`;
    const { errors } = await askGraphQl(small.app, query, { inputs: INPUTS });
    expect(errors).toMatchObject([{ path: ['c'], extensions: { code: 'LNMT8003', status: 429, retryAfter: 1 } }]);
    expect(small.admission.inFlight).toBe(0);
    await small.app.close();
  });

  it('counts every field as a request of its caller', async () => {
    const limited = await testServer({ graphql: true, limits: { ratePerSecond: 1, rateBurst: 3 } });
    await limited.load('model.onnx');
    const query = '{ a: server { name } b: server { name } c: server { name } d: server { name } }';
    const { data, codes } = await askGraphQl(limited.app, query);
    expect(Object.values(data ?? {}).filter((each) => each === null)).toHaveLength(1);
    expect(codes).toEqual(['LNMT8012']);
    await limited.app.close();
  });

  it('writes each field into the audit log under its own operation', async () => {
    const entries: object[] = [];
    const audit = { record: (entry: object) => void entries.push(entry) };
    const audited = await testServer({ graphql: true, access: { audit: audit as never } });
    await audited.load('model.onnx');
    await askGraphQl(audited.app, '{ modelReady(name: "demo") repository { name } }', {}, 'read-key');
    expect(entries).toHaveLength(3);
    for (const entry of [
      { operation: 'ModelReady', transport: 'graphql', model: 'demo', caller: 'api-key read', outcome: '200' },
      { operation: 'RepositoryIndex', transport: 'graphql', outcome: '403' },
      { operation: 'GraphQl', transport: 'http', outcome: '200' },
    ]) {
      expect(entries).toContainEqual(expect.objectContaining(entry));
    }
    await audited.app.close();
  });
});

describe('a schema that differs from the operation table', () => {
  it('keeps the server from starting', () => {
    const deps = { models: {}, health: {} } as unknown as GraphQlDeps;
    expect(() => schemaOf(library, deps, SDL.replace('serverLive:', 'secrets: String serverLive:'))).toThrow(
      'LNMT8108: the GraphQL schema and the operation table differ: field Query.secrets',
    );
    expect(() =>
      schemaOf(library, deps, SDL.replace(/"Whether the process can make progress."\s+serverLive: Boolean/, '')),
    ).toThrow('field Query.serverLive of the table');
    expect(() => schemaOf(library, deps)).not.toThrow();
  });

  it('names the package that GraphQL needs where it is not installed', async () => {
    const absent = Object.assign(new Error("Cannot find package 'graphql'"), { code: 'ERR_MODULE_NOT_FOUND' });
    await expect(loadOptional(() => Promise.reject(absent), 'graphql', 'LNMT_GRAPHQL')).rejects.toThrow(
      'LNMT8103: an optional package is not installed: LNMT_GRAPHQL needs graphql; run npm install graphql, or `lnmt images build --only inference --features s3,grpc,graphql` for an image that has it',
    );
  });
});

describe('access through GraphQL', () => {
  it('is for callers that are known, whatever they ask for', async () => {
    for (const key of ['', 'wrong', 'expired-key']) {
      const answer = await ask('{ serverLive }', {}, key);
      expect([answer.status, answer.codes]).toEqual([401, ['LNMT8001']]);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });

  it.each([
    ['an alias', '{ innocent: repository { name } }'],
    ['a fragment', 'fragment F on Query { repository { name } } { ...F }'],
    ['an inline fragment', '{ ... on Query { ... { repository { name } } } }'],
    ['a directive that lets it pass', 'query ($yes: Boolean! = true) { repository @include(if: $yes) { name } }'],
    ['another field before it', '{ serverLive repository { name } }'],
  ])('is asked of every field: refuses what hides behind %s', async (_title, query) => {
    const { data, errors } = await ask(query, {}, 'infer-key');
    expect(Object.values(data ?? {})).toContain(null);
    expect(errors).toMatchObject([{ extensions: { code: 'LNMT8002', status: 403 } }]);
  });

  it('shows the schema to readers only, and tells others nothing of it by guessing either', async () => {
    for (const query of ['{ __schema { queryType { name } } }', '{ __type(name: "Query") { name } }']) {
      expect((await ask(query, {}, 'read-key')).errors).toEqual([]);
      expect(await ask(query, {}, 'infer-key')).toMatchObject({ status: 403, codes: ['LNMT8002'] });
      expect(
        await ask(`fragment F on Query { ...G } fragment G on Query ${query} { ...F }`, {}, 'infer-key'),
      ).toMatchObject({
        status: 403,
      });
    }
    expect((await ask('{ __typename }', {}, 'infer-key')).data).toEqual({ __typename: 'Query' });
    expect((await ask('{ repositor }', {}, 'read-key')).text).toContain('Did you mean');
    expect((await ask('{ repositor }', {}, 'infer-key')).text).not.toContain('Did you mean');
  });

  it('lets tools read the whole schema', async () => {
    const { data, errors } = await ask(library.getIntrospectionQuery(), {}, 'read-key');
    expect(errors).toEqual([]);
    expect(library.printSchema(library.buildClientSchema(data as never))).toContain('type Mutation');
  });

  it('is open where authentication is off', async () => {
    const open = await testServer({ open: true, graphql: true });
    await open.load('model.onnx');
    const { errors } = await askGraphQl(open.app, '{ repository { name } __schema { queryType { name } } }', {}, '');
    expect(errors).toEqual([]);
    await open.app.close();
  });
});

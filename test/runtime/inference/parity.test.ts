import { status as grpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inferPath, modelPath, PATHS } from '../../../runtime/contract';
import { operations } from '../../../runtime/inference/operations/table';
import type { OperationId } from '../../../runtime/inference/operations/table';
import { askGraphQl } from '../support/graphql-client';
import { GrpcClient } from '../support/grpc-client';
import { FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

/** What a transport answered: a result in one form for all, or how it was refused. */
type Outcome = { readonly result: unknown } | { readonly refused: number; readonly code: string };

interface Case {
  readonly rest: { readonly method: 'GET' | 'POST'; readonly url: string; readonly payload?: object };
  /** @default - gRPC has it not */
  readonly rpc?: { readonly name: string; readonly request: object };
  readonly field: { readonly query: string; readonly variables?: object };
  /** Brings the answer of each into one form. */
  readonly same: {
    readonly rest: (body: unknown) => unknown;
    readonly rpc?: (reply: Readonly<Record<string, unknown>>) => unknown;
    readonly field: (data: Readonly<Record<string, unknown>>) => unknown;
  };
}

type Fields = Readonly<Record<string, unknown>>;

const numbers = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (_key, each: unknown) =>
    typeof each === 'string' && /^-?\d+$/.test(each) ? Number(each) : each,
  );

const INPUT = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2.5] };
const TYPED = { name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1, 2.5] } };
const INFER = `query ($model: String!, $version: String, $inputs: [InferenceInput!]!) {
  infer(model: $model, version: $version, id: "q", inputs: $inputs) {
    model_name: modelName model_version: modelVersion id outputs { name datatype shape data }
  }
}`;

const tensors = (outputs: unknown): unknown =>
  (outputs as Fields[]).map(({ name, datatype, shape, data, contents }) => ({
    ...{ name, datatype, shape },
    data: data ?? (contents as Fields)['fp32_contents'],
  }));

const inferred = ({ model_name, model_version, id, outputs }: Fields): unknown =>
  numbers({ model_name, model_version, id, outputs: tensors(outputs) });

const noTimes = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(numbers(value)), (key, each: unknown) =>
    key === 'ns' || key === 'last_inference' || key.endsWith('_count') || key === 'count' ? typeof each : each,
  );

const flag = (name: string): Case['same'] => ({
  rest: (body) => (body as Fields)[name],
  rpc: (reply) => reply[name],
  field: (data) => Object.values(data)[0],
});

const whole = (form: (value: unknown) => unknown, member?: string): Case['same'] => ({
  rest: (body) => form(member === undefined ? body : (body as Fields)[member]),
  rpc: (reply) => form(member === undefined ? reply : reply[member]),
  field: (data) => form(Object.values(data)[0]),
});

const model = (name: string, version?: string): object => ({ name, version });
const config = (value: unknown): unknown =>
  // What is not set is absent in one form and empty in another.
  numbers(Object.fromEntries(Object.entries(value as Fields).filter(([, each]) => each !== null)));

/** A call of what OpenAI's API has; the model of these servers takes no text. */
const openAi =
  (path: string, payload: (model: string) => object, query: string) =>
  (name: string): Case => ({
    rest: { method: 'POST', url: PATHS.openai + path, payload: { model: name, ...payload(name) } },
    field: { query, variables: { model: name } },
    same: { rest: () => 'done', field: () => 'done' },
  });

/** One call of every operation that has fields, with the forms that it has. */
const CASES: Readonly<Partial<Record<OperationId, (name: string) => Case>>> = {
  ServerLive: () => ({
    rest: { method: 'GET', url: PATHS.live },
    rpc: { name: 'ServerLive', request: {} },
    field: { query: '{ serverLive }' },
    same: flag('live'),
  }),
  ServerReady: () => ({
    rest: { method: 'GET', url: PATHS.ready },
    rpc: { name: 'ServerReady', request: {} },
    field: { query: '{ serverReady }' },
    same: flag('ready'),
  }),
  ServerStarted: () => ({
    rest: { method: 'GET', url: PATHS.startup },
    field: { query: '{ serverStarted }' },
    same: flag('started'),
  }),
  ServerMetadata: () => ({
    rest: { method: 'GET', url: PATHS.server },
    rpc: { name: 'ServerMetadata', request: {} },
    field: { query: '{ server { name version extensions } }' },
    same: whole(numbers),
  }),
  ModelMetadata: (name) => ({
    rest: { method: 'GET', url: modelPath(name, '1') },
    rpc: { name: 'ModelMetadata', request: model(name, '1') },
    field: {
      query: `query ($name: String!) { model(name: $name, version: "1") {
        name versions platform inputs { name datatype shape } outputs { name datatype shape } } }`,
      variables: { name },
    },
    same: whole(numbers),
  }),
  ModelConfig: (name) => ({
    rest: { method: 'GET', url: `${modelPath(name)}/config` },
    rpc: { name: 'ModelConfig', request: model(name) },
    field: { query: 'query ($name: String!) { modelConfig(name: $name) }', variables: { name } },
    same: {
      rest: config,
      rpc: ({ config: given }) => config(given),
      field: (data) => config(Object.values(data)[0]),
    },
  }),
  ModelStatistics: (name) => ({
    rest: { method: 'GET', url: `${modelPath(name)}/stats` },
    rpc: { name: 'ModelStatistics', request: model(name) },
    field: { query: 'query ($name: String!) { modelStatistics(name: $name) }', variables: { name } },
    same: {
      rest: (body) => noTimes((body as Fields)['model_stats']),
      rpc: ({ model_stats: stats }) => noTimes(stats),
      field: (data) => noTimes(Object.values(data)[0]),
    },
  }),
  ModelReady: (name) => ({
    rest: { method: 'GET', url: `${modelPath(name)}/ready` },
    rpc: { name: 'ModelReady', request: model(name) },
    field: { query: 'query ($name: String!) { modelReady(name: $name) }', variables: { name } },
    same: flag('ready'),
  }),
  ModelInfer: (name) => ({
    rest: { method: 'POST', url: inferPath(name), payload: { id: 'q', inputs: [INPUT] } },
    rpc: { name: 'ModelInfer', request: { model_name: name, id: 'q', inputs: [TYPED] } },
    field: { query: INFER, variables: { model: name, inputs: [INPUT] } },
    same: whole((value) => inferred(value as Fields)),
  }),
  RepositoryIndex: () => ({
    rest: { method: 'POST', url: `${PATHS.repository}/index`, payload: {} },
    rpc: { name: 'RepositoryIndex', request: {} },
    field: { query: '{ repository { name version state reason } }' },
    same: { ...whole(numbers), rpc: ({ models }) => numbers(models) },
  }),
  RepositoryModelLoad: (name) => ({
    rest: { method: 'POST', url: `${PATHS.repository}/models/${name}/load`, payload: {} },
    rpc: { name: 'RepositoryModelLoad', request: { model_name: name } },
    field: { query: 'mutation ($name: String!) { loadModel(name: $name) }', variables: { name } },
    same: { rest: () => 'done', rpc: () => 'done', field: () => 'done' },
  }),
  // The model is pinned: the refusal is the same, and nothing is unloaded.
  RepositoryModelUnload: (name) => ({
    rest: { method: 'POST', url: `${PATHS.repository}/models/${name}/unload`, payload: {} },
    rpc: { name: 'RepositoryModelUnload', request: { model_name: name } },
    field: { query: 'mutation ($name: String!) { unloadModel(name: $name) }', variables: { name } },
    same: { rest: () => 'done', rpc: () => 'done', field: () => 'done' },
  }),
  OpenAiModels: () => ({
    rest: { method: 'GET', url: `${PATHS.openai}/models` },
    field: { query: '{ openAiModels { id created ownedBy } }' },
    same: whole(numbers, 'data'),
  }),
  OpenAiEmbeddings: openAi(
    '/embeddings',
    () => ({ input: 'a' }),
    'query ($model: String!) { embeddings(model: $model, input: {text: "a"}) { data { embedding } } }',
  ),
  OpenAiCompletions: openAi(
    '/completions',
    () => ({ prompt: 'a' }),
    'query ($model: String!) { completions(model: $model, prompt: {text: "a"}) { choices { text } } }',
  ),
  OpenAiChatCompletions: openAi(
    '/chat/completions',
    () => ({ messages: [{ role: 'user', content: 'a' }] }),
    `query ($model: String!) {
      chatCompletions(model: $model, messages: {role: user, content: "a"}) { choices { message { content } } }
    }`,
  ),
};

const IDS = Object.keys(CASES) as (keyof typeof CASES)[];

/** Status of HTTP by that of gRPC; several are one there. */
const AS_GRPC: Readonly<Record<number, grpcStatus>> = {
  400: grpcStatus.INVALID_ARGUMENT,
  401: grpcStatus.UNAUTHENTICATED,
  403: grpcStatus.PERMISSION_DENIED,
  404: grpcStatus.NOT_FOUND,
  409: grpcStatus.FAILED_PRECONDITION,
};

let server: TestServer;
let client: GrpcClient;

beforeAll(async () => {
  server = await testServer({ graphql: true, maxConcurrency: 100 });
  await server.load('model.onnx');
  client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
});

afterAll(async () => {
  client.close();
  server.grpc.cut();
  await server.app.close();
});

const headersOf = (key: string): Record<string, string> => (key === '' ? {} : { 'x-api-key': key });

async function overRest({ rest, same }: Case, key: string): Promise<Outcome> {
  const answer = await server.app.inject({ ...rest, headers: headersOf(key) });
  if (answer.statusCode !== 200) {
    return { refused: answer.statusCode, code: String(answer.headers['x-error-code']) };
  }
  return { result: same.rest(answer.body === '' ? {} : answer.json()) };
}

/** What gRPC answers; undefined where it has no such procedure. */
async function overGrpc({ rpc, same }: Case, key: string): Promise<Outcome | undefined> {
  if (rpc === undefined) return undefined;
  try {
    return { result: same.rpc?.(await client.call(rpc.name, rpc.request, headersOf(key))) };
  } catch (thrown) {
    const { code, metadata } = thrown as { code: number; metadata: { get(name: string): unknown[] } };
    const http = Object.entries(AS_GRPC).find(([, each]) => Number(each) === code)?.[0];
    return { refused: Number(http), code: String(metadata.get('x-error-code')[0]) };
  }
}

async function overGraphQl({ field, same }: Case, key: string): Promise<Outcome> {
  const { data, errors } = await askGraphQl(server.app, field.query, field.variables, key);
  const [error] = errors;
  if (error !== undefined) return { refused: error.extensions.status, code: error.extensions.code };
  return { result: same.field(data ?? {}) };
}

/** `caller` by key; an empty one is none. */
const PRINCIPALS = {
  nobody: '',
  'a wrong key': 'wrong',
  'an expired key': 'expired-key',
  infer: 'infer-key',
  read: 'read-key',
  manage: 'manage-key',
  everything: FULL_KEY,
} as const;

describe('an operation', () => {
  it('is tried here when it has more than one transport', () => {
    const several = operations.filter(([, { fields, rest }]) => fields !== undefined && rest.length > 0);
    expect([...IDS].sort()).toEqual(several.map(([id]) => id).sort());
    const alone = operations.filter(([, { rest, rpc }]) => rpc !== undefined && rest.length === 0);
    expect(alone).toEqual([]);
  });

  for (const [who, key] of Object.entries(PRINCIPALS)) {
    it.each(IDS)(`%s gives ${who} the same through REST, gRPC and GraphQL`, async (id) => {
      const made = CASES[id]?.('demo');
      if (made === undefined) throw new Error('no case');
      const [rest, grpc, graphql] = [
        await overRest(made, key),
        await overGrpc(made, key),
        await overGraphQl(made, key),
      ];
      if (made.rpc !== undefined) expect(grpc).toEqual(rest);
      const [, { access }] = operations.find(([each]) => each === id) ?? [undefined, { access: undefined }];
      const unknown = key === '' || key === 'wrong' || key === 'expired-key';
      if (access === 'public' && unknown) {
        // Probes have no key; GraphQL reads no document of nobody.
        expect([rest, graphql]).toEqual([{ result: true }, { refused: 401, code: 'LNMT8001' }]);
      } else expect(graphql).toEqual(rest);
      if (access !== 'public' && unknown) expect(rest).toEqual({ refused: 401, code: 'LNMT8001' });
      if (access !== 'public' && !unknown && who !== 'everything' && who !== access) {
        expect(rest).toEqual({ refused: 403, code: 'LNMT8002' });
      }
    });
  }

  it.each(IDS.filter((id) => /^Model|Load|Unload|OpenAi(?!Models)/.test(id)))(
    '%s refuses a model that is not there in the same way through all',
    async (id) => {
      const made = CASES[id]?.('nothing-there');
      if (made === undefined) throw new Error('no case');
      const outcomes = [
        await overRest(made, FULL_KEY),
        await overGrpc(made, FULL_KEY),
        await overGraphQl(made, FULL_KEY),
      ];
      const [first] = outcomes;
      expect(outcomes).toEqual([first, made.rpc && first, first]);
      expect(first).toMatchObject({ refused: 404, code: 'LNMT8202' });
    },
  );
});

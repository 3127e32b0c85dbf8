import fastify from 'fastify';
import fc from 'fast-check';
import * as library from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATHS } from '../../../runtime/contract';
import { checkLimits, LISTS } from '../../../runtime/inference/graphql/limits';
import { SDL } from '../../../runtime/inference/graphql/schema';
import { EXCHANGES } from '../../../runtime/inference/operations/exchanges';
import { openApi } from '../../../runtime/inference/operations/openapi';
import { operationsPlugin } from '../../../runtime/inference/operations/plugin';
import { SCHEMAS } from '../../../runtime/inference/operations/schemas';
import { operations } from '../../../runtime/inference/operations/table';
import type { OperationId } from '../../../runtime/inference/operations/table';
import { ERROR_CODE_HEADER } from '../../../runtime/shared/error-plugin';
import { askGraphQl } from '../support/graphql-client';
import { FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

type Json = Readonly<Record<string, unknown>>;
type Document = Json & { readonly paths: Readonly<Record<string, Readonly<Record<string, Route>>>> };

interface Route {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Json }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Json }>> };
  readonly responses: Json;
  readonly security: readonly Json[];
}

const all = new Set<OperationId>(operations.map(([id]) => id));

let server: TestServer;
let document: Document;

beforeAll(async () => {
  server = await testServer({ maxConcurrency: 100, graphql: true });
  await server.load('model.onnx');
  document = (await server.app.inject({ url: PATHS.openapi })).json();
});

afterAll(() => server.app.close());

const routes = (): readonly (readonly [path: string, method: string, route: Route])[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, route]) => [path, method, route] as const),
  );

describe('the operation table', () => {
  it('keeps a server with a route that it does not list from starting', async () => {
    const app = fastify();
    await app.register(operationsPlugin, { served: () => undefined });
    expect(() => app.get('/debug', () => '')).toThrow(
      'LNMT8106: a route or procedure has no entry in the operation table: route GET /debug',
    );
    expect(() => app.delete(PATHS.server, () => '')).toThrow('route DELETE /v2');
  });

  it('wins no argument with a route: what differs keeps the server from starting', async () => {
    const app = fastify();
    await app.register(operationsPlugin, { served: () => undefined });
    expect(() => app.get(PATHS.server, { config: { access: 'public' } }, () => '')).toThrow(
      'route GET /v2 says public, the table says read',
    );
  });

  it('opens nothing to anyone but health and the description', () => {
    const open = operations.filter(([, { access }]) => access === 'public').map(([id]) => id);
    expect(open).toEqual(['ServerLive', 'ServerReady', 'ServerStarted', 'DescriptionPage', 'Description']);
  });

  it('names each route and procedure once', () => {
    const names = operations.flatMap(([, { rest, rpc = [], fields = [] }]) => [
      ...rest.map(({ method, path }) => `${method} ${path}`),
      ...rpc,
      ...fields,
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('demands a key on every route that is not open, and another scope than one that a key lacks', async () => {
    for (const [id, { access, rest }] of operations) {
      for (const { method, path } of rest) {
        const url = path.replace(':name', 'demo').replace(':version', '1');
        const ask = async (key?: string): Promise<number> =>
          (await server.app.inject({ method, url, headers: key ? { 'x-api-key': key } : {} })).statusCode;
        if (access === 'public') expect([id, await ask()]).toEqual([id, 200]);
        else expect([id, await ask(), await ask('wrong')]).toEqual([id, 401, 401]);
        if (access === 'infer') expect([id, await ask('read-key')]).toEqual([id, 403]);
        if (access === 'read') expect([id, await ask('infer-key')]).toEqual([id, 403]);
        if (access === 'manage') expect([id, await ask('read-key'), await ask('infer-key')]).toEqual([id, 403, 403]);
      }
    }
  });
});

/** A value that the schema takes, whatever it means. */
function valueFor(type: library.GraphQLInputType): string {
  if (library.isNonNullType(type)) return valueFor(type.ofType);
  if (library.isListType(type)) return `[${valueFor(type.ofType)}]`;
  if (library.isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (library.isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const chosen = type.isOneOf ? fields.slice(0, 1) : fields.filter(library.isRequiredInputField);
    return `{${chosen.map((field) => `${field.name}: ${valueFor(field.type)}`).join(', ')}}`;
  }
  return { Int: '1', Float: '0.5', Boolean: 'true' }[type.name] ?? '"demo"';
}

/** A document that asks for an operation by its field and no more than that. */
function documentFor(name: string, schema: library.GraphQLSchema): string {
  const [root = '', key = ''] = name.split('.');
  const field = (schema.getType(root) as library.GraphQLObjectType).getFields()[key];
  if (field === undefined) return `{ ${key}${key === '__type' ? '(name: "Query")' : ''} { __typename } }`;
  const given = field.args.filter(library.isRequiredArgument).map((each) => `${each.name}: ${valueFor(each.type)}`);
  const below = library.isObjectType(library.getNamedType(field.type)) ? ' { __typename }' : '';
  return `${root === 'Query' ? 'query' : 'mutation'} { ${key}${given.length > 0 ? `(${given.join(', ')})` : ''}${below} }`;
}

describe('the fields of the operation table', () => {
  const schema = library.buildSchema(SDL);

  it('demand a key, and another scope than one that a key lacks', async () => {
    let tried = 0;
    for (const [id, { access, fields = [] }] of operations) {
      for (const field of fields) {
        const query = documentFor(field, schema);
        const ask = async (key: string): Promise<string | undefined> =>
          (await askGraphQl(server.app, query, {}, key)).codes[0];
        expect([id, await ask(''), await ask('wrong'), await ask('expired-key')]).toEqual([
          id,
          ...['LNMT8001', 'LNMT8001', 'LNMT8001'],
        ]);
        for (const [scope, key] of [
          ['infer', 'infer-key'],
          ['read', 'read-key'],
          ['manage', 'manage-key'],
        ] as const) {
          const isRefused = (await ask(key)) === 'LNMT8002';
          expect([field, scope, isRefused]).toEqual([field, scope, access !== 'public' && access !== scope]);
        }
        tried += 1;
      }
    }
    expect(tried).toBe(operations.flatMap(([, { fields = [] }]) => fields).length);
    expect(tried).toBeGreaterThan(15);
  });

  it('cost as much as what runs a model where they take a place in admission', () => {
    for (const [id, { admitted, fields = [] }] of operations) {
      for (const field of fields) {
        if (!admitted) continue;
        const one = documentFor(field, schema);
        const many = one.replace(/^query \{(.*)\}$/, (_all, body: string) => `query { ${body.repeat(20)} }`);
        expect(() => checkLimits(library.parse(one)), id).not.toThrow();
        expect(() => checkLimits(library.parse(many)), id).toThrow(/^cost of the document: 1\d{3}, beyond 1000$/);
      }
    }
  });

  it('make what stands in a list of the answer dearer', () => {
    const types = Object.values(schema.getTypeMap()).filter(library.isObjectType);
    const fields = types
      .filter(({ name }) => !name.startsWith('__'))
      .flatMap((type) => Object.values(type.getFields()));
    const lists = fields.filter(({ type }) => {
      const nullable = library.getNullableType(type);
      return library.isListType(nullable) && library.isObjectType(library.getNamedType(nullable));
    });
    expect([...new Set(lists.map(({ name }) => name))].sort()).toEqual([...LISTS].sort());
  });
});

describe('the OpenAPI document', () => {
  it('is valid by the schema of OpenAPI 3.1', async () => {
    const { Validator } = await import('@seriousme/openapi-schema-validator');
    for (const each of [document, openApi(all)]) {
      const validator = new Validator();
      const outcome = await validator.validate(JSON.parse(JSON.stringify(each)) as Record<string, unknown>);
      expect(outcome).toMatchObject({ valid: true });
      expect(validator.version).toBe('3.1');
      expect(() => validator.resolveRefs()).not.toThrow();
    }
  });

  it('describes every route of the server and no others', () => {
    const listed = routes().map(([path, method]) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`);
    const served = operations.flatMap(([, { rest }]) => rest.map(({ method, path }) => `${method} ${path}`));
    expect([...listed].sort()).toEqual([...served].sort());
  });

  it('says of every route what it needs, and what it answers when that is missing', () => {
    for (const [, , route] of routes()) {
      if (route.security.length === 0) continue;
      expect(route.security).toEqual([{ apiKey: [] }, { bearer: [] }]);
      expect(Object.keys(route.responses)).toEqual(expect.arrayContaining(['200', '401', '403', '429', 'default']));
    }
  });

  it('says what loading and unloading refuse, in the words that come', async () => {
    const manage = async (
      target: string,
      parameters: object = {},
    ): Promise<readonly [status: number, code: unknown]> => {
      const url = `${PATHS.repository}/models/${target}`;
      const headers = { 'x-api-key': FULL_KEY };
      const { statusCode, headers: given } = await server.app.inject({
        ...{ method: 'POST', url, headers, payload: { parameters } },
      });
      return [statusCode, given[ERROR_CODE_HEADER]];
    };
    expect(await manage('demo/unload')).toEqual([409, 'LNMT8213']);
    expect(await manage('demo/load', { config: '{}' })).toEqual([400, 'LNMT8201']);
    expect(await manage('absent/load')).toEqual([404, 'LNMT8202']);
    const said = (verb: string): readonly string[] =>
      Object.keys(document.paths[`${PATHS.repository}/models/{name}/${verb}`]?.['post']?.responses ?? {});
    const always = ['200', '400', '401', '403', '404', '413', '415', '429', '431', '503', 'default'];
    expect(said('load')).toEqual(always);
    expect([...said('unload')].sort()).toEqual([...always, '409'].sort());
  });

  it('says of every 503 that a probe may get which form it has, as it comes', async () => {
    const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
    const ready = `${PATHS.models}/{name}/ready`;
    const forms: Readonly<Record<string, Json>> = {
      ...{ [PATHS.live]: ref('Live'), [PATHS.startup]: ref('Started') },
      ...{ [PATHS.ready]: ref('Ready'), [PATHS.health]: ref('Ready') },
      [ready]: { anyOf: [ref('ModelReady'), ref('Error')] },
    };
    for (const [path, schema] of Object.entries(forms)) {
      const said = document.paths[path]?.['get']?.responses['503'];
      expect([path, said]).toMatchObject([path, { content: { 'application/json': { schema } } }]);
    }
    const down = await testServer();
    await down.load('model.onnx');
    down.backend.up = false;
    const ask = async (path: string): Promise<readonly [status: number, body: unknown]> => {
      const url = path.replace('{name}', 'demo');
      const { statusCode, body } = await down.app.inject({ url, headers: { 'x-api-key': FULL_KEY } });
      return [statusCode, JSON.parse(body)];
    };
    expect(await ask(PATHS.ready)).toEqual([503, { ready: false }]);
    expect(await ask(ready)).toEqual([503, { name: 'demo', ready: false }]);
    await down.app.close();
  });

  it('lists every operation under a heading', () => {
    const tags = routes().flatMap(([, , { tags: each }]) => each);
    expect(tags).toHaveLength(routes().length);
    expect(new Set(tags)).toEqual(
      new Set(['Health', 'Server', 'Models', 'Model repository', 'API of OpenAI', 'GraphQL']),
    );
  });

  it('uses every schema, and gives every operation an id of its own', () => {
    const text = JSON.stringify(openApi(all));
    const used = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
    expect(Object.keys(SCHEMAS).filter((name) => !used.has(name))).toEqual([]);
    expect(Object.keys(EXCHANGES)).toEqual(operations.map(([id]) => id));
    const ids = routes().map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is the same at every time', async () => {
    const again = await testServer({ graphql: true });
    expect((await again.app.inject({ url: PATHS.openapi })).json()).toEqual(document);
    await again.app.close();
  });
});

interface SchemaParts {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: string[];
  readonly items?: Json;
}

/** Values of a schema. */
function valuesOf(schema: Json, depth = 0): fc.Arbitrary<unknown> {
  const { $ref, type, enum: values, properties, required, items } = schema as SchemaParts;
  if ($ref !== undefined) return valuesOf(SCHEMAS[$ref.replace(/^.*\//, '')] ?? {}, depth);
  if (values !== undefined) return fc.constantFrom(...values);
  switch ([type].flat()[0]) {
    case 'object': {
      const fields = Object.entries(properties ?? {});
      const record = Object.fromEntries(fields.map(([name, field]) => [name, valuesOf(field, depth + 1)]));
      return fc.record(record, { requiredKeys: required ?? [] });
    }
    case 'array':
      return depth > 6 ? fc.constant([]) : fc.array(items ? valuesOf(items, depth + 1) : fc.double(), { maxLength: 3 });
    case 'integer':
      return fc.integer({ min: -1, max: 5 });
    case 'number':
      return fc.double();
    case 'boolean':
      return fc.boolean();
    case undefined:
      return fc.jsonValue({ maxDepth: 2 });
    case 'string':
      return fc.oneof(fc.constantFrom('x', 'y', 'demo', 'private'), fc.string({ maxLength: 20 }));
    default:
      throw new Error(`no values for ${JSON.stringify(schema)}`);
  }
}

/** A text as a segment of a path; halves of surrogate pairs have no such form. */
const segmentOf = (text: string): string => encodeURIComponent(Buffer.from(text).toString());

function damaged(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: fc.jsonValue() });
}

describe('requests that the OpenAPI document allows', () => {
  it('never make the server fail', async () => {
    const drawn = fc
      .constantFrom(...routes().filter(([path]) => !path.includes('unload')))
      .chain(([path, method, route]) =>
        fc.record({
          route: fc.constant(route),
          method: fc.constant(method.toUpperCase() as 'GET' | 'POST'),
          url: fc
            .array(fc.oneof(fc.constantFrom('demo', '1'), fc.string({ minLength: 1, maxLength: 30 })), {
              minLength: 2,
              maxLength: 2,
            })
            .map(([name = '', version = '']) =>
              path.replace('{name}', segmentOf(name)).replace('{version}', segmentOf(version)),
            ),
          payload: damaged(valuesOf(route.requestBody?.content['application/json']?.schema ?? {})),
          binary: fc.option(fc.nat(200), { freq: 8, nil: undefined }),
        }),
      );
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(drawn, async ({ route, method, url, payload, binary }) => {
        const headers = {
          'x-api-key': FULL_KEY,
          'content-type': 'application/json',
          ...(binary === undefined ? {} : { 'inference-header-content-length': String(binary) }),
        };
        const body = method === 'POST' ? { payload: JSON.stringify(payload) ?? '' } : {};
        const answer = await server.app.inject({ method, url, headers, ...body });
        // 503 says that a model is not loaded at the moment, which loading it again makes happen.
        expect([200, 400, 404, 405, 409, 413, 422, 503]).toContain(answer.statusCode);
        // A name such as `.` is no segment of a path, and what is left of the path may know other methods, or nothing.
        const said = [...Object.keys(route.responses), '404', '405'];
        expect(said).toContain(String(answer.statusCode));
        if (answer.statusCode === 200) answered += 1;
        else expect(Object.keys(answer.json<object>())).toContain(url === PATHS.graphql ? 'errors' : 'error');
      }),
      { numRuns: 1_500, seed: 8_106 },
    );
    expect(answered).toBeGreaterThan(50);
  });
});

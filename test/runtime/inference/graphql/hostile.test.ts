import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { PATHS } from '../../../../runtime/contract';
import { GRAPHQL_LIMITS } from '../../../../runtime/inference/graphql/limits';
import { askGraphQl, postGraphQl } from '../../support/graphql-client';
import { FULL_KEY, testServer } from '../../support/server';
import type { TestServer } from '../../support/server';

let server: TestServer;
const logged: string[] = [];

beforeAll(async () => {
  server = await testServer({ graphql: true, maxRequestBytes: 200_000, maxConcurrency: 100, log: logged });
  await server.load('model.onnx');
});

afterAll(() => server.app.close());

const ask = (query: string, variables?: object) => askGraphQl(server.app, query, variables);
const repeat = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(' ');

const DEEP = (levels: number): string =>
  `{ server { ${repeat(levels, () => '... on Server { a: name')} ${'}'.repeat(levels)} } }`;
const NESTED = (levels: number): string => `${'{ model '.repeat(levels)} { name } ${'}'.repeat(levels)}`;
const DOUBLING = (levels: number): string =>
  `{ ...F0 } ${repeat(levels, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)} fragment F${levels} on Query { serverLive }`;

describe('a GraphQL document', () => {
  it.each<[string, string, string | RegExp]>([
    ['too deep', NESTED(20), 'depth of the document: 21, beyond 10'],
    [
      'too deep through fragments',
      `{ ...A } ${repeat(6, (i) => `fragment ${'ABCDEFG'[i]} on Model { x { y { ...${'ABCDEFG'[i + 1]} } } }`)} fragment G on Model { z }`,
      'depth of the document: 13, beyond 10',
    ],
    ['too dear', `{ ${repeat(101, () => 'server { name }')} }`, 'cost of the document: 1111, beyond 1000'],
    [
      'with too many completions',
      `{ ${repeat(20, () => 'completions { id }')} }`,
      'cost of the document: 1020, beyond 1000',
    ],
    [
      'with too many answers in a fragment that is used twice',
      `{ ...F ... on Query { ...F } } fragment F on Query { ${repeat(6, () => 'embeddings { data { index raw } } chatCompletions { id }')} }`,
      'cost of the document: 1344, beyond 1000',
    ],
    ['with too many inferences', `{ ${repeat(21, () => 'infer { id }')} }`, 'cost of the document: 1071, beyond 1000'],
    [
      'with too many aliases',
      `{ ${repeat(21, (i) => `a${i}: serverLive`)} }`,
      'aliases of the document: 21, beyond 20',
    ],
    [
      'with too many aliases in a fragment that is used twice',
      `{ ...F ... on Query { ...F } } fragment F on Query { ${repeat(11, (i) => `a${i}: serverLive`)} }`,
      'aliases of the document: 22, beyond 20',
    ],
    ['whose fragments double again and again', DOUBLING(18), 'cost of the document: 2621440, beyond 1000'],
    [
      'whose fragment contains itself',
      '{ ...F } fragment F on Query { serverLive ...F }',
      'a fragment contains itself',
    ],
    [
      'whose fragments contain one another',
      '{ ...F } fragment F on Query { ...G } fragment G on Query { ...F }',
      'a fragment contains itself',
    ],
    [
      'that is flooded with directives',
      `{ serverLive ${repeat(21, () => '@include(if: true)')} }`,
      'directives of the document: 21, beyond 20',
    ],
    [
      'with directives where variables are declared',
      `query (${repeat(21, (i) => `$a${i}: Int @x`)}) { serverLive }`,
      'directives of the document: 21, beyond 20',
    ],
    [
      'with too many definitions',
      `${repeat(21, (i) => `query Q${i} { serverLive }`)}`,
      'the document has more than 20 definitions',
    ],
    ['with too many tokens', `{ ${'a '.repeat(2_100)} }`, '2000 tokens'],
    ['with too many bytes', `{ serverLive } # ${'x'.repeat(GRAPHQL_LIMITS.bytes)}`, '16384 bytes'],
    // Where frames of the stack are larger, from Node.js 22 on, it ends before the tokens do.
    ['with a list without end', `{ x(a: ${'['.repeat(5_000)}`, /2000 tokens|nested too deep/],
    ['with brackets without end', '{a'.repeat(5_000), '2000 tokens'],
  ])('is refused %s, and nothing of it is carried out', async (_title, query, message) => {
    const runs = server.backend.runs;
    const { status, codes, errors, data } = await ask(query);
    expect([status, codes, data]).toEqual([400, ['LNMT8474'], undefined]);
    expect(errors[0]?.message).toMatch(message);
    expect(server.backend.runs).toBe(runs);
  });

  it('is measured in no time, however its fragments multiply', async () => {
    // Walked fragment by fragment this document has 2^18 fields.
    const started = performance.now();
    for (let turn = 0; turn < 20; turn += 1) await ask(DOUBLING(18));
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('may nest as deep as the limit says', async () => {
    expect((await ask(DEEP(9))).errors).toEqual([]);
  });

  it.each([
    ['a subscription', 'subscription { serverLive }', 'LNMT8473', 'there are no subscriptions'],
    ['another field', '{ secrets }', 'LNMT8473', 'Cannot query field "secrets"'],
    ['text that is no document', '{ serverLive', 'LNMT8472', 'Expected Name, found <EOF>. (line 1, column 13)'],
    ['a type definition', 'type Query { x: Int }', 'LNMT8473', 'not executable'],
    ['two operations and no name', 'query A { serverLive } query B { serverLive }', 'LNMT8473', 'operation name'],
    ['an argument of another type', '{ modelReady(name: 7) }', 'LNMT8473', 'String cannot represent'],
    ['a fragment that nobody uses', '{ serverLive } fragment F on Query { serverLive }', 'LNMT8473', 'never used'],
    [
      'a datatype that there is not',
      '{ infer(model: "demo", inputs: [{name: "x", datatype: FP8, shape: []}]) { id } }',
      'LNMT8473',
      'FP8',
    ],
    [
      'objects as elements',
      '{ infer(model: "demo", inputs: [{name: "x", datatype: FP32, shape: [1], data: {a: 1}}]) { id } }',
      'LNMT8473',
      'elements of a tensor',
    ],
    [
      'the schema in circles',
      `{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`,
      'LNMT8473',
      'Maximum introspection depth',
    ],
  ])('is refused with %s', async (_title, query, code, message) => {
    const { status, codes, errors } = await ask(query);
    expect([status, codes]).toEqual([400, [code]]);
    expect(errors[0]?.message).toContain(message);
  });

  it('gets variables of its types only, and hears of a long value in short', async () => {
    const query = 'query ($inputs: [InferenceInput!]!) { infer(model: "demo", inputs: $inputs) { id } }';
    for (const inputs of [undefined, null, 7, [{}], [{ name: 'x'.repeat(100_000), datatype: 'x'.repeat(9_000) }]]) {
      const { status, codes, errors } = await ask(query, { inputs });
      expect([status, codes]).toEqual([400, ['LNMT8473']]);
      expect(errors[0]?.message.length).toBeLessThan(320);
    }
  });

  it('names models as long as a path may, and no longer', async () => {
    const query = 'query ($name: String!) { modelReady(name: $name) model(name: $name, version: $name) { name } }';
    expect((await ask(query, { name: 'x'.repeat(100_000) })).codes).toEqual(['LNMT8202', 'LNMT8202']);
    expect((await ask('mutation { loadModel(name: "../etc") }')).codes).toEqual(['LNMT8202']);
  });
});

describe('the variables of a GraphQL request', () => {
  let large: TestServer;

  beforeAll(async () => {
    large = await testServer({ graphql: true });
    await large.load('model.onnx');
  });

  afterAll(() => large.app.close());

  const MESSAGE = { role: 'user', content: 'a' };

  it.each([
    [
      'messages',
      '[ChatMessageInput!]!',
      'chatCompletions(model: "demo", messages: $x) { id }',
      { value: MESSAGE, most: 4_999 },
    ],
    [
      'prompts',
      '[TextInput!]!',
      'completions(model: "demo", prompt: $x) { id }',
      { value: { text: 'a' }, most: 9_999 },
    ],
    ['texts', '[String!]', 'infer(model: "demo", inputs: [], outputs: $x) { id }', { value: 'a', most: 19_999 }],
  ])('are no more %s than can be looked at in no time', async (_title, type, field, { value, most }) => {
    const asked = (count: number) =>
      askGraphQl(large.app, `query ($x: ${type}) { ${field} }`, { x: Array(count).fill(value) });
    const known = await asked(most);
    expect([known.status, known.codes]).toEqual([200, [expect.stringMatching(/^LNMT82/)]]);
    const beyond = await asked(most + 1);
    expect([beyond.status, beyond.codes, beyond.data]).toEqual([400, ['LNMT8474'], undefined]);
    expect(beyond.errors[0]?.message).toBe(
      'the variables hold 20001 values or more, and 20000 are allowed, of which a tensor is one; send fewer at once',
    );
  });

  it('hold tensors and tokens of any length as one value', async () => {
    const data = Array<number>(200_000).fill(1);
    const tensor = { name: 'x', datatype: 'FP32', shape: [100_000, 2], data };
    const inputs = 'query ($x: [InferenceInput!]!) { infer(model: "demo", inputs: $x) { id } }';
    expect((await askGraphQl(large.app, inputs, { x: [tensor] })).errors).toEqual([]);
    const prompt = 'query ($x: [TextInput!]!) { completions(model: "demo", prompt: $x) { id } }';
    expect((await askGraphQl(large.app, prompt, { x: [{ tokens: data }] })).codes).toEqual(['LNMT8247']);
  });

  it('hold tensors that no list of values could be, nested ones only where that is read at once', async () => {
    const data = Array.from({ length: 200_000 }, (_, index) => (index % 7) / 3);
    const tensor = { name: 'x', datatype: 'FP64', shape: [100_000, 2], data: data.slice(0, 90_000) };
    const query = 'query ($x: [InferenceInput!]!) { infer(model: "demo", inputs: $x) { id } }';
    const flat = await askGraphQl(large.app, query, { x: [tensor] });
    expect(flat.errors[0]?.message).toContain('has 200000 elements, data has 90000');
    const nested = await askGraphQl(large.app, query, { x: [{ ...tensor, data: [data] }] });
    expect([nested.status, nested.codes]).toEqual([400, ['LNMT8011']]);
    const tooLong = await askGraphQl(large.app, query, { x: [{ ...tensor, data }] });
    expect([tooLong.status, tooLong.codes]).toEqual([400, ['LNMT8011']]);
    // Only a message shows the variable, and does not show megabytes.
    const wrong = await askGraphQl(large.app, query, { x: [{ ...tensor, secret: 1 }] });
    expect(wrong.codes).toEqual(['LNMT8473']);
    expect(wrong.errors[0]?.message.length).toBeLessThan(500);
  });

  it('count where they stand in objects and lists of others', async () => {
    const query = 'query ($x: [ChatMessageInput!]!) { chatCompletions(model: "demo", messages: $x) { id } }';
    const content = Array<string>(10_000).fill('a');
    const nested = await askGraphQl(large.app, query, {
      x: [
        { ...MESSAGE, content },
        { ...MESSAGE, content },
      ],
    });
    expect(nested.codes).toEqual(['LNMT8474']);
    // What no type has is not looked at.
    const stranger = await askGraphQl(large.app, query, { x: [{ ...MESSAGE, secret: content }], y: content });
    expect(stranger.codes).toEqual(['LNMT8473']);
  });
});

describe('the body of a GraphQL request', () => {
  it.each([
    ['several requests', [{ query: '{ serverLive }' }, { query: '{ serverLive }' }], 'LNMT8471', 'one by one'],
    ['an empty list', [], 'LNMT8471', 'one by one'],
    ['no query', { variables: {} }, 'LNMT8471', 'query is missing'],
    [
      'a stored query',
      { extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } },
      'LNMT8471',
      'query is missing',
    ],
    ['a query that is no text', { query: { a: 1 } }, 'LNMT8471', 'query is missing'],
    ['variables in a list', { query: '{ serverLive }', variables: [] }, 'LNMT8471', 'variables is not an object'],
    ['an operation name that is no text', { query: '{ serverLive }', operationName: 7 }, 'LNMT8471', 'not a string'],
    ['a text', '"{ serverLive }"', 'LNMT8471', 'not an object'],
    ['nothing', '', 'LNMT8011', 'not acceptable JSON'],
    ['no JSON', '{ serverLive }', 'LNMT8011', 'not acceptable JSON'],
    ['a prototype', '{"query": "{ serverLive }", "variables": {"__proto__": {}}}', 'LNMT8011', 'not acceptable JSON'],
    ['a key twice', '{"query": "{ serverLive }", "query": "{ repository { name } }"}', 'LNMT8011', 'twice'],
    [
      'too deep variables',
      `{"query": "{ serverLive }", "variables": {"a": ${'['.repeat(99)}${']'.repeat(99)}}}`,
      'LNMT8011',
      'nested deeper',
    ],
  ])('is refused with %s', async (_title, payload, code, message) => {
    const { status, codes, errors, headers } = await postGraphQl(server.app, payload);
    expect([status, codes, headers['x-error-code']]).toEqual([400, [code], code]);
    expect(errors[0]?.message).toContain(message);
  });

  it('is bounded like every other', async () => {
    const large = { query: '{ serverLive }', variables: { a: 'x'.repeat(200_000) } };
    expect(await postGraphQl(server.app, large)).toMatchObject({ status: 413, codes: ['LNMT8007'] });
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/graphql',
  ])('is refused as %s, which pages of others can send', async (type) => {
    const answer = await postGraphQl(server.app, '{"query": "{ serverLive }"}', { 'content-type': type });
    expect([answer.status, answer.codes]).toEqual([415, ['LNMT8008']]);
  });

  it('is the only way: GET is not allowed', async () => {
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const answer = await server.app.inject({
        ...{ method, url: `${PATHS.graphql}?query={serverLive}` },
        headers: { 'x-api-key': FULL_KEY },
      });
      expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'POST']);
    }
  });
});

describe('any GraphQL document', () => {
  it('gets an answer and never an error of the server', async () => {
    const word = fc.constantFrom(
      ...['{', '}', '(', ')', '[', ']', ':', '...', 'on', 'Query', 'Model', 'fragment', 'F', 'query', 'mutation'],
      ...[
        'infer',
        'completions',
        'embeddings',
        '(model: "demo" prompt: {text: "a"}) { id }',
        '(model: "demo" input: {tokens: [1]}) { model }',
        'model',
        'name',
        'repository',
        'serverLive',
        '__schema',
        '__type',
        '@include',
        'if',
        'true',
        '$a',
        '!',
      ],
      ...[
        '"demo"',
        '"',
        '"""',
        '1',
        '-',
        '1e999',
        'null',
        'a:',
        '#',
        '\n',
        '\\u0000',
        '\u0000',
        '😀',
        'inputs',
        'data',
      ],
    );
    const query = fc.oneof(
      fc.array(word, { maxLength: 40 }).map((words) => words.join(' ')),
      fc.array(word, { maxLength: 12 }).map((words) => `{ serverLive ${words.join(' ')} }`),
      fc.string({ maxLength: 60 }),
    );
    await fc.assert(
      fc.asyncProperty(query, fc.jsonValue({ maxDepth: 2 }), async (text, variables) => {
        const { status, text: body } = await postGraphQl(server.app, { query: text, variables });
        expect([200, 400]).toContain(status);
        expect(body).not.toMatch(/node_modules|at \w+ \(|\/runtime\//);
      }),
      { numRuns: 2_000, seed: 8474 },
    );
    expect(logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 50)).toEqual([]);
  });
});

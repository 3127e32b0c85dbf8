import Ajv2020 from 'ajv/dist/2020';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPENAI_SCHEMAS } from '../../../../runtime/inference/operations/openai-schemas';
import {
  readChatRequest,
  readCompletionRequest,
  readEmbeddingRequest,
} from '../../../../runtime/inference/routes/openai-request';
import { parseJson } from '../../../../runtime/inference/tensors/json';
import { ParameterError } from '../../../../runtime/inference/text/errors';

const POOLS: Readonly<Record<string, readonly unknown[]>> = {
  model: ['m', 'm:1', '', 7, null],
  prompt: ['a', ['a', 'b'], [1, 2], [[1], 'a'], '', [], [''], {}, [1, 'a'], 5, [[]]],
  input: ['a', ['a'], [1, 2], [[1], 'a'], '', [], [-1], [1.5], true],
  messages: [
    ...[[{ role: 'user', content: 'a' }], [{ role: 'developer', content: [{ type: 'text', text: 'a' }] }]],
    ...[
      [],
      'a',
      [{ role: 'tool', content: 'a' }],
      [{ role: 'user' }],
      [{ role: 'user', content: [{ type: 'image' }] }],
    ],
  ],
  max_tokens: [1, 100, 0, -1, 1.5, '1', 2 ** 40],
  max_completion_tokens: [5, 0],
  temperature: [0, 1.5, 2.5, 'hot'],
  top_p: [0.5, -1],
  top_k: [5, 1.5],
  seed: [1, -5, 1.5, 'x'],
  frequency_penalty: [1, 3],
  presence_penalty: [-1, -3],
  logit_bias: [{}, { 5: -1 }, { x: 1 }, { 5: 200 }, []],
  stop: ['a', ['a', 'b'], [], [''], 'x'.repeat(300)],
  n: [1, 2, '1'],
  stream: [true, false, 'yes'],
  logprobs: [true, 3, 50, false],
  top_logprobs: [2, 30],
  dimensions: [3, 0],
  encoding_format: ['float', 'base64', 'hex'],
  user: ['u'],
  tools: [[{}]],
  unknown: [1],
};

/** Requests that have a model and a text, and a few parameters that may be right or wrong. */
function requests(text: string, ...others: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const values = (name: string): fc.Arbitrary<unknown> => fc.constantFrom(...(POOLS[name] ?? []));
  return fc
    .subarray(['model', text, ...others], { maxLength: 4 })
    .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, values(name)]))))
    .map((chosen) => ({ model: 'm', [text]: POOLS[text]?.[0], ...chosen }));
}

const ANSWER = Object.keys(POOLS).filter(
  (name) => !['model', 'prompt', 'input', 'messages', 'dimensions'].includes(name),
);
const ajv = new Ajv2020({ strict: false });

describe.each([
  [
    'embeddings',
    readEmbeddingRequest,
    'OpenAiEmbeddingRequest',
    requests('input', 'dimensions', 'encoding_format', 'user', 'unknown'),
  ],
  ['completions', readCompletionRequest, 'OpenAiCompletionRequest', requests('prompt', ...ANSWER)],
  ['chats', readChatRequest, 'OpenAiChatRequest', requests('messages', ...ANSWER)],
] as const)('a request for %s', (_what, read, schema, arbitrary) => {
  const isDescribed = ajv.compile(OPENAI_SCHEMAS[schema] ?? {});

  it('is taken where the description of the API takes it, and else refused with a code and a parameter', () => {
    let taken = 0;
    const check = (request: Record<string, unknown>): void => {
      // What one parameter says of another is beyond a schema.
      if ('top_logprobs' in request && request['logprobs'] !== true) return;
      if (isDescribed(request)) {
        taken += 1;
        expect(() => read(request)).not.toThrow();
      } else if (request['model'] !== null) {
        expect(() => read(request)).toThrow(ParameterError);
      }
    };
    fc.assert(fc.property(arbitrary, check), { numRuns: 3000 });
    expect(taken).toBeGreaterThan(100);
  });

  it('is refused unless it is an object', () => {
    for (const body of [null, [], 'a', 5, undefined]) expect(() => read(body)).toThrow(ParameterError);
  });
});

describe('null', () => {
  it('stands for absent, also for a parameter that nobody knows', () => {
    const messages = [{ role: 'user', content: 'a', tool_call_id: null }];
    const nothing = { tools: null, tool_choice: null, parallel_tool_calls: null, reasoning_effort: null, stop: null };
    expect(readChatRequest({ model: 'm', messages, ...nothing })).toEqual(
      readChatRequest({ model: 'm', messages: [{ role: 'user', content: 'a' }] }),
    );
    expect(readEmbeddingRequest({ model: 'm', input: 'a', truncate: null }).model).toBe('m');
    expect(() => readChatRequest({ model: 'm', messages, reasoning_effort: 'low' })).toThrow('reasoning_effort');
  });
});

describe('an integer beyond what a number holds', () => {
  const completion = { read: readCompletionRequest, texts: '"prompt": "a"' } as const;
  const chat = { read: readChatRequest, texts: '"messages": [{"role": "user", "content": "a"}]' } as const;

  it.each([
    ['n', completion, '99999999999999999999'],
    ['best_of', completion, '9223372036854775807'],
    ['tools', chat, '[{"type": "function", "function": {"parameters": {"maximum": 9223372036854775807}}}]'],
    ['response_format', chat, '{"type": "json_schema", "json_schema": {"maximum": 9223372036854775807}}'],
  ])('is refused in %s as any other value that is not supported', (param, { read, texts }, value) => {
    const body = parseJson(Buffer.from(`{"model": "m", ${texts}, "${param}": ${value}}`));
    expect(() => read(body)).toThrow(expect.objectContaining({ code: 'LNMT8242', status: 400, param }) as Error);
  });
});

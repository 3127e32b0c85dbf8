type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const nullable = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const integer = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
const number = (minimum: number, maximum: number): Schema => ({ type: 'number', minimum, maximum });
const list = (items: Schema, minItems: number, maxItems: number): Schema => ({
  ...{ type: 'array', items, minItems, maxItems },
});

const token = integer(0, 2 ** 31 - 1);
const tokens: Schema = { type: 'array', items: token, minItems: 1 };
const name: Schema = {
  type: 'string',
  minLength: 1,
  description: 'A model, or a model and a version: `name:version`.',
};
const prompt: Schema = { type: 'string', minLength: 1 };
const texts = (most: number): Schema => ({ anyOf: [prompt, tokens, list({ anyOf: [prompt, tokens] }, 1, most)] });

const stop: Schema = { type: 'string', minLength: 1, maxLength: 256 };

/** Parameters that completions and chats have in common. */
const ANSWER: Readonly<Record<string, Schema>> = {
  model: name,
  max_tokens: integer(1, 2 ** 31 - 1),
  temperature: number(0, 2),
  top_p: number(0, 1),
  top_k: integer(0, 4096),
  seed: { type: 'integer' },
  frequency_penalty: number(-2, 2),
  presence_penalty: number(-2, 2),
  logit_bias: { type: 'object', propertyNames: { pattern: '^\\d{1,10}$' }, additionalProperties: number(-100, 100) },
  stop: { anyOf: [stop, list(stop, 0, 16)] },
  n: { const: 1 },
  stream: flag,
  stream_options: { type: 'object', properties: { include_usage: flag }, additionalProperties: false },
  user: text,
};

const part: Schema = {
  ...{ type: 'object', required: ['type', 'text'], additionalProperties: false },
  properties: { type: { const: 'text' }, text },
};

const message: Schema = {
  ...{ type: 'object', required: ['role', 'content'], additionalProperties: false },
  properties: {
    role: { enum: ['system', 'developer', 'user', 'assistant'] },
    content: { anyOf: [text, { type: 'array', items: part }] },
    name: text,
  },
};

/** Where the first stands, the second must be true. */
const needs = (name: string): Schema => ({ required: [name], properties: { [name]: { const: true } } });
const DEPENDENT: Readonly<Record<string, Schema>> = {
  stream_options: needs('stream'),
  top_logprobs: needs('logprobs'),
};

const request = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema => {
  const dependentSchemas = Object.fromEntries(Object.entries(DEPENDENT).filter(([name]) => name in properties));
  const dependent = Object.keys(dependentSchemas).length > 0 ? { dependentSchemas } : {};
  return { ...{ type: 'object', properties, required, additionalProperties: false }, ...dependent };
};

/** Schemas of what is compatible with the API of OpenAI. */
export const OPENAI_SCHEMAS: Readonly<Record<string, Schema>> = {
  OpenAiError: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['message', 'type', 'param', 'code'],
        properties: { message: text, type: text, param: nullable(text), code: text },
      },
    },
  },
  OpenAiFailure: {
    // A URL that cannot be read belongs to no API yet.
    anyOf: [{ $ref: '#/components/schemas/OpenAiError' }, { $ref: '#/components/schemas/Error' }],
  },
  OpenAiDocument: { type: 'object', description: 'As the API of OpenAI has it.' },
  OpenAiEmbeddingRequest: request(
    {
      ...{ model: name, input: texts(2048), dimensions: integer(1, 65_536), user: text },
      encoding_format: { enum: ['float', 'base64'] },
    },
    ['model', 'input'],
  ),
  OpenAiCompletionRequest: request({ ...ANSWER, prompt: texts(32), logprobs: integer(0, 20) }, ['model', 'prompt']),
  OpenAiChatRequest: request(
    {
      ...ANSWER,
      ...{ messages: list(message, 1, 1024), logprobs: flag, top_logprobs: integer(0, 20) },
      max_completion_tokens: integer(1, 2 ** 31 - 1),
    },
    ['model', 'messages'],
  ),
};

import { HEADERS } from '../../contract';
import { SERVER_NAME, SERVER_VERSION } from '../version';
import { EXCHANGES } from './exchanges';
import { SCHEMAS } from './schemas';
import type { Exchange, Schema } from './schemas';
import { operations } from './table';
import type { Operation, OperationId, RestBinding } from './table';

const JSON_TYPE = 'application/json';
const BINARY = 'application/octet-stream';

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const EVENTS = 'text/event-stream';
const HTML = 'text/html';

const failure = (description: string, schema = 'Error'): Schema => ({
  ...{ description, content: { [JSON_TYPE]: { schema: ref(schema) } } },
});

/** `/v2/models/:name` as OpenAPI writes it. */
const templateOf = (path: string): string => path.replace(/:(\w+)/g, '{$1}');

function pathParameters(path: string): Schema[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true },
    schema: { type: 'string', minLength: 1, maxLength: 128 },
  }));
}

function headerParameters({ binary }: Exchange): Schema[] {
  if (!binary) return [];
  return [
    {
      ...{
        name: HEADERS.inferenceHeaderLength,
        in: 'header',
        required: false,
        schema: { type: 'integer', minimum: 1 },
      },
      description: 'Bytes of the JSON part of a body that has binary tensors after it.',
    },
    {
      ...{ name: HEADERS.requestTimeout, in: 'header', required: false, schema: { type: 'integer', minimum: 0 } },
      description: 'Milliseconds after which the answer is of no use any more.',
    },
  ];
}

interface Forms {
  readonly binary?: boolean | undefined;
  readonly streamed?: boolean | undefined;
  readonly page?: boolean | undefined;
}

function contentOf(schema: string, { binary, streamed, page }: Forms = {}): Schema {
  if (page) return { [HTML]: { schema: ref(schema) } };
  const events = streamed ? { [EVENTS]: { schema: { type: 'string' } } } : {};
  const json = { [JSON_TYPE]: { schema: ref(schema) }, ...events };
  return binary ? { ...json, [BINARY]: { schema: { type: 'string', format: 'binary' } } } : json;
}

/** What says in the form of the answer that something is not so. Who has to be known may get an error instead. */
function denialOf(response: string, description: string, access: Operation['access']): Schema {
  const schema = access === 'public' ? ref(response) : { anyOf: [ref(response), ref('Error')] };
  return { description, content: { [JSON_TYPE]: { schema } } };
}

function responsesOf({ access, admitted }: Operation, exchange: Exchange): Schema {
  const { request, response, denial, others, failure: form } = exchange;
  const responses: Record<string, Schema> = {
    200: { description: 'Done', ...(response ? { content: contentOf(response, exchange) } : {}) },
  };
  const add = (rows: Readonly<Record<number, string>>): void => {
    for (const [status, description] of Object.entries(rows)) responses[status] = failure(description, form);
  };
  add({ 400: 'The request cannot be read, or does not fit', 431: 'Too many or too long headers, or a too long URL' });
  if (access !== 'public') {
    add({ 401: 'No valid credential', 403: 'Not allowed', 429: 'Over a limit', 503: 'Not now; repeat later' });
  }
  if (request) add({ 413: 'The body is too large', 415: 'The media type is not supported' });
  if (admitted) add({ 429: 'At a limit; repeat after the Retry-After header' });
  add(others ?? {});
  if (response && denial) responses[503] = denialOf(response, denial, access);
  responses['default'] = failure('Anything else', form);
  return responses;
}

const TAGS: readonly (readonly [prefix: RegExp, tag: string])[] = [
  [/^Server(Live|Ready|Started)$/, 'Health'],
  [/^(Server|Description)/, 'Server'],
  [/^Model/, 'Models'],
  [/^Repository/, 'Model repository'],
  [/^OpenAi/, 'API of OpenAI'],
  [/^GraphQl/, 'GraphQL'],
];

/** Heading under which an operation is listed. */
const tagOf = (id: OperationId): string => TAGS.find(([prefix]) => prefix.test(id))?.[1] ?? 'Other';

function operationObject(id: OperationId, operation: Operation, { method, path }: RestBinding, index: number): Schema {
  const exchange = EXCHANGES[id];
  const parameters = [...pathParameters(path), ...headerParameters(exchange)];
  return {
    // Several routes of one operation need ids of their own.
    operationId: index === 0 ? id : `${id}${index + 1}`,
    summary: operation.summary,
    tags: [tagOf(id)],
    'x-lnmt-access': operation.access,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(method === 'POST' && exchange.request
      ? {
          requestBody: {
            required: exchange.needsBody === true,
            content: contentOf(exchange.request, { binary: exchange.binary }),
          },
        }
      : {}),
    responses: responsesOf(operation, exchange),
    security: operation.access === 'public' ? [] : [{ apiKey: [] }, { bearer: [] }],
  };
}

/**
 * The OpenAPI 3.1 document of the routes that are served, made from the operation table alone.
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
export function openApi(served: ReadonlySet<OperationId>): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const [id, operation] of operations) {
    if (!served.has(id)) continue;
    operation.rest.forEach((binding, index) => {
      const path = (paths[templateOf(binding.path)] ??= {});
      path[binding.method.toLowerCase()] = operationObject(id, operation, binding, index);
    });
  }
  return {
    openapi: '3.1.1',
    info: {
      ...{ title: SERVER_NAME, version: SERVER_VERSION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      summary: 'ONNX models over the Open Inference Protocol, version 2',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key or a JSON Web Token' },
      },
    },
  };
}

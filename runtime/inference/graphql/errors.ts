import { RequestError } from '../../shared/errors';
import type { RequestErrorTable } from '../../shared/errors';

/** Codes of GraphQL requests. */
export const GRAPHQL_ERRORS = {
  LNMT8471: {
    status: 400,
    title: 'the GraphQL request is not well formed',
    explanation:
      'The body is one JSON object with `query`, and perhaps `variables` and `operationName`. Lists of requests are not taken.',
  },
  LNMT8472: {
    status: 400,
    title: 'the GraphQL document cannot be read',
    explanation: 'The message says where its syntax is wrong.',
  },
  LNMT8473: {
    status: 400,
    title: 'the GraphQL document or its variables do not fit the schema',
    explanation:
      'A field, an argument, a type or a variable is not as the schema has it. Callers with the scope read may ask for the schema.',
  },
  LNMT8474: {
    status: 400,
    title: 'the GraphQL document or its variables are beyond a limit',
    explanation:
      'Length, tokens, depth, cost, aliases, directives and definitions are bounded, after fragments are expanded, and so are the values in variables, of which a tensor is one, and so are the tokens of a text. Send tensors as variables, and several requests instead of a large one.',
  },
} as const satisfies RequestErrorTable;

const MAX_MESSAGE = 300;

function raise(code: keyof typeof GRAPHQL_ERRORS, message: string): RequestError {
  // What the library says may hold values of the caller of any length.
  const short = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message;
  return new RequestError(code, GRAPHQL_ERRORS[code], short);
}

/** 400: no object with a query. */
export const badGraphQlRequest = (what: string): RequestError => raise('LNMT8471', what);

/** 400: text that is no document. */
export const unreadableDocument = (what: string): RequestError => raise('LNMT8472', what);

/** 400: a document or variables that the schema does not admit. */
export const schemaMismatch = (what: string): RequestError => raise('LNMT8473', what);

/** 400: a document that would cost too much. */
export const beyondLimit = (what: string): RequestError => raise('LNMT8474', what);

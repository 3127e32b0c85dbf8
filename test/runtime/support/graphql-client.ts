import type { FastifyInstance } from 'fastify';
import { PATHS } from '../../../runtime/contract';
import { FULL_KEY } from './server';

/** An error of an answer. */
export interface GraphQlError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: { readonly code: string; readonly status: number; readonly retryAfter?: number };
}

/** An answer with its status. */
export interface GraphQlReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>> | null | undefined;
  readonly errors: readonly GraphQlError[];
  /** Codes of the errors. */
  readonly codes: readonly string[];
}

/** Sends a body as it is. */
export async function postGraphQl(
  app: FastifyInstance,
  payload: string | object,
  headers: Record<string, string> = {},
  key: string | undefined = FULL_KEY,
): Promise<GraphQlReply> {
  const answer = await app.inject({
    ...{ method: 'POST', url: PATHS.graphql, payload },
    headers: { 'content-type': 'application/json', ...(key === '' ? {} : { 'x-api-key': key }), ...headers },
  });
  const { data, errors = [] } = answer.json<Partial<GraphQlReply>>();
  const codes = errors.map(({ extensions }) => extensions.code);
  return { status: answer.statusCode, headers: answer.headers, text: answer.body, data, errors, codes };
}

/** Asks with a document. An empty key sends none. */
export const askGraphQl = (
  app: FastifyInstance,
  query: string,
  variables: object = {},
  key?: string,
): Promise<GraphQlReply> => postGraphQl(app, { query, variables }, {}, key);

import { INLINE_MOST, parseJson } from '../tensors/json';
import type { JsonOptions } from '../tensors/json';
import { badGraphQlRequest } from './errors';

/** One request, as GraphQL over HTTP has it. */
export interface GraphQlRequest {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Inside of a variable: of all input types only that of a tensor has a field of this name. */
const isInVariable: JsonOptions['spans'] = (depth, rootKey) => depth > 2 && rootKey === 'variables';

/**
 * Reads a body. Integers that a number cannot hold stay exact, and flat elements of tensors are left unread.
 *
 * @throws RequestError LNMT8011 or LNMT8471
 */
export function readGraphQl(body: Buffer): GraphQlRequest {
  const document = parseJson(body, { spans: isInVariable, most: INLINE_MOST });
  if (Array.isArray(document))
    throw badGraphQlRequest('several requests in one body are not taken; send them one by one');
  if (!isObject(document)) throw badGraphQlRequest('the body is not an object');
  const { query, operationName = null, variables = null } = document;
  if (typeof query !== 'string' || query === '') throw badGraphQlRequest('query is missing');
  if (operationName !== null && typeof operationName !== 'string') {
    throw badGraphQlRequest('operationName is not a string');
  }
  if (variables !== null && !isObject(variables)) throw badGraphQlRequest('variables is not an object');
  return { query, operationName: operationName ?? undefined, variables: variables ?? undefined };
}

import type * as GraphQl from 'graphql';
import { asRequestError, RequestError } from '../../shared/errors';
import { OPERATIONS } from '../operations/table';
import type { FieldContext, GraphQlDeps } from './context';
import { beyondLimit, schemaMismatch, unreadableDocument } from './errors';
import { checkLimits, GRAPHQL_LIMITS } from './limits';
import type { GraphQlRequest } from './request';
import { checkVariables } from './variables';

/** Errors that one answer tells of; more help nobody. */
const MAX_ERRORS = 5;

/** An error as it stands in an answer. */
export interface WireError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: { readonly code: string; readonly status: number; readonly retryAfter?: number };
}

/** An answer that is not written yet. */
export interface GraphQlAnswer {
  readonly errors?: readonly WireError[];
  readonly data?: unknown;
}

/** What an error tells a client: its code, and nothing of how the server is made. */
export function wireError(error: RequestError, path?: readonly (string | number)[]): WireError {
  const { message, code, status, retryAfter } = error;
  const repeat = retryAfter === undefined ? {} : { retryAfter };
  return { message, ...(path ? { path } : {}), extensions: { code, status, ...repeat } };
}

/** Runs documents over a schema. */
export class Executor {
  constructor(
    private readonly library: typeof GraphQl,
    private readonly schema: GraphQl.GraphQLSchema,
    private readonly deps: Pick<GraphQlDeps, 'access'>,
    /** Told of what went wrong inside. */
    private readonly failed: (error: RequestError) => void,
  ) {}

  /**
   * Answers one request.
   *
   * @throws RequestError where nothing of it was carried out
   */
  async execute(request: GraphQlRequest, context: FieldContext): Promise<GraphQlAnswer> {
    const document = this.parse(request.query);
    checkLimits(document);
    this.validate(document, context);
    checkVariables(this.library, this.schema, document, request.variables);
    const { errors, data } = await this.library.execute({
      ...{ schema: this.schema, document, contextValue: context },
      variableValues: request.variables,
      operationName: request.operationName,
      options: { maxCoercionErrors: MAX_ERRORS },
    });
    // Without data nothing was begun: a variable is wrong, or no operation has the name.
    if (data === undefined) throw schemaMismatch(errors?.[0]?.message ?? 'there is nothing to carry out');
    return errors === undefined ? { data } : { errors: errors.map((error) => this.tell(error)), data };
  }

  private parse(query: string): GraphQl.DocumentNode {
    if (Buffer.byteLength(query) > GRAPHQL_LIMITS.bytes) {
      throw beyondLimit(`the document has more than ${GRAPHQL_LIMITS.bytes} bytes`);
    }
    try {
      return this.library.parse(query, { maxTokens: GRAPHQL_LIMITS.tokens });
    } catch (error) {
      // The parser calls itself for what stands in brackets, and the stack may end before the tokens do.
      if (error instanceof RangeError) throw beyondLimit('the document is nested too deep');
      if (!(error instanceof this.library.GraphQLError)) throw error;
      if (error.message.includes('Parsing aborted')) {
        throw beyondLimit(`the document has more than ${GRAPHQL_LIMITS.tokens} tokens`);
      }
      const [place] = error.locations ?? [];
      const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})`;
      throw unreadableDocument(`${error.message}${where}`);
    }
  }

  private validate(document: GraphQl.DocumentNode, context: FieldContext): void {
    const { specifiedRules, recommendedRules, NoSchemaIntrospectionCustomRule, validate } = this.library;
    if (document.definitions.some((each) => 'operation' in each && String(each.operation) === 'subscription')) {
      throw schemaMismatch('there are no subscriptions');
    }
    const refusal = this.introspectionRefused(context);
    const rules = [...new Set([...specifiedRules, ...recommendedRules])];
    const [error] = validate(this.schema, document, rules, { maxErrors: 1, hideSuggestions: refusal !== undefined });
    if (error !== undefined) throw schemaMismatch(error.message);
    if (refusal !== undefined && validate(this.schema, document, [NoSchemaIntrospectionCustomRule]).length > 0) {
      throw refusal;
    }
  }

  /** Why this caller may not ask for the schema; undefined when it may. */
  private introspectionRefused({ principal }: FieldContext): RequestError | undefined {
    const { access } = OPERATIONS.GraphQlSchema;
    try {
      this.deps.access.permit(principal, { operation: 'GraphQlSchema', access });
      return undefined;
    } catch (error) {
      if (error instanceof RequestError) return error;
      throw error;
    }
  }

  private tell({ message, path, originalError }: GraphQl.GraphQLError): WireError {
    const known = originalError instanceof RequestError || originalError !== undefined;
    const error = known ? asRequestError(originalError) : asRequestError(new Error(message));
    if (error.status >= 500 && error.cause !== undefined) this.failed(error);
    return wireError(error, path);
  }
}

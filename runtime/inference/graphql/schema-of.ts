import type * as GraphQl from 'graphql';
import { scopeOf } from '../../shared/access-control';
import type { Attempt } from '../../shared/access-control';
import { auditedCaller } from '../../shared/audit-plugin';
import { asRequestError, StartError } from '../../shared/errors';
import { traceFields } from '../../shared/tracing';
import type { ModelIdentity } from '../data-plane';
import type { CallSubject } from '../grpc/gate';
import { CLIENT_GONE } from '../observe';
import { operationOfField, operations } from '../operations/table';
import type { Operation, OperationId } from '../operations/table';
import type { Arguments, Field, FieldContext, GraphQlDeps } from './context';
import { fieldsOf } from './fields';
import { bindScalars } from './scalars';
import { ROOT_TYPES, SDL } from './schema';

/** Fields that the language itself brings. */
const INTROSPECTION = ['Query.__schema', 'Query.__type'] as const;
const OK = 200;

type Resolver = (source: unknown, given: Arguments, context: FieldContext) => Promise<unknown>;

/** What a field turned out to be about. */
interface Subjects {
  /** The model that answers; that which the field names, until it is known. */
  answered: CallSubject;
  /** The model that permission was asked for last, whether or not it was given. */
  asked: CallSubject;
}

/** Writes a field into the audit log, and counts it where it is an inference. */
function report(deps: GraphQlDeps, id: OperationId, subject: CallSubject, context: FieldContext) {
  const started = performance.now();
  return ({ access }: Operation, status: number, { answered, asked }: Subjects, error?: string): void => {
    const seconds = (performance.now() - started) / 1000;
    const gone = context.signal.aborted;
    if (access === 'infer') deps.observed({ ...answered, status: gone ? Number(CLIENT_GONE) : status, error, seconds });
    if (access === 'public') return;
    deps.audit?.record({
      ...{ operation: id, transport: 'graphql', request: context.request },
      ...([subject, answered, asked].find(({ model }) => model !== undefined) ?? {}),
      caller: auditedCaller(context.principal),
      outcome: gone ? 'client left' : String(status),
      trace: traceFields(context.trace)?.trace_id,
    });
  };
}

/**
 * A field that asks for its own permission, counts as a request of its own (the first came as the HTTP request), and
 * takes the place in admission that its row asks for.
 */
function guarded(deps: GraphQlDeps, [id, operation]: readonly [OperationId, Operation], field: Field): Resolver {
  const access = scopeOf(operation.access);
  return async (_source, given, context) => {
    const { principal, address } = context;
    const subject = field.subject?.(given) ?? {};
    const done = report(deps, id, subject, context);
    const places: (() => void)[] = [];
    const about: Subjects = { answered: subject, asked: subject };
    const attempt = (model?: string, version?: string): Attempt | undefined =>
      access && { operation: id, access, model, version };
    const permit = (model?: string, version?: string): void => {
      about.asked = { model, version };
      const attempted = attempt(model, version);
      if (attempted !== undefined) deps.access.permit(principal, attempted);
    };
    const shows = (model: string, version?: string): boolean => {
      const attempted = attempt(model, version);
      return attempted === undefined || deps.access.shows(principal, attempted);
    };
    const answering = ({ name: model, version }: ModelIdentity): void => void (about.answered = { model, version });
    try {
      permit(subject.model, subject.version);
      context.asked += 1;
      if (context.asked > 1) places.push(deps.limiter.enter(principal, address));
      if (operation.admitted) places.push(deps.admission.enter());
      const attempted = attempt(subject.model, subject.version);
      const judge = attempted && deps.access.judge(principal, attempted);
      const answer = await field.answer(given, context, { permit, shows, judge, answering });
      done(operation, OK, about);
      return answer;
    } catch (thrown) {
      const { status, code } = asRequestError(thrown);
      done(operation, status, about, code);
      throw thrown;
    } finally {
      for (const leave of places) leave();
    }
  };
}

function bind(schema: GraphQl.GraphQLSchema, deps: GraphQlDeps, answers: Readonly<Record<string, Field>>): void {
  const found = new Set<string>(INTROSPECTION);
  for (const type of ROOT_TYPES) {
    const fields = (schema.getType(type) as GraphQl.GraphQLObjectType | undefined)?.getFields() ?? {};
    for (const [key, field] of Object.entries(fields)) {
      const name = `${type}.${key}`;
      const row = operationOfField(name);
      const answer = answers[name];
      if (row === undefined || answer === undefined) throw new StartError('LNMT8108', `field ${name}`);
      found.add(name);
      field.resolve = guarded(deps, row, answer);
    }
  }
  const stranger = operations.flatMap(([, { fields = [] }]) => fields).find((name) => !found.has(name));
  if (stranger !== undefined) throw new StartError('LNMT8108', `field ${stranger} of the table`);
}

/**
 * The schema with its operations.
 *
 * @param sdl the schema as text
 * @throws StartError LNMT8108 for a field that is an operation and has no row in the table, or the reverse
 */
export function schemaOf({ buildSchema }: typeof GraphQl, deps: GraphQlDeps, sdl: string = SDL): GraphQl.GraphQLSchema {
  const schema = buildSchema(sdl);
  bindScalars(schema);
  bind(schema, deps, fieldsOf(deps));
  return schema;
}

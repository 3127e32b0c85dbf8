import type * as GraphQl from 'graphql';
import { beyondLimit } from './errors';
import { GRAPHQL_LIMITS } from './limits';
import { isKind } from './nodes';

type Library = Pick<typeof GraphQl, 'typeFromAST' | 'isNonNullType' | 'isListType' | 'isInputObjectType'>;
type Values = Readonly<Record<string, unknown>>;

/** Counts the values that the schema will look at, and goes no further than the limit. */
class Counter {
  private held = 0;

  constructor(private readonly library: Library) {}

  add(type: GraphQl.GraphQLInputType, value: unknown): void {
    this.count(1);
    this.lookInto(type, value);
  }

  private count(values: number): void {
    this.held += values;
    const { values: most } = GRAPHQL_LIMITS;
    if (this.held <= most) return;
    throw beyondLimit(
      `the variables hold ${this.held} values or more, and ${most} are allowed, of which a tensor is one; send fewer at once`,
    );
  }

  private lookInto(type: GraphQl.GraphQLInputType, value: unknown): void {
    const { isNonNullType, isListType, isInputObjectType } = this.library;
    if (isNonNullType(type)) return this.lookInto(type.ofType, value);
    if (isListType(type)) {
      const values: readonly unknown[] = Array.isArray(value) ? value : [value];
      this.count(values.length);
      for (const each of values) this.lookInto(type.ofType, each);
    } else if (isInputObjectType(type) && typeof value === 'object' && value !== null) {
      for (const [name, field] of Object.entries(type.getFields())) {
        if (Object.hasOwn(value, name)) this.add(field.type, (value as Values)[name]);
      }
    }
  }
}

/**
 * Holds variables to what can be looked at in no time: the library takes more than a microsecond for each value of a list
 * or an object, and a body has room for millions.
 *
 * @param document one that fits the schema
 * @throws RequestError LNMT8474
 */
export function checkVariables(
  library: Library,
  schema: GraphQl.GraphQLSchema,
  document: GraphQl.DocumentNode,
  variables: Values = {},
): void {
  for (const each of document.definitions) {
    if (!isKind(each, 'OperationDefinition')) continue;
    const counter = new Counter(library);
    for (const { variable, type: node } of each.variableDefinitions ?? []) {
      const type = library.typeFromAST(schema, node) as GraphQl.GraphQLInputType | undefined;
      if (type !== undefined) counter.add(type, variables[variable.name.value]);
    }
  }
}

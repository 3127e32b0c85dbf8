import type { DocumentNode, FragmentDefinitionNode, SelectionNode, SelectionSetNode } from 'graphql';
import { operationOfField } from '../operations/table';
import { beyondLimit } from './errors';
import { isKind } from './nodes';
import { ROOT_TYPES } from './schema';

/** What a document may be. Fragments count where they are used. */
export const GRAPHQL_LIMITS = {
  /** Bytes of the document; tensors travel as variables, which the limit of the body bounds. */
  bytes: 16 * 1024,
  tokens: 2_000,
  /** Fields inside fields. */
  depth: 10,
  cost: 1_000,
  aliases: 20,
  directives: 20,
  /** Operations and fragments. */
  definitions: 20,
  /** Values in variables, which the schema looks at one by one. Tensors and tokens count as one: bodies bound them. */
  values: 20_000,
} as const;

/** Cost of a field: one that runs or changes models, another operation, and plain data. */
const COST = { work: 50, operation: 10, data: 1 } as const;
/** Lists in the answer make what stands in them so many times as dear. */
const LIST_FACTOR = 5;
export const LISTS: readonly string[] = ['repository', 'inputs', 'outputs', 'openAiModels', 'data', 'choices'];
/** Beyond this a cost is only "too much": products of nested fragments have no end. */
const ENDLESS = 1e9;

interface Measure {
  readonly depth: number;
  readonly cost: number;
  readonly aliases: number;
  readonly directives: number;
}

const NOTHING: Measure = { depth: 0, cost: 0, aliases: 0, directives: 0 };

const beside = (one: Measure, other: Measure): Measure => ({
  depth: Math.max(one.depth, other.depth),
  cost: Math.min(ENDLESS, one.cost + other.cost),
  aliases: Math.min(ENDLESS, one.aliases + other.aliases),
  directives: Math.min(ENDLESS, one.directives + other.directives),
});

function ownCost(root: string | undefined, name: string): number {
  const operation = root === undefined ? undefined : operationOfField(`${root}.${name}`)?.[1];
  if (operation === undefined) return COST.data;
  return operation.admitted || operation.access === 'manage' ? COST.work : COST.operation;
}

const rootOf = (type: string | undefined): string | undefined => ROOT_TYPES.find((each) => each === type);

/** Measures selections. Each fragment is measured once, so that fragments of fragments cost no time. */
class Meter {
  private readonly measured = new Map<string, Measure | 'open'>();

  constructor(private readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>) {}

  set(selected: SelectionSetNode | undefined, root: string | undefined): Measure {
    let sum = NOTHING;
    for (const each of selected?.selections ?? []) sum = beside(sum, this.selection(each, root));
    return sum;
  }

  private selection(node: SelectionNode, root: string | undefined): Measure {
    const own = { ...NOTHING, directives: node.directives?.length ?? 0 };
    if (isKind(node, 'FragmentSpread')) return beside(own, this.fragment(node.name.value));
    if (isKind(node, 'InlineFragment')) {
      const type = node.typeCondition?.name.value;
      return beside(own, this.set(node.selectionSet, type === undefined ? root : rootOf(type)));
    }
    const name = node.name.value;
    const below = this.set(node.selectionSet, undefined);
    const cost = ownCost(root, name) + below.cost * (LISTS.includes(name) && below.cost > 0 ? LIST_FACTOR : 1);
    return {
      // Tools ask for the schema in a deep query of their own; a rule of the library bounds what grows in it.
      depth: name.startsWith('__') ? 1 : below.depth + 1,
      cost: Math.min(ENDLESS, name.startsWith('__') ? COST.operation + below.cost : cost),
      aliases: below.aliases + (node.alias ? 1 : 0),
      directives: below.directives + own.directives,
    };
  }

  private fragment(name: string): Measure {
    const known = this.measured.get(name);
    if (known === 'open') throw beyondLimit('a fragment contains itself');
    if (known !== undefined) return known;
    const fragment = this.fragments.get(name);
    if (fragment === undefined) return NOTHING;
    this.measured.set(name, 'open');
    const own = { ...NOTHING, directives: fragment.directives?.length ?? 0 };
    const measure = beside(own, this.set(fragment.selectionSet, rootOf(fragment.typeCondition.name.value)));
    this.measured.set(name, measure);
    return measure;
  }
}

function measureOf(document: DocumentNode): Measure {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const each of document.definitions) if (isKind(each, 'FragmentDefinition')) fragments.set(each.name.value, each);
  const meter = new Meter(fragments);
  let sum = NOTHING;
  for (const each of document.definitions) {
    if (!isKind(each, 'OperationDefinition')) continue;
    const root = String(each.operation) === 'mutation' ? 'Mutation' : 'Query';
    const variables = each.variableDefinitions?.flatMap(({ directives = [] }) => directives) ?? [];
    const own = { ...NOTHING, directives: (each.directives?.length ?? 0) + variables.length };
    sum = beside(sum, beside(own, meter.set(each.selectionSet, root)));
  }
  return sum;
}

/** Holds a document to its limits before anything else looks at it. @throws RequestError LNMT8474 */
export function checkLimits(document: DocumentNode): void {
  const { definitions } = document;
  if (definitions.length > GRAPHQL_LIMITS.definitions) {
    throw beyondLimit(`the document has more than ${GRAPHQL_LIMITS.definitions} definitions`);
  }
  const measure = measureOf(document);
  for (const what of ['depth', 'cost', 'aliases', 'directives'] as const) {
    const limit = GRAPHQL_LIMITS[what];
    if (measure[what] <= limit) continue;
    const size = measure[what] === ENDLESS ? '' : `${measure[what]}, `;
    throw beyondLimit(`${what} of the document: ${size}beyond ${limit}`);
  }
}

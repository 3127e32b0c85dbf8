import { refusedOperator, tooMuch } from './errors';
import { OPERATOR_SETS, REFUSED_OPERATORS } from './limits';
import type { InspectorLimits } from './limits';
import { Message } from './message';
import type { ProtoReader, Range } from './proto-reader';

/** One operation of a graph. */
export interface Node {
  readonly name: string;
  /** Operator set; empty for that of ONNX itself. */
  readonly domain: string;
  readonly operator: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly Range[];
}

/** `ai.onnx` is another name of the set without a name. */
export const canonicalDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** How messages name an operation. */
export const nameOfNode = ({ name, operator }: Pick<Node, 'name' | 'operator'>): string =>
  name === '' ? operator : `${operator} ${JSON.stringify(name)}`;

/** Key of a function of the model, which a node calls like an operator. */
export const functionKey = (of: {
  readonly domain: string;
  readonly operator: string;
  readonly overload: string;
}): string => JSON.stringify([of.domain, of.operator, of.overload]);

/** Reads an operation. */
export function readNode(reader: ProtoReader, range: Range, limits: InspectorLimits): Node {
  const message = Message.read(reader, 'node', range);
  const parts = (['inputs', 'outputs', 'attributes'] as const).map((part) => message.all(part).length);
  const most = Math.max(...parts);
  if (most > limits.nodeParts) throw tooMuch('inputs, outputs or attributes of a node', most, limits.nodeParts);
  return {
    name: message.text('name', limits.nameBytes),
    domain: canonicalDomain(message.text('domain', limits.nameBytes)),
    operator: message.text('operator', limits.nameBytes),
    overload: message.text('overload', limits.nameBytes),
    inputs: message.texts('inputs', limits.nameBytes),
    outputs: message.texts('outputs', limits.nameBytes),
    attributes: message.ranges('attributes'),
  };
}

/**
 * Holds an operation to the operator sets that are served.
 *
 * @param isCall true for a call of a function that the model brings, whose set may be its own
 * @throws InspectionError
 */
export function checkOperator(node: Node, isCall: boolean): void {
  const { domain, operator } = node;
  if (!isCall && (OPERATOR_SETS[domain] === undefined || !Object.hasOwn(OPERATOR_SETS, domain))) {
    throw refusedOperator(`${nameOfNode(node)} is of the custom set ${JSON.stringify(domain)}`);
  }
  // Also of calls: which of two things with one name onnxruntime runs is up to it.
  const key = `${domain}:${operator}`;
  const reason = Object.hasOwn(REFUSED_OPERATORS, key) ? REFUSED_OPERATORS[key] : undefined;
  if (reason !== undefined) throw refusedOperator(`${domain}.${nameOfNode(node)}: ${reason}`);
}

/** Holds the operator sets that a model imports to the versions that are served. @throws InspectionError */
export function checkOperatorSets(
  reader: ProtoReader,
  ranges: readonly Range[],
  limits: InspectorLimits,
): Map<string, number> {
  const sets = new Map<string, number>();
  for (const range of ranges) {
    const message = Message.read(reader, 'operatorSet', range);
    const domain = canonicalDomain(message.text('domain', limits.nameBytes));
    const version = Number(message.integer('version') ?? 0n);
    // A set that is imported and not used does no harm: optimizers import all that they know.
    const served = Object.hasOwn(OPERATOR_SETS, domain) ? OPERATOR_SETS[domain] : undefined;
    if (served && (version < served.least || version > served.most)) {
      const name = domain === '' ? 'ai.onnx' : domain;
      throw refusedOperator(`${name} ${version} is imported; served are ${served.least} to ${served.most}`);
    }
    sets.set(domain, version);
  }
  return sets;
}

import type { ExternalRange } from './external-data';
import { malformed, tooMuch, unbounded } from './errors';
import { functionKey, checkOperator, nameOfNode, readNode } from './node';
import type { Node } from './node';
import type { InspectorLimits } from './limits';
import { checkLoop } from './loops';
import { Message } from './message';
import type { ProtoReader, Range } from './proto-reader';
import { Scope } from './scope';
import { checkConstantShape } from './shapes';
import { elementsOf, inspectTensor } from './tensor';
import { valueName } from './values';

/** What the graphs of a model hold, summed up. */
export interface Tally {
  nodes: number;
  initializers: number;
  weightBytes: number;
  readonly external: ExternalRange[];
  readonly operators: Map<string, number>;
  readonly calls: string[];
}

/** An empty sum. */
export const newTally = (): Tally => ({
  nodes: 0,
  initializers: 0,
  weightBytes: 0,
  external: [],
  operators: new Map(),
  calls: [],
});

interface Parts {
  readonly integers: readonly bigint[] | undefined;
  readonly shape: readonly bigint[] | undefined;
  readonly graphs: readonly GraphNames[];
}

/** Names of a graph's inputs and outputs, and what is known of its values. */
export interface GraphNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly scope: Scope;
  /** Names of the constants. */
  readonly initializers: ReadonlySet<string>;
}

/** Walks the graphs of a model; each value is looked at once. */
export class GraphWalker {
  constructor(
    private readonly reader: ProtoReader,
    private readonly limits: InspectorLimits,
    /** Keys of the functions that the model brings. */
    private readonly functions: ReadonlySet<string>,
    private readonly tally: Tally,
  ) {}

  /** Inspects a graph and the graphs inside it. */
  graph(range: Range, outer: Scope | undefined): GraphNames {
    const scope = this.scopeIn(outer);
    const message = Message.read(this.reader, 'graph', range);
    const initializers = this.initializers(message, scope);
    const inputs = message.ranges('inputs').map((each) => valueName(this.reader, each, this.limits));
    const outputs = message.ranges('outputs').map((each) => valueName(this.reader, each, this.limits));
    for (const name of inputs) if (!initializers.has(name)) scope.addComputed(name);
    for (const each of message.ranges('nodes')) this.node(each, scope);
    return { inputs, outputs, scope, initializers };
  }

  /** Inspects the nodes of a function, and the values that its attributes have by default: they get into the nodes. */
  body(message: Message<'function'>): void {
    const scope = this.scopeIn(undefined);
    this.attributes(message.ranges('defaults'), scope, 'a function');
    for (const range of message.ranges('nodes')) this.node(range, scope);
  }

  private scopeIn(outer: Scope | undefined): Scope {
    const depth = outer === undefined ? 0 : outer.depth + 1;
    if (depth > this.limits.graphDepth) throw unbounded(`graphs are nested more than ${this.limits.graphDepth} deep`);
    return new Scope(outer, depth);
  }

  private initializers(message: Message<'graph'>, scope: Scope): Set<string> {
    const names = new Set<string>();
    for (const range of message.ranges('initializers')) {
      const { name, integers } = this.tensor(range);
      names.add(name);
      scope.addConstant(name, integers);
    }
    for (const range of message.ranges('sparseInitializers')) names.add(this.sparse(range));
    return names;
  }

  private tensor(range: Range): ReturnType<typeof inspectTensor> {
    this.tally.initializers += 1;
    const { initializers: most } = this.limits;
    if (this.tally.initializers > most) throw tooMuch('constants', this.tally.initializers, most);
    const report = inspectTensor(this.reader, range, this.limits);
    this.tally.weightBytes += report.bytes;
    if (report.external) this.tally.external.push(report.external);
    return report;
  }

  private sparse(range: Range): string {
    const message = Message.read(this.reader, 'sparseTensor', range);
    elementsOf([...message.integers('dims')], this.limits.elements, 'a sparse constant', this.limits.rank);
    const [values, indices] = [message.range('values'), message.range('indices')];
    if (values === undefined || indices === undefined) throw malformed('a sparse constant has no values or no indices');
    this.tensor(indices);
    return this.tensor(values).name;
  }

  private node(range: Range, scope: Scope): void {
    this.tally.nodes += 1;
    if (this.tally.nodes > this.limits.nodes) throw tooMuch('nodes', this.tally.nodes, this.limits.nodes);
    const node = readNode(this.reader, range, this.limits);
    const key = functionKey(node);
    const isCall = this.functions.has(key);
    if (isCall) this.tally.calls.push(key);
    checkOperator(node, isCall);
    const name = node.domain === '' ? node.operator : `${node.domain}.${node.operator}`;
    this.tally.operators.set(name, (this.tally.operators.get(name) ?? 0) + 1);
    const parts = this.attributes(node.attributes, scope, nameOfNode(node));
    checkConstantShape(node, scope, parts.shape, this.limits);
    const [body] = parts.graphs;
    if (node.operator === 'Loop' && node.domain === '') {
      if (body === undefined) throw malformed(`${nameOfNode(node)} has no body`);
      scope.addTurns(checkLoop(node, scope, body, this.limits));
    } else for (const inner of parts.graphs) scope.addTurns(inner.scope.turns);
    this.note(node, scope, parts);
  }

  private note(node: Node, scope: Scope, parts: Parts): void {
    const [input] = node.inputs;
    const [output] = node.outputs;
    const standard = node.domain === '' && output !== undefined;
    if (standard && node.operator === 'Identity' && input) scope.addAlias(output, input);
    else if (standard && node.operator === 'Constant') scope.addConstant(output, parts.integers);
    else for (const name of node.outputs) scope.addComputed(name);
  }

  private attributes(ranges: readonly Range[], scope: Scope, where: string): Parts {
    const names = new Set<string>();
    const graphs: GraphNames[] = [];
    let integers: readonly bigint[] | undefined;
    let shape: readonly bigint[] | undefined;
    for (const range of ranges) {
      const attribute = Message.read(this.reader, 'attribute', range);
      const name = attribute.text('name', this.limits.nameBytes);
      if (names.has(name)) throw malformed(`${where} has two attributes ${JSON.stringify(name)}`);
      names.add(name);
      for (const inner of [...attribute.ranges('graph'), ...attribute.ranges('graphs')]) {
        graphs.push(this.graph(inner, scope));
      }
      for (const inner of attribute.ranges('sparseTensor')) this.sparse(inner);
      for (const inner of attribute.ranges('sparseTensors')) this.sparse(inner);
      const tensors = [...attribute.ranges('tensor'), ...attribute.ranges('tensors')].map((each) => this.tensor(each));
      if (name === 'value') integers = tensors[0]?.integers;
      if (name === 'value_int') integers = [attribute.integer('integer') ?? 0n];
      if (name === 'value_ints') integers = [...attribute.integers('integers')];
      if (name === 'shape') shape = [...attribute.integers('integers')];
    }
    return { integers, shape, graphs };
  }
}

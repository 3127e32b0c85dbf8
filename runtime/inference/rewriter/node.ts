import { ATTRIBUTE_FIELD, encodeAttribute } from './attribute';
import type { Attribute } from './attribute';
import type { Bytes } from './bytes';
import { Encoder } from './encoder';
import type { Graph } from './graph';
import { Parsed } from './parsed';
import type { ParseSource } from './parsed';
import { readWeight } from './tensor';
import type { OpenExternal, Placement } from './tensor';
import type { Range } from '../inspector/proto-reader';

/** Numbers of the fields of an operation. */
const FIELD = { inputs: 1, outputs: 2, name: 3, operator: 4, attributes: 5, domain: 7 } as const;

/** What an operation consists of. */
export interface NodeParts {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** @default '' */
  readonly name?: string;
  /** @default '' ONNX itself */
  readonly domain?: string;
  /** @default [] */
  readonly attributes?: readonly Attribute[];
}

/** An operation of a graph. */
export class GraphNode {
  readonly operator: string;
  readonly domain: string;
  readonly name: string;
  private ins: readonly string[];
  private outs: readonly string[];
  private settings: readonly Attribute[];

  constructor(
    parts: NodeParts,
    private readonly rest: readonly Bytes[] = [],
    private original: Bytes | undefined = undefined,
  ) {
    this.operator = parts.operator;
    this.domain = parts.domain === 'ai.onnx' ? '' : (parts.domain ?? '');
    this.name = parts.name ?? '';
    this.ins = parts.inputs;
    this.outs = parts.outputs;
    this.settings = parts.attributes ?? [];
  }

  get inputs(): readonly string[] {
    return this.ins;
  }

  set inputs(names: readonly string[]) {
    this.ins = names;
    this.original = undefined;
  }

  get outputs(): readonly string[] {
    return this.outs;
  }

  set outputs(names: readonly string[]) {
    this.outs = names;
    this.original = undefined;
  }

  get attributes(): readonly Attribute[] {
    return this.settings;
  }

  set attributes(settings: readonly Attribute[]) {
    this.settings = settings;
    this.original = undefined;
  }

  /** True when the message is no longer what was read. */
  get changed(): boolean {
    return this.original === undefined || this.graphs().some((graph) => graph.changed);
  }

  /** True for an operator of ONNX itself. */
  is(...operators: readonly string[]): boolean {
    return this.domain === '' && operators.includes(this.operator);
  }

  /** An attribute by name. */
  attribute(name: string): Attribute | undefined {
    return this.settings.find((each) => each.name === name);
  }

  /** Graphs inside this operation. */
  graphs(): readonly Graph[] {
    return this.settings.flatMap(({ graphs }) => graphs ?? []);
  }

  /** Its message. */
  encode(place: Placement): Encoder {
    const message = new Encoder();
    if (this.original !== undefined && !this.changed) return message.raw(this.original);
    for (const name of this.ins) message.text(FIELD.inputs, name);
    for (const name of this.outs) message.text(FIELD.outputs, name);
    if (this.name !== '') message.text(FIELD.name, this.name);
    message.text(FIELD.operator, this.operator);
    for (const each of this.settings) message.message(FIELD.attributes, encodeAttribute(each, place));
    if (this.domain !== '') message.text(FIELD.domain, this.domain);
    for (const each of this.rest) message.raw(each);
    return message;
  }
}

/** How graphs and weights inside a message are read. */
export interface ReadContext {
  readonly source: ParseSource;
  readonly open: OpenExternal;
  readonly graph: (range: Range) => Graph;
}

function readAttribute(context: ReadContext, range: Range): Attribute {
  const { name, graph, graphs, tensor } = ATTRIBUTE_FIELD;
  const message = new Parsed(context.source, range, Object.values(ATTRIBUTE_FIELD));
  const one = message.range(graph);
  const inner = [...message.ranges(graph), ...message.ranges(graphs)].map(context.graph);
  const constant = message.range(tensor);
  const value = constant ? readWeight(context.source, constant, context.open) : undefined;
  // A constant that lies elsewhere is written into the graph.
  const isElsewhere = value !== undefined && value.original === undefined;
  return {
    name: message.text(name),
    original: isElsewhere ? undefined : context.source.bytes(range),
    tensor: value,
    graphs: inner.length > 0 ? inner : undefined,
    one: one !== undefined,
  };
}

/** Reads an operation. */
export function readNode(context: ReadContext, range: Range): GraphNode {
  const message = new Parsed(context.source, range, Object.values(FIELD));
  const attributes = message.ranges(FIELD.attributes).map((each) => readAttribute(context, each));
  const parts: NodeParts = {
    operator: message.text(FIELD.operator),
    domain: message.text(FIELD.domain),
    name: message.text(FIELD.name),
    inputs: message.texts(FIELD.inputs),
    outputs: message.texts(FIELD.outputs),
    attributes,
  };
  const whole = attributes.every(({ original, graphs }) => original !== undefined && !graphs?.some((g) => g.changed));
  return new GraphNode(parts, message.rest, whole ? context.source.bytes(range) : undefined);
}

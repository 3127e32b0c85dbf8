import type { Bytes } from './bytes';
import { Encoder } from './encoder';
import { readNode } from './node';
import type { GraphNode, ReadContext } from './node';
import { Parsed } from './parsed';
import { encodeWeight, readWeight } from './tensor';
import type { Placement, Weight } from './tensor';
import { readValue } from './value';
import type { Value } from './value';
import type { Range } from '../inspector/proto-reader';

/** Numbers of the fields of a graph. */
const FIELD = { nodes: 1, weights: 5, inputs: 11, outputs: 12, infos: 13 } as const;

/** A graph that can be changed. */
export class Graph {
  nodes: GraphNode[] = [];
  readonly weights = new Map<string, Weight>();
  inputs: Value[] = [];
  outputs: Value[] = [];
  /** What is known of the values between. */
  infos: Value[] = [];
  /** True once a change cannot be seen in the nodes alone. */
  touched = false;
  private rest: readonly Bytes[] = [];
  private original: Bytes | undefined;

  /** Reads a graph. */
  static read(context: Pick<ReadContext, 'source' | 'open'>, range: Range): Graph {
    const graph = new Graph();
    const message = new Parsed(context.source, range, Object.values(FIELD));
    const inner: ReadContext = { ...context, graph: (each) => Graph.read(context, each) };
    graph.nodes = message.ranges(FIELD.nodes).map((each) => readNode(inner, each));
    for (const each of message.ranges(FIELD.weights)) {
      const weight = readWeight(context.source, each, context.open);
      graph.weights.set(weight.name, weight);
      if (weight.original === undefined) graph.touched = true;
    }
    graph.inputs = message.ranges(FIELD.inputs).map((each) => readValue(context.source, each));
    graph.outputs = message.ranges(FIELD.outputs).map((each) => readValue(context.source, each));
    graph.infos = message.ranges(FIELD.infos).map((each) => readValue(context.source, each));
    graph.rest = message.rest;
    graph.original = context.source.bytes(range);
    return graph;
  }

  /** True when the message is no longer what was read. */
  get changed(): boolean {
    return this.touched || this.original === undefined || this.nodes.some((node) => node.changed);
  }

  /** Its message. */
  encode(place: Placement): Encoder {
    const message = new Encoder();
    if (this.original !== undefined && !this.changed) return message.raw(this.original);
    for (const node of this.nodes) message.message(FIELD.nodes, node.encode(place));
    for (const each of this.rest) message.raw(each);
    for (const weight of this.weights.values()) message.message(FIELD.weights, encodeWeight(weight, place));
    for (const value of this.inputs) message.bytes(FIELD.inputs, value.original);
    for (const value of this.outputs) message.bytes(FIELD.outputs, value.original);
    for (const value of this.infos) message.bytes(FIELD.infos, value.original);
    return message;
  }

  /** This graph and the graphs inside it. */
  *all(): Generator<Graph> {
    yield this;
    for (const node of this.nodes) for (const inner of node.graphs()) yield* inner.all();
  }
}

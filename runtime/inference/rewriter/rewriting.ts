import { constantsOf, dropDefaultInputs } from './constants';
import type { Graph } from './graph';
import type { OnnxModel } from './model';
import { Names } from './names';
import { GraphNode } from './node';
import type { NodeParts } from './node';
import type { Weight } from './tensor';
import { forget, sweep } from './uses';

/** What a rewriter did. */
export interface RewriteReport {
  /** Nodes that were rewritten, by operator. */
  readonly rewritten: Readonly<Record<string, number>>;
  /** Nodes of the wanted operators that were left as they are, by reason. */
  readonly left: Readonly<Record<string, number>>;
  /** Values that were changed to fit, by what was done. */
  readonly adjusted: Readonly<Record<string, number>>;
}

/** A graph while it is rewritten: what it had, and the nodes that it will have. */
export class Rewriting {
  readonly graph: Graph;
  readonly names: Names;
  readonly constants: ReadonlyMap<string, Weight>;
  readonly operatorSet: number;
  private readonly made: GraphNode[] = [];
  private readonly rewritten = new Map<string, number>();
  private readonly left = new Map<string, number>();
  private readonly gone = new Set<string>();

  constructor(model: OnnxModel) {
    this.graph = model.graph;
    dropDefaultInputs(this.graph);
    this.names = new Names(this.graph);
    this.constants = constantsOf(this.graph);
    this.operatorSet = model.operatorSet;
  }

  /** Adds a node. Its first output, which is the name of a new value unless it is given. */
  add(parts: Omit<NodeParts, 'outputs'> & { readonly output: string }): string {
    const { output, ...rest } = parts;
    this.emit(new GraphNode({ ...rest, name: this.names.fresh(`${output}_${rest.operator}`), outputs: [output] }));
    return output;
  }

  /** Adds a node as it is. */
  emit(node: GraphNode): void {
    this.made.push(node);
  }

  /** Adds a constant under its name. */
  constant(of: Weight): string {
    this.graph.weights.set(of.name, of);
    return of.name;
  }

  /** Counts a node that was rewritten. */
  count(operator: string): void {
    this.rewritten.set(operator, (this.rewritten.get(operator) ?? 0) + 1);
  }

  /** Leaves a node as it is, for a reason. */
  leave(node: GraphNode, reason: string): void {
    const key = `${node.operator}: ${reason}`;
    this.left.set(key, (this.left.get(key) ?? 0) + 1);
    this.emit(node);
  }

  /** Forgets what the model said of a value. */
  forget(name: string): void {
    this.gone.add(name);
  }

  /** Puts the new nodes in place and drops what became unused. */
  finish(adjusted: Readonly<Record<string, number>> = {}): RewriteReport {
    this.graph.nodes = this.made;
    forget(this.graph, (name) => this.gone.has(name));
    this.graph.touched = true;
    sweep(this.graph);
    return {
      rewritten: Object.fromEntries(this.rewritten),
      left: Object.fromEntries(this.left),
      adjusted: Object.fromEntries(Object.entries(adjusted).filter(([, count]) => count > 0)),
    };
  }
}

/** Why nodes were left, for a message. */
export function reasons({ left }: RewriteReport): string {
  const list = Object.entries(left).map(([reason, count]) => `${reason} (${count})`);
  return list.length === 0 ? '' : `: ${list.join('; ')}`;
}

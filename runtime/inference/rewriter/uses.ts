import type { Graph } from './graph';
import type { GraphNode } from './node';

/** Names that the graphs inside a node take from around them, or might: inner names are in it as well. */
export function innerNames(node: GraphNode): Set<string> {
  const names = new Set<string>();
  for (const outer of node.graphs()) {
    for (const graph of outer.all()) {
      for (const inner of graph.nodes) for (const name of inner.inputs) names.add(name);
      for (const { name } of graph.outputs) names.add(name);
    }
  }
  return names;
}

/** How often each value is used: by nodes, by graphs inside them, and as an output. */
export function countUses(graph: Graph): Map<string, number> {
  const uses = new Map<string, number>();
  const add = (name: string): void => void uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const node of graph.nodes) {
    node.inputs.forEach(add);
    innerNames(node).forEach(add);
  }
  for (const { name } of graph.outputs) add(name);
  return uses;
}

/** Names that a graph gives to values of its own. */
function ownNames(graph: Graph): Set<string> {
  const names = new Set<string>([...graph.inputs.map(({ name }) => name), ...graph.weights.keys()]);
  for (const node of graph.nodes) for (const name of node.outputs) names.add(name);
  return names;
}

/** Gives values other names wherever nodes read them, in graphs inside too unless those have a value of that name. */
export function renameUses(graph: Graph, names: ReadonlyMap<string, string>): void {
  if (names.size === 0) return;
  for (const node of graph.nodes) {
    if (node.inputs.some((name) => names.has(name))) node.inputs = node.inputs.map((name) => names.get(name) ?? name);
    for (const inner of node.graphs()) {
      const own = ownNames(inner);
      renameUses(inner, new Map([...names].filter(([name]) => !own.has(name))));
    }
  }
}

/** Names that graphs inside the nodes take from around them as their outputs, where no node can be renamed. */
export function innerOutputs(graph: Graph): Set<string> {
  const names = new Set<string>();
  for (const inner of graph.all()) {
    if (inner !== graph) for (const { name } of inner.outputs) names.add(name);
  }
  return names;
}

/** Drops nodes and constants that nothing uses. Returns how many. */
export function sweep(graph: Graph): number {
  const used = new Set(graph.outputs.map(({ name }) => name));
  const kept: GraphNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => used.has(name))) continue;
    for (const name of node.inputs) used.add(name);
    for (const name of innerNames(node)) used.add(name);
    kept.push(node);
  }
  const unused = [...graph.weights.keys()].filter((name) => !used.has(name));
  const dropped = graph.nodes.length - kept.length + unused.length;
  if (dropped === 0) return 0;
  for (const name of unused) graph.weights.delete(name);
  graph.nodes = kept.reverse();
  forget(graph, (name) => !used.has(name) && unused.includes(name));
  graph.touched = true;
  return dropped;
}

/** Drops what is said of values that are gone or changed. */
export function forget(graph: Graph, isGone: (name: string) => boolean): void {
  graph.infos = graph.infos.filter(({ name }) => !isGone(name));
}

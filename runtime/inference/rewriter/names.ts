import type { Graph } from './graph';

/** Names that a graph and the graphs inside it use, so that new ones are really new. */
export class Names {
  private readonly taken = new Set<string>();

  constructor(graph: Graph) {
    for (const each of graph.all()) {
      for (const { name } of [...each.inputs, ...each.outputs, ...each.infos]) this.taken.add(name);
      for (const name of each.weights.keys()) this.taken.add(name);
      for (const node of each.nodes) {
        this.taken.add(node.name);
        for (const name of [...node.inputs, ...node.outputs]) this.taken.add(name);
      }
    }
  }

  /** A name that nothing has, like the wanted one. */
  fresh(wanted: string): string {
    let name = wanted;
    for (let count = 1; this.taken.has(name); count += 1) name = `${wanted}_${count}`;
    this.taken.add(name);
    return name;
  }
}

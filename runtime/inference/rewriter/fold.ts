import { constantsOf } from './constants';
import { Graph } from './graph';
import type { OnnxModel } from './model';
import type { GraphNode } from './node';
import type { Weight } from './tensor';
import { countUses, forget, innerOutputs } from './uses';
import { untypedValue } from './value';

/**
 * Runs a model without inputs and gives its outputs as constants; those that cannot be kept are left out.
 * The promise is rejected where the model cannot be run.
 */
export type Evaluate = (model: OnnxModel) => Promise<readonly Weight[]>;

/** Chance, and what keeps weights small on purpose. */
const NEVER =
  /^(Random|Multinomial|Bernoulli|Constant$|DequantizeLinear$|QuantizeLinear$|DynamicQuantizeLinear$|Dropout$)/;

/** What folding may add to the constants that it replaces, in bytes. */
const GROWTH_BYTES = 1 << 20;

/** The nodes that compute with nothing but constants. */
function constantNodes(graph: Graph): GraphNode[] {
  const known = new Set(constantsOf(graph).keys());
  const outputs = new Set([...graph.outputs.map(({ name }) => name), ...innerOutputs(graph)]);
  return graph.nodes.filter((node) => {
    const isPlain = node.domain === '' && node.graphs().length === 0 && !NEVER.test(node.operator);
    const isConstant = node.inputs.length > 0 && node.inputs.every((name) => name === '' || known.has(name));
    if (!isPlain || !isConstant || node.outputs.some((name) => outputs.has(name))) return false;
    for (const name of node.outputs) known.add(name);
    return true;
  });
}

/** A graph of these nodes alone, which gives what the other nodes read. */
function partOf(graph: Graph, nodes: readonly GraphNode[]): Graph {
  const chosen = new Set(nodes);
  const part = new Graph();
  const producers = graph.nodes.filter((node) => node.is('Constant'));
  part.nodes = [...producers, ...nodes];
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  for (const [name, weight] of graph.weights) if (read.has(name)) part.weights.set(name, weight);
  const rest = new Graph();
  rest.nodes = graph.nodes.filter((node) => !chosen.has(node));
  const used = countUses(rest);
  part.outputs = nodes.flatMap(({ outputs }) => outputs.filter((name) => used.has(name)).map(untypedValue));
  return part;
}

/**
 * Replaces what is computed from constants alone by its result, unless that is larger by far. Returns how many nodes
 * were replaced.
 */
export async function foldConstants(model: OnnxModel, evaluate: Evaluate): Promise<number> {
  const { graph } = model;
  const nodes = constantNodes(graph);
  if (nodes.length === 0) return 0;
  const part = partOf(graph, nodes);
  if (part.outputs.length === 0) return 0;
  const before = [...part.weights.values()].reduce((sum, { data }) => sum + (data?.size ?? 0), 0);
  const results = await evaluate(model.withGraph(part));
  let room = before + GROWTH_BYTES;
  const kept = results.filter(({ data }) => (room -= data?.size ?? 0) >= 0);
  for (const weight of kept) graph.weights.set(weight.name, weight);
  const names = new Set(kept.map(({ name }) => name));
  // A node goes when all that is read of it is there; what led to it is unused then.
  const used = countUses(graph);
  const replaced = nodes.filter(
    ({ outputs }) =>
      outputs.some((name) => names.has(name)) && outputs.every((name) => names.has(name) || !used.has(name)),
  );
  const gone = new Set(replaced);
  graph.nodes = graph.nodes.filter((node) => !gone.has(node));
  const stillMade = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  for (const name of names) if (stillMade.has(name)) graph.weights.delete(name);
  forget(graph, (name) => names.has(name));
  if (replaced.length > 0) graph.touched = true;
  return replaced.length;
}

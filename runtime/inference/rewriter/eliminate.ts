import { createHash } from 'node:crypto';
import { integerOf } from './attribute';
import { constantsOf } from './constants';
import { ElementTypes } from './float-types';
import type { Graph } from './graph';
import type { OnnxModel } from './model';
import type { GraphNode } from './node';
import type { Weight } from './tensor';
import { countUses, forget, innerOutputs, renameUses } from './uses';

/** From here on Dropout is told by an input whether it trains. */
const DROPOUT_INPUT_SET = 12;

function isFalse(weight: Weight | undefined): boolean {
  return weight?.data?.size === 1 && weight.data.read()[0] === 0;
}

/** Finds nodes that give their input back. */
class PassThrough {
  private readonly constants: ReadonlyMap<string, Weight>;
  private readonly types: ElementTypes;
  private readonly uses: ReadonlyMap<string, number>;

  constructor(private readonly model: OnnxModel) {
    this.constants = constantsOf(model.graph);
    this.types = new ElementTypes(model.graph, this.constants);
    this.uses = countUses(model.graph);
    for (const node of model.graph.nodes) this.types.learn(node);
  }

  is(node: GraphNode): boolean {
    const [input = '', , training = ''] = node.inputs;
    if (node.is('Identity')) return node.outputs.length === 1;
    if (node.is('Cast')) return this.types.of(input) === integerOf(node.attribute('to'), 0);
    if (!node.is('Dropout') || (node.outputs[1] && this.uses.has(node.outputs[1]))) return false;
    if (this.model.operatorSet < DROPOUT_INPUT_SET) return true;
    return training === '' || isFalse(this.constants.get(training));
  }
}

/** Removes nodes that give their input back: Identity, Dropout of a trained model, Cast to the type that is there. */
export function removePassThrough(model: OnnxModel): number {
  const { graph } = model;
  const pass = new PassThrough(model);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const captured = innerOutputs(graph);
  const removed = new Set<GraphNode>();
  for (const node of graph.nodes) {
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]];
    if (captured.has(output) || !pass.is(node)) continue;
    if (!outputs.has(output)) renameUses(graph, new Map([[output, input]]));
    else if (!giveName(graph, input, output, outputs, captured)) continue;
    removed.add(node);
  }
  if (removed.size === 0) return 0;
  const gone = new Set([...removed].flatMap(({ outputs: names }) => names));
  graph.nodes = graph.nodes.filter((node) => !removed.has(node));
  forget(graph, (name) => gone.has(name));
  graph.touched = true;
  return removed.size;
}

/** Lets the producer of a value give it under the name of an output; false where it cannot. */
function giveName(
  graph: Graph,
  input: string,
  output: string,
  outputs: ReadonlySet<string>,
  captured: ReadonlySet<string>,
): boolean {
  const producer = graph.nodes.find((node) => node.outputs.includes(input));
  if (producer === undefined || outputs.has(input) || captured.has(input)) return false;
  renameUses(graph, new Map([[input, output]]));
  producer.outputs = producer.outputs.map((name) => (name === input ? output : name));
  forget(graph, (name) => name === input);
  return true;
}

function digest({ data }: Weight): string {
  const hash = createHash('sha256');
  for (const chunk of data?.chunks() ?? []) hash.update(chunk);
  return hash.digest('hex');
}

/** Keeps one of constants that are alike. Returns how many were dropped. */
export function joinConstants(graph: Graph): number {
  const fixed = new Set([...graph.outputs.map(({ name }) => name), ...innerOutputs(graph)]);
  const groups = new Map<string, Weight[]>();
  for (const weight of graph.weights.values()) {
    if (weight.data === undefined || fixed.has(weight.name)) continue;
    const key = JSON.stringify([weight.type, weight.dims, weight.data.size]);
    groups.set(key, [...(groups.get(key) ?? []), weight]);
  }
  const renamed = new Map<string, string>();
  for (const group of groups.values()) {
    if (group.length < 2) continue;
    const known = new Map<string, string>();
    for (const weight of group) {
      const key = digest(weight);
      const first = known.get(key);
      if (first === undefined) known.set(key, weight.name);
      else renamed.set(weight.name, first);
    }
  }
  renameUses(graph, renamed);
  for (const name of renamed.keys()) graph.weights.delete(name);
  if (renamed.size > 0) graph.touched = true;
  return renamed.size;
}

import type { Graph } from './graph';
import type { Weight } from './tensor';

/** The constants of a graph by name, whether they are initializers or come from Constant nodes. */
export function constantsOf(graph: Graph): Map<string, Weight> {
  const constants = new Map(graph.weights);
  for (const node of graph.nodes) {
    const [output] = node.outputs;
    const value = node.attribute('value')?.tensor;
    if (node.is('Constant') && output !== undefined && value !== undefined) constants.set(output, value);
  }
  return constants;
}

/**
 * Makes inputs that have a constant of their name constants alone: requests never give them, and onnxruntime computes
 * with constants only what cannot be given.
 */
export function dropDefaultInputs(graph: Graph): void {
  const kept = graph.inputs.filter(({ name }) => !graph.weights.has(name));
  if (kept.length === graph.inputs.length) return;
  graph.inputs = kept;
  graph.touched = true;
}

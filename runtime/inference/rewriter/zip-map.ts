import { namesOf } from './attribute';
import { TYPE } from './elements';
import type { Graph } from './graph';
import type { OnnxModel } from './model';
import { GraphNode } from './node';
import { countUses } from './uses';
import { tensorValue } from './value';
import type { Dimension } from './value';

const CLASSICAL = 'ai.onnx.ml';

/** An output of maps from class to score that is a tensor of the scores now. */
export interface UnzippedOutput {
  readonly output: string;
  /** What its columns stand for. */
  readonly classes: readonly string[];
}

const isZipMap = ({ domain, operator }: GraphNode): boolean => domain === CLASSICAL && operator === 'ZipMap';

const classesOf = (zip: GraphNode): readonly string[] =>
  ['classlabels_strings', 'classlabels_int64s'].flatMap((name) => namesOf(zip.attribute(name)));

/** Sizes of scores: what the graph tells, else a row for each map, as all exporters have it. */
function shapeOf(graph: Graph, zip: GraphNode): readonly Dimension[] {
  const stated = graph.infos.find(({ name }) => name === zip.inputs[0])?.shape;
  return stated ?? [undefined, classesOf(zip).length || undefined];
}

/**
 * Gives scores as the tensor that they are, in the order of the classes, where a model makes maps of them at its end:
 * exporters of classical models do so unless they are told not to, and no protocol of inference carries maps. Maps that
 * the model itself goes on with stay.
 */
export function unzipMaps({ graph }: OnnxModel): readonly UnzippedOutput[] {
  const uses = countUses(graph);
  const given = new Set(graph.outputs.map(({ name }) => name));
  const found = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs;
    if (isZipMap(node) && given.has(output) && uses.get(output) === 1) found.set(output, node);
  }
  graph.nodes = graph.nodes.map((node) => {
    if (found.get(node.outputs[0] ?? '') !== node) return node;
    return new GraphNode({ operator: 'Identity', name: node.name, inputs: node.inputs, outputs: node.outputs });
  });
  graph.outputs = graph.outputs.map((value) => {
    const zip = found.get(value.name);
    return zip === undefined ? value : tensorValue(value.name, TYPE.float, shapeOf(graph, zip));
  });
  if (found.size > 0) graph.touched = true;
  return [...found].map(([output, zip]) => ({ output, classes: classesOf(zip) }));
}

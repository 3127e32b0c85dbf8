import { integerAttribute } from './attribute';
import { TYPE } from './elements';
import { RewriteError } from './errors';
import type { OnnxModel } from './model';
import { Names } from './names';
import { GraphNode } from './node';
import { renamedWeight } from './tensor';
import { innerOutputs, renameUses } from './uses';
import { changedValue } from './value';

const cast = (names: Names, input: string, output: string, type: number): GraphNode =>
  new GraphNode({
    operator: 'Cast',
    name: names.fresh(`${output}_Cast`),
    inputs: [input],
    outputs: [output],
    attributes: [integerAttribute('to', type)],
  });

/**
 * Makes inputs and outputs of BF16 ones of FP32, with a Cast behind or before them: onnxruntime for Node.js has no BF16
 * tensors. Nothing is lost, as FP32 holds every BF16. Returns how many there were.
 *
 * @throws RewriteError
 */
export function wrapBfloat16(model: OnnxModel): number {
  const { graph } = model;
  const inputs = graph.inputs.filter(({ type }) => type === TYPE.bfloat16);
  const outputs = graph.outputs.filter(({ type }) => type === TYPE.bfloat16);
  const captured = innerOutputs(graph);
  const unusable = [...inputs, ...outputs].find(
    ({ name }) => captured.has(name) || (inputs.some((v) => v.name === name) && outputs.some((v) => v.name === name)),
  );
  if (unusable) {
    throw new RewriteError('unusable', `${JSON.stringify(unusable.name)} is passed through; nothing can stand between`);
  }
  const names = new Names(graph);
  const renamed = new Map([...inputs, ...outputs].map(({ name }) => [name, names.fresh(`${name}_bf16`)]));
  const inner = (name: string): string => renamed.get(name) ?? name;
  renameUses(graph, renamed);
  for (const node of graph.nodes)
    if (node.outputs.some((name) => renamed.has(name))) node.outputs = node.outputs.map(inner);
  for (const { name } of outputs) {
    const constant = graph.weights.get(name);
    if (constant === undefined) continue;
    graph.weights.delete(name);
    graph.weights.set(inner(name), renamedWeight(constant, inner(name)));
  }
  graph.nodes.unshift(...inputs.map(({ name }) => cast(names, name, inner(name), TYPE.bfloat16)));
  graph.nodes.push(...outputs.map(({ name }) => cast(names, inner(name), name, TYPE.float)));
  for (const side of ['inputs', 'outputs'] as const) {
    graph[side] = graph[side].map((value) =>
      value.type === TYPE.bfloat16 ? changedValue(value, { type: TYPE.float }) : value,
    );
  }
  return renamed.size;
}

import type { TensorSpec } from '../tensors/tensor';
import type { ByteSource } from './byte-source';
import { InspectionError, malformed, refusedOperator, tooMuch } from './errors';
import { filesOf } from './external-data';
import type { ExternalFile } from './external-data';
import { writtenOut } from './functions';
import type { FunctionBody } from './functions';
import { GraphWalker, newTally } from './graph';
import type { GraphNames } from './graph';
import { INSPECTOR_LIMITS } from './limits';
import type { InspectorLimits } from './limits';
import { Message } from './message';
import { canonicalDomain, checkOperatorSets, functionKey } from './node';
import { ProtoReader } from './proto-reader';
import type { Range } from './proto-reader';
import { inspectValue } from './values';

/** What a model says of itself. */
export interface ModelReport {
  /** Version of the ONNX format. */
  readonly irVersion: number;
  /** Program that wrote the file. */
  readonly producer: string;
  /** Versions of the operator sets by domain; the empty domain is ONNX itself. */
  readonly operatorSets: Readonly<Record<string, number>>;
  /** How often each operator is used. */
  readonly operators: Readonly<Record<string, number>>;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Nodes of all graphs, with functions written out. */
  readonly nodes: number;
  /** Bytes of all constants, in this file and in others. */
  readonly weightBytes: number;
  /** Files of weights beside this one, and how long they must be. */
  readonly externalFiles: readonly ExternalFile[];
}

type Model = Message<'model'>;

function readFunctions(reader: ProtoReader, model: Model, limits: InspectorLimits): Map<string, Message<'function'>> {
  const ranges = model.ranges('functions');
  if (ranges.length > limits.functions) throw tooMuch('functions', ranges.length, limits.functions);
  const functions = new Map<string, Message<'function'>>();
  for (const range of ranges) {
    const body = Message.read(reader, 'function', range);
    const domain = canonicalDomain(body.text('domain', limits.nameBytes));
    const operator = body.text('name', limits.nameBytes);
    const key = functionKey({ domain, operator, overload: body.text('overload', limits.nameBytes) });
    if (functions.has(key)) throw malformed(`the function ${key} is defined twice`);
    functions.set(key, body);
  }
  return functions;
}

function signature(reader: ProtoReader, range: Range, names: GraphNames, limits: InspectorLimits): TensorSpec[][] {
  const graph = Message.read(reader, 'graph', range);
  return (['inputs', 'outputs'] as const).map((side) => {
    // An input with a constant of its name is a default, which requests do not give.
    const wanted = graph.ranges(side).filter((_, index) => {
      const name = names[side][index];
      return side === 'outputs' || name === undefined || !names.initializers.has(name);
    });
    if (wanted.length > limits.tensors) throw tooMuch(side, wanted.length, limits.tensors);
    const role = side === 'inputs' ? 'input' : 'output';
    const specs = wanted.map((each) => inspectValue(reader, each, limits, role));
    const repeated = specs.find(({ name }, index) => specs.findIndex((spec) => spec.name === name) < index);
    if (repeated) throw malformed(`two ${side} have the name ${JSON.stringify(repeated.name)}`);
    return specs;
  });
}

/** Holds the head of a model to what is served. */
function inspectHead(reader: ProtoReader, model: Model, limits: InspectorLimits): [number, Map<string, number>, Range] {
  const irVersion = Number(model.integer('irVersion') ?? 0n);
  const { least, most } = limits.irVersion;
  if (irVersion < 1) throw malformed('it states no version of the ONNX format');
  if (irVersion < least || irVersion > most) {
    throw refusedOperator(`the format has version ${irVersion}; served are ${least} to ${most}`);
  }
  const sets = model.ranges('operatorSets');
  if (sets.length === 0) throw malformed('it states no operator set');
  if (model.has('training')) throw refusedOperator('it holds a training graph; export it for inference');
  const graph = model.range('graph');
  if (graph === undefined) throw malformed('it holds no graph');
  return [irVersion, checkOperatorSets(reader, sets, limits), graph];
}

function inspectModel(source: ByteSource, limits: InspectorLimits): ModelReport {
  if (source.size > limits.fileBytes) throw tooMuch('bytes of the graph file', source.size, limits.fileBytes);
  const reader = new ProtoReader(source, limits);
  const model = Message.read(reader, 'model', { start: 0, end: source.size }, true);
  const [irVersion, sets, graphRange] = inspectHead(reader, model, limits);
  const functions = readFunctions(reader, model, limits);
  const keys = new Set(functions.keys());
  const bodies = new Map<string, FunctionBody>();
  const tally = newTally();
  for (const [key, body] of functions) {
    checkOperatorSets(reader, body.ranges('operatorSets'), limits);
    const before = tally.nodes;
    tally.calls.length = 0;
    new GraphWalker(reader, limits, keys, tally).body(body);
    bodies.set(key, { nodes: tally.nodes - before, calls: [...tally.calls] });
  }
  const before = tally.nodes;
  tally.calls.length = 0;
  const names = new GraphWalker(reader, limits, keys, tally).graph(graphRange, undefined);
  const nodes = writtenOut({ nodes: tally.nodes - before, calls: tally.calls }, bodies, limits.nodes);
  const [inputs = [], outputs = []] = signature(reader, graphRange, names, limits);
  return {
    irVersion,
    producer: model.text('producerName', limits.textBytes),
    operatorSets: Object.fromEntries(sets),
    operators: Object.fromEntries([...tally.operators].sort(([a], [b]) => (a < b ? -1 : 1))),
    inputs,
    outputs,
    nodes,
    weightBytes: tally.weightBytes,
    externalFiles: filesOf(tally.external),
  };
}

/**
 * Reads an ONNX model without trusting it: nothing is executed, weights are stepped over, memory and time are bounded
 * by the limits.
 *
 * @throws InspectionError for a model that onnxruntime must not see
 */
export function inspectOnnx(source: ByteSource, limits: InspectorLimits = INSPECTOR_LIMITS): ModelReport {
  try {
    return inspectModel(source, limits);
  } catch (error) {
    if (error instanceof InspectionError) throw error;
    throw malformed(error instanceof Error ? error.message : String(error));
  }
}

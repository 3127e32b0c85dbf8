import fs from 'node:fs';
import { notOnnx } from '../errors';
import { ProtoFile } from './protobuf';
import type { ProtoField, Range } from './protobuf';

/** What a push needs to know of a model. */
export interface OnnxFile {
  /** Version of the ONNX format. */
  readonly irVersion: number;
  /** Paths of the files that hold weights, as the graph names them; sorted. */
  readonly externalData: readonly string[];
}

/** Field numbers of the messages that are read. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const FIELDS = {
  model: { irVersion: 1, graph: 7, opsetImport: 8, functions: 25 },
  function: { node: 7 },
  graph: { node: 1, initializer: 5, sparseInitializer: 15 },
  node: { attribute: 5 },
  attribute: { tensor: 5, graph: 6, tensors: 10, graphs: 11 },
  sparse: { values: 1, indices: 2 },
  tensor: { externalData: 13 },
  entry: { key: 1, value: 2 },
} as const;

/** ONNX has had about a dozen versions of its format; anything beyond is another kind of file. */
const IR_VERSION_MOST = 64n;
const DEPTH_MOST = 64;

/**
 * Reads a model as far as its weights lie elsewhere: the format, and the names of the files beside it.
 *
 * @throws LNMT6012 for anything but an ONNX model
 */
export function readOnnxFile(file: string): OnnxFile {
  const handle = fs.openSync(file, 'r');
  try {
    return new OnnxReader(new ProtoFile(handle)).read();
  } catch (error) {
    throw notOnnx(file, error instanceof Error ? error.message : String(error));
  } finally {
    fs.closeSync(handle);
  }
}

class OnnxReader {
  private readonly locations = new Set<string>();

  constructor(private readonly proto: ProtoFile) {}

  read(): OnnxFile {
    const top = [...this.proto.fields({ start: 0, end: this.proto.size })];
    const version = top.find(({ field }) => field === FIELDS.model.irVersion)?.value;
    if (version === undefined || version < 1n || version > IR_VERSION_MOST) {
      throw new Error('it states no version of the ONNX format');
    }
    if (!top.some(({ field, range }) => field === FIELDS.model.opsetImport && range)) {
      throw new Error('it states no operator set');
    }
    const graphs = ranges(top, FIELDS.model.graph);
    if (graphs.length !== 1) throw new Error('it holds no graph');
    graphs.forEach((graph) => this.graph(graph, 0));
    for (const body of ranges(top, FIELDS.model.functions)) this.nodes(body, FIELDS.function.node, 0);
    return { irVersion: Number(version), externalData: [...this.locations].sort() };
  }

  private graph(range: Range, depth: number): void {
    if (depth > DEPTH_MOST) throw new Error(`graphs are nested more than ${DEPTH_MOST} deep`);
    const fields = [...this.proto.fields(range)];
    ranges(fields, FIELDS.graph.initializer).forEach((tensor) => this.tensor(tensor));
    for (const sparse of ranges(fields, FIELDS.graph.sparseInitializer)) {
      const parts = [...this.proto.fields(sparse)];
      ranges(parts, FIELDS.sparse.values, FIELDS.sparse.indices).forEach((tensor) => this.tensor(tensor));
    }
    this.nodes(range, FIELDS.graph.node, depth);
  }

  private nodes(range: Range, nodeField: number, depth: number): void {
    for (const node of ranges([...this.proto.fields(range)], nodeField)) {
      for (const attribute of ranges([...this.proto.fields(node)], FIELDS.node.attribute)) {
        const fields = [...this.proto.fields(attribute)];
        const { tensor, tensors, graph, graphs } = FIELDS.attribute;
        ranges(fields, tensor, tensors).forEach((inner) => this.tensor(inner));
        ranges(fields, graph, graphs).forEach((inner) => this.graph(inner, depth + 1));
      }
    }
  }

  private tensor(range: Range): void {
    for (const entry of ranges([...this.proto.fields(range)], FIELDS.tensor.externalData)) {
      const fields = [...this.proto.fields(entry)];
      const [key] = ranges(fields, FIELDS.entry.key);
      const [value] = ranges(fields, FIELDS.entry.value);
      if (key && value && this.proto.text(key) === 'location') this.locations.add(this.proto.text(value));
    }
  }
}

function ranges(fields: readonly ProtoField[], ...wanted: readonly number[]): Range[] {
  return fields.flatMap(({ field, range }) => (range && wanted.includes(field) ? [range] : []));
}

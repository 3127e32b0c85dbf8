import fs from 'node:fs';
import { FileSource } from '../../inference/inspector/byte-source';
import { INSPECTOR_LIMITS } from '../../inference/inspector/limits';
import { Message } from '../../inference/inspector/message';
import { ProtoReader } from '../../inference/inspector/proto-reader';
import type { Range } from '../../inference/inspector/proto-reader';
import { notOnnx } from '../errors';

/** What a push needs to know of a model. */
export interface OnnxFile {
  /** Version of the ONNX format. */
  readonly irVersion: number;
  /** Paths of the files that hold weights, as the graph names them; sorted. */
  readonly externalData: readonly string[];
}

/** ONNX has had about a dozen versions of its format; anything beyond is another kind of file. */
const IR_VERSION_MOST = 64n;
const DEPTH_MOST = 64;
const TEXT_BYTES = 4_096;

/**
 * Reads a model as far as its weights lie elsewhere: the format, and the names of the files beside it.
 *
 * @throws LNMT6012 for anything but an ONNX model
 */
export function readOnnxFile(file: string): OnnxFile {
  const handle = fs.openSync(file, 'r');
  try {
    return new OnnxReader(new ProtoReader(new FileSource(handle), INSPECTOR_LIMITS)).read();
  } catch (error) {
    throw notOnnx(file, error instanceof Error ? error.message : String(error));
  } finally {
    fs.closeSync(handle);
  }
}

class OnnxReader {
  private readonly locations = new Set<string>();

  constructor(private readonly reader: ProtoReader) {}

  read(): OnnxFile {
    const model = Message.read(this.reader, 'model', { start: 0, end: this.reader.source.size });
    const version = model.integer('irVersion');
    if (version === undefined || version < 1n || version > IR_VERSION_MOST) {
      throw new Error('it states no version of the ONNX format');
    }
    if (model.ranges('operatorSets').length === 0) throw new Error('it states no operator set');
    const graph = model.range('graph');
    if (graph === undefined) throw new Error('it holds no graph');
    this.graph(graph, 0);
    for (const body of model.ranges('functions')) {
      this.nodes(Message.read(this.reader, 'function', body).ranges('nodes'), 0);
    }
    return { irVersion: Number(version), externalData: [...this.locations].sort() };
  }

  private graph(range: Range, depth: number): void {
    if (depth > DEPTH_MOST) throw new Error(`graphs are nested more than ${DEPTH_MOST} deep`);
    const graph = Message.read(this.reader, 'graph', range);
    for (const tensor of graph.ranges('initializers')) this.tensor(tensor);
    for (const sparse of graph.ranges('sparseInitializers')) {
      const parts = Message.read(this.reader, 'sparseTensor', sparse);
      for (const tensor of [...parts.ranges('values'), ...parts.ranges('indices')]) this.tensor(tensor);
    }
    this.nodes(graph.ranges('nodes'), depth);
  }

  private nodes(ranges: readonly Range[], depth: number): void {
    for (const range of ranges) {
      for (const part of Message.read(this.reader, 'node', range).ranges('attributes')) {
        const attribute = Message.read(this.reader, 'attribute', part);
        for (const tensor of [...attribute.ranges('tensor'), ...attribute.ranges('tensors')]) this.tensor(tensor);
        for (const inner of [...attribute.ranges('graph'), ...attribute.ranges('graphs')]) this.graph(inner, depth + 1);
      }
    }
  }

  private tensor(range: Range): void {
    for (const each of Message.read(this.reader, 'tensor', range).ranges('external')) {
      const entry = Message.read(this.reader, 'entry', each);
      if (entry.text('key', TEXT_BYTES) === 'location') this.locations.add(entry.text('value', TEXT_BYTES));
    }
  }
}

import fs from 'node:fs';
import path from 'node:path';
import { writeFully } from './bytes';
import type { OnnxModel } from './model';
import type { ExternalEntry, Weight } from './tensor';

/** How a model is written. */
export interface WriteOptions {
  /**
   * Bytes above which the weights go into a file beside the graph, as protobuf allows 2 GiB.
   * @default 1.9 GiB
   */
  readonly graphBytes?: number;
}

/** What was written, sizes in bytes. */
export interface Written {
  /** Names of the files in the folder: the graph, and the weights where they lie apart. */
  readonly files: readonly string[];
  readonly bytes: number;
}

const GRAPH_BYTES = Math.floor(1.9 * 2 ** 30);
/** Constants below this stay in the graph: shapes and scales, which onnxruntime looks at while it loads. */
const SMALL_BYTES = 1_024;
/** Offsets are multiples of this, so that onnxruntime can map the file. */
const ALIGNMENT = 4_096;
const BATCH_BYTES = 1 << 20;

/** Ending of the file of weights beside a graph. */
export const DATA_ENDING = '.data';

/** Writes pieces in few calls. */
class Sink {
  private readonly handle: number;
  private pending: Uint8Array[] = [];
  private held = 0;
  bytes = 0;

  constructor(file: string) {
    this.handle = fs.openSync(file, 'wx', 0o644);
  }

  add(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength;
    if (chunk.byteLength >= BATCH_BYTES) {
      this.flush();
      writeFully(this.handle, chunk);
      return;
    }
    this.pending.push(chunk);
    this.held += chunk.byteLength;
    if (this.held >= BATCH_BYTES) this.flush();
  }

  close(complete: boolean): void {
    try {
      if (complete) {
        this.flush();
        fs.fsyncSync(this.handle);
      }
    } finally {
      fs.closeSync(this.handle);
    }
  }

  private flush(): void {
    if (this.held > 0) writeFully(this.handle, Buffer.concat(this.pending));
    this.pending = [];
    this.held = 0;
  }
}

function writeFile(file: string, fill: (sink: Sink) => void): number {
  const sink = new Sink(file);
  let complete = false;
  try {
    fill(sink);
    complete = true;
  } finally {
    sink.close(complete);
  }
  return sink.bytes;
}

function padding(bytes: number): number {
  return (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;
}

/** Places of the large constants in a file of weights. */
function layOut(model: OnnxModel, location: string): Map<Weight, ExternalEntry> {
  const places = new Map<Weight, ExternalEntry>();
  let end = 0;
  for (const graph of model.graph.all()) {
    for (const weight of graph.weights.values()) {
      if (weight.data === undefined || weight.data.size < SMALL_BYTES) continue;
      const offset = end + padding(end);
      places.set(weight, { location, offset, length: weight.data.size });
      end = offset + weight.data.size;
    }
  }
  return places;
}

/**
 * Writes a model into a folder, with its weights in `<name>.data` where they lay apart before or do not fit into one
 * protobuf message. Only one large constant is in memory at a time.
 */
export function writeModel(model: OnnxModel, folder: string, name: string, options: WriteOptions = {}): Written {
  const target = path.join(folder, name);
  const whole = model.hasExternalData ? undefined : model.encode(() => undefined);
  if (whole !== undefined && whole.size <= (options.graphBytes ?? GRAPH_BYTES)) {
    const bytes = writeFile(target, (sink) => {
      for (const chunk of whole.chunks()) sink.add(chunk);
    });
    return { files: [name], bytes };
  }
  const location = `${name}${DATA_ENDING}`;
  const places = layOut(model, location);
  // In graphs inside graphs an unchanged part is written as it was read, so the change has to be told.
  for (const graph of model.graph.all())
    if ([...graph.weights.values()].some((each) => places.has(each))) graph.touched = true;
  const graph = model.encode((weight) => places.get(weight));
  let bytes = writeFile(target, (sink) => {
    for (const chunk of graph.chunks()) sink.add(chunk);
  });
  if (places.size === 0) return { files: [name], bytes };
  bytes += writeFile(path.join(folder, location), (sink) => {
    for (const weight of places.keys()) {
      sink.add(new Uint8Array(padding(sink.bytes)));
      for (const chunk of weight.data?.chunks() ?? []) sink.add(chunk);
    }
  });
  return { files: [name, location], bytes };
}

import fs from 'node:fs';
import path from 'node:path';
import { FileSource } from '../inspector/byte-source';
import { INSPECTOR_LIMITS } from '../inspector/limits';
import { ProtoReader } from '../inspector/proto-reader';
import { FileBytes } from './bytes';
import type { Bytes } from './bytes';
import { Encoder } from './encoder';
import { Graph } from './graph';
import { Parsed, ParseSource } from './parsed';
import type { ExternalEntry, Placement } from './tensor';

/** Numbers of the fields of a model. */
const FIELD = { irVersion: 1, graph: 7, operatorSets: 8 } as const;

/** The first version of the format in which a constant need not be an input. */
const CONSTANTS_ALONE = 4;

/** A model that can be changed and written again. Its weights stay in its files until they are asked for. */
export class OnnxModel {
  private constructor(
    readonly graph: Graph,
    /** Versions of the operator sets, by domain; the empty domain is ONNX itself. */
    readonly operatorSets: ReadonlyMap<string, number>,
    /** True when weights lie in files beside the graph. */
    readonly hasExternalData: boolean,
    private readonly head: {
      readonly irVersion: number;
      readonly sets: readonly Bytes[];
      readonly rest: readonly Bytes[];
    },
    private readonly handle: number,
  ) {}

  /**
   * Reads a model. Whoever opens it closes it. The file was inspected before.
   *
   * @param file no link
   * @param weightsAt the file of weights, no link, by the path that the graph names @default - beside the graph
   */
  static open(file: string, weightsAt = (location: string) => path.join(path.dirname(file), location)): OnnxModel {
    const handle = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      return OnnxModel.parse(handle, weightsAt);
    } catch (error) {
      fs.closeSync(handle);
      throw error;
    }
  }

  private static parse(handle: number, weightsAt: (location: string) => string): OnnxModel {
    const source = new ParseSource(new ProtoReader(new FileSource(handle), INSPECTOR_LIMITS), handle);
    let hasExternalData = false;
    const open = ({ location, offset, length }: ExternalEntry): Bytes => {
      hasExternalData = true;
      return new FileBytes(weightsAt(location), offset, length);
    };
    const message = new Parsed(source, source.all, [FIELD.irVersion, FIELD.graph, FIELD.operatorSets]);
    const sets = message.ranges(FIELD.operatorSets).map((range) => {
      const set = new Parsed(source, range, [1, 2]);
      const domain = set.text(1);
      return [domain === 'ai.onnx' ? '' : domain, Number(set.integer(2))] as const;
    });
    const graph = Graph.read({ source, open }, message.range(FIELD.graph) ?? { start: 0, end: 0 });
    const head = {
      irVersion: Number(message.integer(FIELD.irVersion)),
      sets: message.ranges(FIELD.operatorSets).map((range) => source.bytes(range)),
      rest: message.rest,
    };
    return new OnnxModel(graph, new Map(sets), hasExternalData, head, handle);
  }

  /** Another graph of the same operator sets, whose weights are in the files of this one. */
  withGraph(graph: Graph): OnnxModel {
    return new OnnxModel(graph, this.operatorSets, this.hasExternalData, this.head, this.handle);
  }

  /** Version of the operator set of ONNX itself. */
  get operatorSet(): number {
    return this.operatorSets.get('') ?? 0;
  }

  /** Version of the format. */
  get irVersion(): number {
    return this.head.irVersion;
  }

  /** The model as a message. */
  encode(place: Placement): Encoder {
    const message = new Encoder().number(FIELD.irVersion, Math.max(CONSTANTS_ALONE, this.head.irVersion));
    for (const each of this.head.rest) message.raw(each);
    message.message(FIELD.graph, this.graph.encode(place));
    for (const each of this.head.sets) message.bytes(FIELD.operatorSets, each);
    return message;
  }

  /** Closes the file. */
  close(): void {
    fs.closeSync(this.handle);
  }
}

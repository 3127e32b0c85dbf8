import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ElementType, writeOnnx } from '../../../examples/quickstart/onnx';
import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import type { ModelIdentity } from '../../../runtime/inference/data-plane';
import { ModelError } from '../../../runtime/inference/errors';
import { MemorySource } from '../../../runtime/inference/inspector/byte-source';
import { inspectOnnx } from '../../../runtime/inference/inspector/inspect';
import type { PipelineSpec } from '../../../runtime/inference/pipelines';
import type { LoadMode, ModelSource, VerifiedModel } from '../../../runtime/inference/registry';
import { GrpcServer } from '../../../runtime/inference/grpc/server';
import { buildServer } from '../../../runtime/inference/server';
import type { InferenceServer, ServerDeps } from '../../../runtime/inference/server';
import { ApiKeySet } from '../../../runtime/shared/api-keys';
import { KEYS } from './server';
import { keyFile, sha256, temporaryFolder } from './temporary';

/** A model of floats `[n]` that multiplies its input by a factor. */
export function timesModel(factor: number, input = 'x', output = 'y'): Uint8Array {
  return elementwise('Mul', [input, 'factor'], output, [input], [['factor', factor]]);
}

/** A model of floats `[n]` that applies one operation to its inputs, which have one shape. */
export function operationModel(op: string, inputs: readonly string[], output: string): Uint8Array {
  return elementwise(op, inputs, output, inputs, []);
}

function elementwise(
  op: string,
  operands: readonly string[],
  output: string,
  inputs: readonly string[],
  constants: readonly (readonly [string, number])[],
): Uint8Array {
  const value = (name: string) => ({ name, type: ElementType.FLOAT, shape: ['n'] as const });
  return writeOnnx(
    {
      name: 'elementwise',
      nodes: [{ op, inputs: operands, outputs: [output] }],
      constants: constants.map(([name, number]) => ({
        ...{ name, type: ElementType.FLOAT, shape: [] },
        data: new Uint8Array(Float32Array.of(number).buffer),
      })),
      inputs: inputs.map(value),
      outputs: [value(output)],
    },
    'test',
  );
}

/** A repository of graphs in memory, each as version 1, inspected as real ones are. */
export class GraphSource implements ModelSource {
  private readonly dir = temporaryFolder();

  constructor(readonly graphs: Map<string, Uint8Array>) {}

  async settings(): Promise<object> {
    return {};
  }

  async versions(name: string): Promise<readonly string[]> {
    if (!this.graphs.has(name)) throw new ModelError('LNMT8301', `no model ${name}`);
    return ['1'];
  }

  async obtain({ name }: ModelIdentity): Promise<VerifiedModel> {
    const graph = this.graphs.get(name);
    if (graph === undefined) throw new ModelError('LNMT8301', `no model ${name}`);
    const digest = sha256(graph);
    const file = path.join(this.dir, `${digest}.onnx`);
    fs.writeFileSync(file, graph);
    return { file, digest, fetched: true, offline: false, report: inspectOnnx(new MemorySource(graph)) };
  }

  async recheck(): Promise<boolean> {
    return true;
  }

  release(): void {}

  /** Removes its files. */
  dispose(): void {
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

/** What a test says of a server over real graphs. */
export interface OnnxServerOptions {
  readonly graphs: Readonly<Record<string, Uint8Array>>;
  readonly pipelines: readonly PipelineSpec[];
  /** @default lazy */
  readonly load?: LoadMode;
  readonly modelMemoryBytes?: number;
  readonly deps?: Partial<ServerDeps>;
}

/** A server over real graphs, run by onnxruntime in this process. */
export interface OnnxServer extends InferenceServer {
  readonly source: GraphSource;
  readonly registry: Registry;
  readonly log: string[];
  close(): Promise<void>;
}

/** Builds such a server; it is not started. */
export async function onnxServer(options: OnnxServerOptions): Promise<OnnxServer> {
  const { graphs, pipelines, load = 'lazy', modelMemoryBytes = 0, deps } = options;
  const source = new GraphSource(new Map(Object.entries(graphs)));
  const registry = new Registry();
  const log: string[] = [];
  const models = Object.keys(graphs).map((name) => ({ name, load }));
  const config = { models, pipelines, maxRequestBytes: 8_388_608, maxConcurrency: 100, modelMemoryBytes };
  const server = await buildServer(config, {
    openGrpc: async (wire) => new GrpcServer(wire),
    createBackend: () => new OnnxBackend({ executionProvider: 'cpu', threads: 1 }),
    sourceOf: () => source,
    registry,
    log: pino({ level: 'trace' }, { write: (line: string) => void log.push(line) }),
    keys: ApiKeySet.parse(keyFile(KEYS)),
    now: Date.now,
    ...deps,
  });
  const close = async (): Promise<void> => {
    server.grpc.cut();
    await server.app.close();
    await server.models.close();
    source.dispose();
  };
  return { ...server, source, registry, log, close };
}

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { writeOnnx } from '../../../examples/quickstart/onnx';
import type { ElementTypeCode } from '../../../examples/quickstart/onnx';
import { HEADERS, inferPath } from '../../../runtime/contract';
import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import { readConfig } from '../../../runtime/inference/config';
import { openModels } from '../../../runtime/inference/models/open-models';
import { openSteps } from '../../../runtime/inference/processing/open';
import type { OpenSteps } from '../../../runtime/inference/processing/open';
import { GrpcServer } from '../../../runtime/inference/grpc/server';
import { buildServer } from '../../../runtime/inference/server';
import type { InferenceServer } from '../../../runtime/inference/server';
import { pushModel } from './models';
import { temporaryFolder } from './temporary';

/** A graph that gives its input `x` back as `y`. */
export function passing(type: ElementTypeCode, shape: readonly (number | string)[]): Uint8Array {
  const node = { op: 'Identity', inputs: ['x'], outputs: ['y'] };
  const [x, y] = ['x', 'y'].map((name) => ({ name, type, shape }));
  return writeOnnx({ name: 'passing', nodes: [node], inputs: x ? [x] : [], outputs: y ? [y] : [] }, 'test');
}

/** A real server over real onnxruntime, whose models have steps. It does not listen. */
export class ProcessedServer {
  readonly dir = temporaryFolder();
  readonly log: string[] = [];
  server: InferenceServer | undefined;
  steps: OpenSteps | undefined;
  private readonly models: object[] = [];

  /** Puts a model into the repository and into the list. */
  add(name: string, files: Record<string, Uint8Array>, processing?: object, more: object = {}): this {
    pushModel(path.join(this.dir, 'store'), name, '1', files);
    this.models.push({ name, load: 'pinned', ...(processing === undefined ? {} : { processing }), ...more });
    return this;
  }

  /** Starts it with these settings. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<this> {
    const file = path.join(this.dir, 'models.json');
    fs.writeFileSync(file, JSON.stringify({ models: this.models }));
    const config = readConfig({
      ...{ LNMT_MODELS_FILE: file, LNMT_MODEL_REPOSITORY: pathToFileURL(path.join(this.dir, 'store')).href },
      ...{ LNMT_MODEL_CACHE_DIR: path.join(this.dir, 'cache'), LNMT_MAX_BATCH_SIZE: '1' },
      ...settings,
    });
    const log = pino({ level: 'debug' }, { write: (line: string) => void this.log.push(line) });
    const { execPath: node, env } = process;
    this.steps = await openSteps(config, { node, searchPath: env['PATH'] ?? '', log });
    this.server = await buildServer(config, {
      openGrpc: async (wire) => new GrpcServer(wire),
      ...(await openModels(config)),
      createBackend: () => new OnnxBackend({ executionProvider: 'cpu', threads: 1 }),
      ...{ log, registry: new Registry(), keys: undefined, steps: this.steps, now: Date.now },
    });
    await this.server.start();
    return this;
  }

  /** Sends a request with JSON tensors. */
  infer(name: string, inputs: readonly object[], more: object = {}): Promise<LightMyRequestResponse> {
    return this.send({ method: 'POST', url: inferPath(name), payload: { inputs, ...more } });
  }

  /** Sends a request with one binary tensor. */
  inferBinary(name: string, head: object, data: Uint8Array, more: object = {}): Promise<LightMyRequestResponse> {
    const json = JSON.stringify({
      inputs: [{ ...head, parameters: { binary_data_size: data.byteLength } }],
      ...more,
    });
    return this.send({
      ...{ method: 'POST', url: inferPath(name), payload: Buffer.concat([Buffer.from(json), data]) },
      headers: {
        'content-type': 'application/octet-stream',
        [HEADERS.inferenceHeaderLength]: String(Buffer.byteLength(json)),
      },
    });
  }

  /** Sends any request. */
  send(request: InjectOptions): Promise<LightMyRequestResponse> {
    if (this.server === undefined) throw new Error('it was not started');
    return this.server.app.inject(request);
  }

  /** Text of its metrics. */
  async metrics(): Promise<string> {
    return (await this.server?.metricsApp.inject('/metrics'))?.body ?? '';
  }

  /** Ends it and removes its folders. */
  async end(): Promise<void> {
    this.server?.grpc.cut();
    await this.server?.models.close();
    await this.server?.app.close();
    await this.steps?.close();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

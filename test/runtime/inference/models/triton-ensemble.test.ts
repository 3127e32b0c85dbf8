import fs from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inferPath, MODEL_STORE, modelPath, PATHS } from '../../../../runtime/contract';
import { OnnxBackend } from '../../../../runtime/inference/backends/onnx';
import { readConfig } from '../../../../runtime/inference/config';
import { openModels } from '../../../../runtime/inference/models/open-models';
import { parseTritonConfig } from '../../../../runtime/inference/models/triton-config';
import { parseTritonEnsemble } from '../../../../runtime/inference/models/triton-ensemble';
import { GrpcServer } from '../../../../runtime/inference/grpc/server';
import { buildServer } from '../../../../runtime/inference/server';
import type { InferenceServer } from '../../../../runtime/inference/server';
import { operationModel, timesModel } from '../../support/onnx-server';
import { temporaryFolder } from '../../support/temporary';

const CONFIG = `
name: "both"
platform: "ensemble"
max_batch_size: 8
input [ { name: "IN" data_type: TYPE_FP32 dims: [ 4 ] } ]
output [ { name: "OUT" data_type: TYPE_STRING dims: [ -1, 2 ] } ]
ensemble_scheduling {
  step [
    { model_name: "a" model_version: -1
      input_map { key: "x" value: "IN" } output_map { key: "y" value: "first" } },
    { model_name: "a" model_version: 2
      input_map { key: "x" value: "first" } output_map { key: "y" value: "OUT" } }
  ]
}`;

const FOLDER = { name: 'both', version: '3', required: true };

describe('an ensemble in the form of Triton', () => {
  it('is a pipeline of its steps, with the batch in front of its shapes', () => {
    const step = { retries: 0, soft: false, timeoutMs: undefined };
    expect(parseTritonEnsemble(CONFIG, FOLDER)).toEqual({
      ...{ name: 'both', version: '3', timeoutMs: 30_000, required: true, access: 'models', root: 'ensemble' },
      inputs: [{ name: 'IN', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'OUT', datatype: 'BYTES', shape: [-1, -1, 2] }],
      nodes: {
        ensemble: {
          kind: 'sequence',
          outputs: ['OUT'],
          steps: [
            {
              ...{ ...step, name: 'a', target: { kind: 'model', model: 'a', version: undefined } },
              ...{ inputs: { x: 'IN' }, outputs: { y: 'first' } },
            },
            {
              ...{ ...step, name: 'a-2', target: { kind: 'model', model: 'a', version: '2' } },
              ...{ inputs: { x: 'first' }, outputs: { y: 'OUT' } },
            },
          ],
        },
      },
    });
  });

  it('leaves the batch out where it has none', () => {
    const spec = parseTritonEnsemble(CONFIG.replace('max_batch_size: 8', ''), FOLDER);
    expect(spec?.inputs).toEqual([{ name: 'IN', datatype: 'FP32', shape: [4] }]);
  });

  it('is told from a model', () => {
    expect(parseTritonEnsemble('platform: "onnxruntime_onnx"', FOLDER)).toBeUndefined();
    expect(parseTritonEnsemble('# ensemble_scheduling', FOLDER)).toBeUndefined();
    expect(() => parseTritonConfig(CONFIG, 'both')).toThrow('LNMT8310');
    expect(() => parseTritonConfig(CONFIG, 'both')).toThrow('it is served as a pipeline');
  });

  it.each([
    [CONFIG.replace('"both"', '"other"'), 'name is other, the folder is both'],
    [CONFIG.replace('TYPE_FP32', 'TYPE_BF16'), 'data_type TYPE_BF16 is not served'],
    [CONFIG.replace('data_type: TYPE_FP32', ''), 'data_type (none) is not served'],
    [CONFIG.replace('dims: [ 4 ]', 'dims: [ 4 ] reshape: { shape: [ ] }'), 'input: reshape is not served'],
    [CONFIG.replace('"a"', '"A/.."'), 'model does not match'],
    [CONFIG.replace('model_version: 2', 'model_version: "x y"'), 'version does not match'],
    [CONFIG.replace('key: "x" value: "IN"', 'key: "x" value: 7'), 'value is not a text'],
    [
      CONFIG.replace(
        'input_map { key: "x" value: "IN" }',
        'input_map { key: "x" value: "IN" } input_map { key: "x" value: "OUT" }',
      ),
      'input_map names "x" twice',
    ],
    ['ensemble_scheduling { step [', 'it ends too early'],
  ])('refuses %#', (text, problem) => {
    expect(() => parseTritonEnsemble(text, FOLDER)).toThrow('LNMT8310');
    expect(() => parseTritonEnsemble(text, FOLDER)).toThrow(problem);
  });
});

describe('a repository in the form of Triton', () => {
  let dir: string;
  let server: InferenceServer | undefined;

  beforeEach(() => {
    dir = temporaryFolder();
    const model = (name: string, graph: Uint8Array): void => {
      fs.mkdirSync(path.join(dir, 'store', name, '1'), { recursive: true });
      fs.writeFileSync(path.join(dir, 'store', name, '1', MODEL_STORE.model), graph);
    };
    model('triple', timesModel(3));
    model('sum', operationModel('Add', ['a', 'b'], 'y'));
  });

  afterEach(async () => {
    await server?.app.close();
    await server?.models.close();
    fs.rmSync(dir, { recursive: true });
  });

  function ensemble(steps: string): void {
    fs.mkdirSync(path.join(dir, 'store/both/1'), { recursive: true });
    const tensors =
      'input { name: "IN" data_type: TYPE_FP32 dims: -1 } output { name: "OUT" data_type: TYPE_FP32 dims: [-1] }';
    const config = `platform: "ensemble" ${tensors} ensemble_scheduling { ${steps} }`;
    fs.writeFileSync(path.join(dir, 'store/both/config.pbtxt'), config);
  }

  const STEPS = `step { model_name: "sum" model_version: -1 input_map { key: "a" value: "IN" } input_map { key: "b" value: "T" }
      output_map { key: "y" value: "OUT" } }
    step { model_name: "triple" model_version: -1 input_map { key: "x" value: "IN" } output_map { key: "y" value: "T" } }`;

  async function start(): Promise<InferenceServer> {
    const env = {
      LNMT_MODEL_REPOSITORY: `file://${path.join(dir, 'store')}`,
      LNMT_MODEL_CACHE_DIR: path.join(dir, 'cache'),
    };
    const config = readConfig(env);
    server = await buildServer(config, {
      openGrpc: async (wire) => new GrpcServer(wire),
      ...(await openModels(config)),
      createBackend: () => new OnnxBackend({ executionProvider: 'cpu', threads: 1 }),
      registry: new Registry(),
      ...{ log: pino({ level: 'silent' }), now: Date.now },
    });
    await server.start();
    return server;
  }

  it('serves its ensembles beside its models', async () => {
    ensemble(STEPS);
    const { app } = await start();
    const ready = async (): Promise<number> => (await app.inject({ url: `${modelPath('both')}/ready` })).statusCode;
    await expect.poll(ready).toBe(200);
    expect((await app.inject({ url: modelPath('both') })).json()).toEqual({
      ...{ name: 'both', versions: ['1'], platform: 'ensemble' },
      inputs: [{ name: 'IN', datatype: 'FP32', shape: [-1] }],
      outputs: [{ name: 'OUT', datatype: 'FP32', shape: [-1] }],
    });
    const payload = { inputs: [{ name: 'IN', datatype: 'FP32', shape: [2], data: [1, 2] }] };
    const answer = await app.inject({ method: 'POST', url: inferPath('both'), payload });
    expect(answer.json()).toMatchObject({ outputs: [{ name: 'OUT', data: [4, 8] }] });
  });

  it('lists one that does not fit with its reason, and serves the rest', async () => {
    ensemble(STEPS.replace('"triple"', '"gone"'));
    const { app } = await start();
    const index = async (): Promise<object> =>
      (await app.inject({ method: 'POST', url: `${PATHS.repository}/index`, payload: {} })).json();
    await expect.poll(index).toContainEqual({
      ...{ name: 'both', version: '1', state: 'UNAVAILABLE' },
      reason: 'LNMT8352: pipeline "both": step "ensemble/gone": the model "gone" is not served here',
    });
    const served = expect.objectContaining({ name: 'triple', state: 'READY' }) as object;
    await expect.poll(index).toContainEqual(served);
  });
});

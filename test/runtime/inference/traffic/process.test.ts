import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { identityModel, pushModel } from '../../support/models';
import { KEY, ServerProcess } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';
import { encoderFiles } from '../../support/text-store';

let dir: string;
let server: ServerProcess;

beforeEach(() => {
  dir = temporaryFolder();
});

afterEach(async () => {
  await server.dispose();
  fs.rmSync(dir, { recursive: true, force: true });
});

/** Starts a server of this model, whose versions 1 and 2 lie in the folder. */
async function serve(model: object, settings: Parameters<typeof ServerProcess.start>[0] = {}): Promise<string> {
  const modelsFile = path.join(dir, 'models.json');
  const uri = pathToFileURL(dir).href;
  const entry = { name: 'm', uri, load: 'pinned', versions: 'all', aliases: { production: '1', new: '2' }, ...model };
  fs.writeFileSync(modelsFile, JSON.stringify({ models: [entry] }));
  server = ServerProcess.start({ modelsFile, ...settings });
  await server.ready();
  return server.url();
}

async function metrics(): Promise<string> {
  return (await fetch(`${await server.metricsUrl()}/metrics`)).text();
}

it('requests for text go to the version that the rule of the model says', async () => {
  for (const version of ['1', '2']) pushModel(dir, 'm', version, encoderFiles());
  const url = await serve({ traffic: { headers: [{ header: 'X-Variant', value: 'beta', version: 'new' }] } });
  const embed = (model: string, variant: string): Promise<Response> =>
    fetch(`${url}/v1/embeddings`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'x-variant': variant },
      body: JSON.stringify({ model, input: 'hello' }),
    });
  for (const [model, variant] of [
    ['m', 'beta'],
    ['m', 'none'],
    ['m:1', 'beta'],
  ] as const) {
    expect((await embed(model, variant)).status).toBe(200);
  }
  const text = await metrics();
  expect(text).toContain('lnmt_inference_requests_total{model="m",version="1",code="200"} 2');
  expect(text).toContain('lnmt_inference_requests_total{model="m",version="2",code="200"} 1');
});

it('a real model behind cache and traffic answers again what it has answered, of each version', async () => {
  for (const version of ['1', '2']) pushModel(dir, 'm', version, { 'model.onnx': identityModel('FP32') });
  const url = await serve(
    { cache: true, traffic: { headers: [{ header: 'X-Variant', value: 'beta', version: 'new' }] } },
    { responseCacheBytes: '1000000' },
  );
  const infer = async (variant: string, x: number): Promise<unknown> => {
    const response = await fetch(`${url}/v2/models/m/infer`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'application/json', 'x-variant': variant },
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [x, 0.5] }] }),
    });
    return response.json();
  };
  for (const variant of ['beta', 'none', 'beta', 'none']) {
    expect(await infer(variant, 7)).toMatchObject({
      ...{ model_name: 'm', model_version: variant === 'beta' ? '2' : '1' },
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [7, 0.5] }],
    });
  }
  const text = await metrics();
  for (const version of ['1', '2']) {
    expect(text).toContain(`lnmt_response_cache_requests_total{model="m",version="${version}",outcome="hit"} 1`);
  }
});

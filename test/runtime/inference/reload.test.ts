import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ElementType, floats, writeOnnx } from '../../../examples/quickstart/onnx';
import { inferPath, METRICS, MODEL_STORE, PATHS } from '../../../runtime/contract';
import { pushModel } from '../support/models';
import { KEY, ServerProcess } from '../support/process';
import { temporaryFolder } from '../support/temporary';

/** Doubles what it is given. One bit of the constant makes it triple it. */
function doubling(): Uint8Array {
  const value = { type: ElementType.FLOAT, shape: ['n', 2] };
  return writeOnnx(
    {
      name: 'doubling',
      nodes: [{ op: 'Mul', inputs: ['x', 'factor'], outputs: ['y'] }],
      constants: [floats('factor', [1], [2])],
      inputs: [{ name: 'x', ...value }],
      outputs: [{ name: 'y', ...value }],
    },
    'test',
  );
}

/** Turns the bit over that makes 3 of the constant 2. */
function flip(file: string): void {
  const bytes = fs.readFileSync(file);
  const at = bytes.indexOf(Buffer.from(new Float32Array([2]).buffer));
  bytes[at + 2] = (bytes[at + 2] ?? 0) ^ 0x40;
  fs.writeFileSync(file, bytes);
}

let dir: string;
let server: ServerProcess | undefined;
let url: string;

beforeEach(async () => {
  dir = temporaryFolder();
  pushModel(dir, 'doubling', '1', { [MODEL_STORE.model]: doubling() });
  const uri = pathToFileURL(dir).href;
  server = ServerProcess.start({ modelName: 'doubling', modelVersion: '1', modelUri: uri, workers: '1' });
  await server.ready();
  url = await server.url();
});

afterEach(async () => {
  await server?.dispose();
  fs.rmSync(dir, { recursive: true, force: true });
});

async function ask(): Promise<{ readonly status: number; readonly text: string }> {
  const body = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}';
  const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
  const answer = await fetch(url + inferPath('doubling'), { method: 'POST', headers, body });
  return { status: answer.status, text: await answer.text() };
}

/** The graph in the cache of the server. */
function cached(): string {
  const cache = path.join(server?.dir ?? '', 'cache');
  const folder = fs.readdirSync(cache).find((name) => /^[0-9a-f]{64}$/.test(name)) ?? '';
  return path.join(cache, folder, MODEL_STORE.model);
}

describe('a model whose file was damaged on the disk when its process is replaced', () => {
  it('is fetched anew, and never served as what the damage makes of it', async () => {
    expect((await ask()).text).toContain('"data":[2,4]');
    flip(cached());
    process.kill((await server?.hostPid()) ?? 0, 'SIGKILL');
    await server?.hostPid(2);
    expect((await ask()).text).toContain('"data":[2,4]');
    await server?.line('model files on the disk are damaged, fetching them anew');
    const metrics = await (await fetch(((await server?.metricsUrl()) ?? '') + PATHS.metrics)).text();
    expect(metrics).toContain(`${METRICS.modelFilesDamaged.name}{model="doubling",version="1"} 1`);
  });

  it('is refused with a coded error while its repository cannot give it, and comes back with it', async () => {
    const away = `${dir}-away`;
    fs.renameSync(dir, away);
    flip(cached());
    process.kill((await server?.hostPid()) ?? 0, 'SIGKILL');
    const line = await server?.line('model host cannot be started again');
    expect(JSON.stringify(line)).toContain('LNMT8314');
    const refused = await ask();
    expect([refused.status, (await fetch(url + PATHS.ready)).status]).toEqual([503, 503]);
    fs.renameSync(away, dir);
    await server?.hostPid(2);
    expect(await ask()).toMatchObject({ status: 200, text: expect.stringContaining('"data":[2,4]') as unknown });
  });
});

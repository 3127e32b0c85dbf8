import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MODEL_STORE } from '../../runtime/contract';
import { identityModel, pushModel } from '../runtime/support/models';
import { KEY, ServerProcess } from '../runtime/support/process';
import { run } from './processes';
import type { Checks, Suite } from './suite';
import { Skip } from './suite';

/** Client of the protocol that is not ours, and the version that was tried. */
const TRITON_CLIENT = 'tritonclient[all]==2.73.0';

const NAMES = ['fp32', 'int64', 'bytes', 'fp16'] as const;

/**
 * What the Python client of Triton does, over HTTP with JSON and binary tensors, over gRPC, and in its asyncio forms:
 * readiness, metadata, and inference that gives every value back.
 */
const PROGRAM = `
import asyncio, sys
import numpy as np
import tritonclient.grpc as grpc, tritonclient.http as http
import tritonclient.grpc.aio as grpc_aio, tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
http_url, grpc_url, key = sys.argv[1:4]
# The client writes into the headers that it is given: a new dictionary for every call.
class Fresh:
  @property
  def headers(self): return {'authorization': 'Bearer ' + key}
fresh = Fresh()
samples = {
  'fp32': np.array([[0.5, -3.0]], dtype=np.float32),
  'int64': np.array([[-2**63, 2**53 + 1]], dtype=np.int64),
  'bytes': np.array([['grüße'.encode(), b'']], dtype=np.object_),
  'fp16': np.array([[1.0, -2.0]], dtype=np.float16),
}
def tensors(kind, value, **form):
  given = kind.InferInput('x', list(value.shape), np_to_triton_dtype(value.dtype))
  given.set_data_from_numpy(value, **form)
  return [given]
def same(result, value, what):
  got = result.as_numpy('y')
  if got is not None and got.dtype == np.object_:
    # BYTES that came as JSON are texts.
    got = np.array([[x.encode() if isinstance(x, str) else x for x in row] for row in got], dtype=np.object_)
  assert got is not None and got.dtype == value.dtype and (got == value).all(), (what, got, value)
  print('ok', what)
name = sys.argv[4]
value = samples[name]
with http.InferenceServerClient(http_url) as client:
  assert client.is_server_live(headers=fresh.headers) and client.is_server_ready(headers=fresh.headers)
  assert client.is_model_ready(name, headers=fresh.headers)
  assert client.get_model_metadata(name, headers=fresh.headers)['inputs'][0]['name'] == 'x'
  assert client.get_server_metadata(headers=fresh.headers)['name'] == 'lnmt-inference'
  forms = [(True, True), (True, False)] if name == 'fp16' else [(True, True), (True, False), (False, True), (False, False)]
  for sent, wanted in forms:
    if name == 'fp16' and not wanted: continue
    outputs = [http.InferRequestedOutput('y', binary_data=wanted)]
    given = tensors(http, value, binary_data=sent)
    same(client.infer(name, given, outputs=outputs, headers=fresh.headers), value, f'http binary={sent},{wanted}')
  for algorithm in ('gzip', 'deflate'):
    given = tensors(http, value)
    same(client.infer(name, given, headers=fresh.headers, request_compression_algorithm=algorithm), value, algorithm)
  try:
    client.infer('nothing', tensors(http, value), headers=fresh.headers)
    assert False
  except InferenceServerException as error:
    assert 'not served here' in error.message(), error
with grpc.InferenceServerClient(grpc_url) as client:
  assert client.is_server_live() and client.is_server_ready()
  assert client.is_model_ready(name, headers=fresh.headers)
  assert client.get_model_metadata(name, headers=fresh.headers).inputs[0].name == 'x'
  same(client.infer(name, tensors(grpc, value), headers=fresh.headers, client_timeout=10), value, 'grpc')
  try:
    client.infer(name, tensors(grpc, value), headers={'authorization': 'Bearer wrong'})
    assert False
  except InferenceServerException as error:
    assert error.status() == 'StatusCode.UNAUTHENTICATED', error
async def later():
  async with http_aio.InferenceServerClient(http_url) as client:
    same(await client.infer(name, tensors(http, value), headers=fresh.headers), value, 'http asyncio')
  async with grpc_aio.InferenceServerClient(grpc_url) as client:
    same(await client.infer(name, tensors(grpc, value), headers=fresh.headers), value, 'grpc asyncio')
asyncio.run(later())
`;

/** A virtual environment with the client in it. */
async function environment(checks: Checks): Promise<string> {
  const folder = path.join(checks.folder, 'python');
  const made = await run('python3', ['-m', 'venv', folder], { timeoutMs: 120_000 });
  if (made.code !== 0) throw new Skip('no python3 with venv');
  const python = path.join(folder, 'bin', 'python');
  const installed = await run(python, ['-m', 'pip', 'install', '--quiet', TRITON_CLIENT], { timeoutMs: 420_000 });
  if (installed.code !== 0) throw new Skip(`${TRITON_CLIENT} cannot be installed`);
  return python;
}

async function withServer(store: string, name: string, use: (server: ServerProcess) => Promise<void>): Promise<void> {
  const server = ServerProcess.start({
    ...{ modelName: name, modelVersion: '1', modelUri: pathToFileURL(store).href, grpcPort: '0' },
  });
  try {
    await server.ready();
    await use(server);
  } finally {
    await server.dispose();
  }
}

async function checkClients(checks: Checks): Promise<void> {
  let python = '';
  const there = await checks.check('the Python client of Triton is installed', async () => {
    python = await environment(checks);
  });
  if (!there) return;
  const store = path.join(checks.folder, 'models');
  fs.mkdirSync(store);
  for (const name of NAMES) {
    const datatype = name.toUpperCase() as Uppercase<typeof name>;
    pushModel(store, name, '1', { [MODEL_STORE.model]: identityModel(datatype) });
  }
  const program = path.join(checks.folder, 'client.py');
  fs.writeFileSync(program, PROGRAM);
  for (const name of NAMES) {
    await checks.check(`it works unchanged, over HTTP and gRPC, with ${name}`, () =>
      withServer(store, name, async (server) => {
        const listening = await server.line('listening');
        const ports = [`127.0.0.1:${String(listening['http'])}`, `127.0.0.1:${String(listening['grpc'])}`];
        const outcome = await run(python, [program, ...ports, KEY, name], { timeoutMs: 60_000 });
        if (outcome.code !== 0) throw new Error(outcome.output);
      }),
    );
  }
}

/** Clients of the protocol that are not ours, where the registry of their packages is reached. */
export const clients: Suite = { name: 'clients', timeoutMinutes: 12, run: checkClients };

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MODEL_STORE } from '../../runtime/contract';
import type { EnvSettings, INFERENCE_ENV } from '../../runtime/contract';
import { constantModel, identityModel, pushModel } from '../runtime/support/models';
import { KEY, ServerProcess } from '../runtime/support/process';
import { decoderFiles, encoderFiles } from '../runtime/support/text-store';
import { run } from './processes';
import type { Checks, Suite } from './suite';
import { installedTool } from './tools';

const PROGRAMS = path.join(__dirname, 'clients');
const NAMES = ['fp32', 'int64', 'bytes', 'fp16'] as const;

/** The interpreter whose packages `test/tools/install-clients.sh` installs. */
function findPython(): string {
  return installedTool('clients-2.73.0-3.57.0/bin/python', 'install-clients.sh');
}

async function withServer(
  settings: EnvSettings<typeof INFERENCE_ENV>,
  use: (server: ServerProcess) => Promise<void>,
): Promise<void> {
  const server = ServerProcess.start({ modelVersion: '1', ...settings });
  try {
    await server.ready();
    await use(server);
  } finally {
    await server.dispose();
  }
}

async function runOk(python: string, program: string, args: readonly string[]): Promise<void> {
  const outcome = await run(python, [path.join(PROGRAMS, program), ...args], { timeoutMs: 120_000 });
  if (outcome.code !== 0) throw new Error(outcome.output);
}

async function checkTriton(checks: Checks, python: string, store: string): Promise<void> {
  const identities = NAMES.map((name) => [name, identityModel(name.toUpperCase() as Uppercase<typeof name>)] as const);
  for (const [name, model] of [...identities, ['constant', constantModel([1.5, -2])] as const]) {
    pushModel(store, name, '1', { [MODEL_STORE.model]: model });
    const program = name === 'constant' ? 'triton_constant.py' : 'triton.py';
    const settings = { modelName: name, modelUri: pathToFileURL(store).href, grpcPort: '0' };
    await checks.check(`the client of Triton works unchanged, over HTTP and gRPC, with ${name}`, () =>
      withServer(settings, async (server) => {
        const listening = await server.line('listening');
        const ports = [`127.0.0.1:${String(listening['http'])}`, `127.0.0.1:${String(listening['grpc'])}`];
        await runOk(python, program, [...ports, KEY, name]);
      }),
    );
  }
}

async function checkOpenAi(checks: Checks, python: string, store: string): Promise<void> {
  // No token ends an answer: all answers have their full length.
  const models = { 'tiny-embed': encoderFiles(), 'tiny-chat': decoderFiles({}, { eos_token_id: 100_000 }) };
  for (const [name, files] of Object.entries(models)) {
    pushModel(store, name, '1', files);
    await checks.check(`the client of OpenAI works unchanged with ${name}`, () =>
      withServer({ modelName: name, modelUri: pathToFileURL(store).href }, async (server) =>
        runOk(python, 'openai_client.py', [await server.url(), KEY, name]),
      ),
    );
  }
}

async function checkClients(checks: Checks): Promise<void> {
  let python = '';
  if (!(await checks.check('the Python clients are installed', () => void (python = findPython())))) return;
  const store = path.join(checks.folder, 'models');
  fs.mkdirSync(store);
  await checkTriton(checks, python, store);
  await checkOpenAi(checks, python, store);
}

/** Clients of the protocols that are not ours, in Python. */
export const clients: Suite = { name: 'clients', timeoutMinutes: 12, run: checkClients };

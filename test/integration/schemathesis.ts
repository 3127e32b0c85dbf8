import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MODEL_STORE, PATHS } from '../../runtime/contract';
import { identityModel, pushModel } from '../runtime/support/models';
import { KEY, ServerProcess } from '../runtime/support/process';
import { findProgram, run } from './processes';
import { noFaults, Skip } from './suite';
import type { Checks, Suite } from './suite';
import { toolsDir } from './tools';

const SEED = 8471;
const EXAMPLES = 25;
/** Statuses that never speak against a document: credentials are drawn too, and other checks judge 5xx. */
const RIGHT = '"2xx", 401, 403, 404, 409, 429, "5xx"';

/**
 * What the judge cannot know from a document: which tensors a model takes, which models take text, what is a GraphQL
 * document, and that a pinned model is not unloaded. There a refusal of a request that the document allows is right, and nowhere else.
 */
const CONFIGURATION = `
seed = ${SEED}
[generation]
max-examples = ${EXAMPLES}
[[operations]]
include-path-regex = "/infer$"
checks.positive_data_acceptance.expected-statuses = [${RIGHT}, 400, 422]
[[operations]]
include-path-regex = "^${PATHS.openai}/(embeddings|completions|chat/completions)$"
checks.positive_data_acceptance.expected-statuses = [${RIGHT}, 400]
[[operations]]
include-path = "${PATHS.graphql}"
checks.positive_data_acceptance.expected-statuses = [${RIGHT}, 400]
[[operations]]
include-path-regex = "/unload$"
checks.positive_data_acceptance.expected-statuses = [${RIGHT}, 400]
`;

/** With a model that is there, requests reach what lies behind the first refusal. */
const SERVED = `
[parameters]
name = "fp32"
version = "1"
`;

function findSchemathesis(): string {
  const candidates = [path.join(toolsDir(), 'schemathesis-4.32.5/bin/schemathesis'), findProgram('schemathesis')];
  const program = candidates.find((candidate) => candidate !== undefined && fs.existsSync(candidate));
  if (!program) throw new Skip('schemathesis is not installed (test/tools/install-schemathesis.sh)');
  return program;
}

/** The failures of a report, and how many requests were made. */
function judge(output: string): { readonly cases: number; readonly tested: string } {
  const cases = Number(/(\d+) generated/.exec(output)?.[1] ?? 0);
  return { cases, tested: /Tested: (\d+)/.exec(output)?.[1] ?? '0' };
}

async function tryDocument(checks: Checks, program: string, configuration: string): Promise<void> {
  const store = fs.mkdtempSync(path.join(checks.folder, 'models-'));
  for (const name of ['fp32', 'bytes', 'int64'] as const) {
    const datatype = name.toUpperCase() as Uppercase<typeof name>;
    pushModel(store, name, '1', { [MODEL_STORE.model]: identityModel(datatype) });
  }
  const server = ServerProcess.start({
    ...{ modelRepository: pathToFileURL(store).href, modelLoading: 'pinned', graphql: 'true', logLevel: 'info' },
  });
  try {
    await server.ready();
    const file = path.join(store, 'schemathesis.toml');
    fs.writeFileSync(file, configuration);
    const url = `${await server.url()}${PATHS.openapi}`;
    const args = ['--config-file', file, 'run', url, '-H', `X-API-Key: ${KEY}`, '--checks', 'all', '--warnings', 'off'];
    const phases = ['--phases', 'examples,coverage,fuzzing', '--continue-on-failure', '--request-timeout', '30'];
    const { code, output } = await run(program, [...args, ...phases], { cwd: store, timeoutMs: 420_000 });
    const { cases, tested } = judge(output);
    checks.note(`${cases} requests to ${tested} operations, seed ${SEED}`);
    if (code !== 0) throw new Error(output.slice(output.indexOf('= FAILURES') - 40).slice(0, 12_000));
    if (cases < 500) throw new Error(`only ${cases} requests were made\n${output.slice(-2_000)}`);
    const failed = server.output.split('\n').filter((line) => line.includes('the server failed'));
    noFaults(failed);
  } finally {
    await server.dispose();
  }
}

/** A tester of others holds the server to its own description. */
export const schemathesis: Suite = {
  name: 'schemathesis',
  timeoutMinutes: 16,
  run: async (checks: Checks) => {
    let program = '';
    const there = await checks.check('schemathesis is installed', () => void (program = findSchemathesis()));
    if (!there) return;
    await checks.check('any request that the OpenAPI document allows or forbids is answered as it says', () =>
      tryDocument(checks, program, CONFIGURATION),
    );
    await checks.check('the same of a model that is there', () =>
      tryDocument(checks, program, `${CONFIGURATION}${SERVED}`),
    );
  },
};

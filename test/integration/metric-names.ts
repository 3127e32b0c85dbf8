import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { METRICS, PATHS, TRITON_METRICS, VLLM_METRICS, inferPath } from '../../runtime/contract';
import type { MetricDefinition } from '../../runtime/contract';
import { KEY, ServerProcess } from '../runtime/support/process';
import { run } from './processes';
import { noFaults } from './suite';
import type { Checks, Suite } from './suite';
import { programOnPath, root } from './tools';

/** What promtool dislikes of names that are not ours to choose, by what it says of them. */
const FOREIGN: readonly RegExp[] = [
  /^nv_\w+ counter metrics should have "_total" suffix$/,
  /^nv_\w+_us metric names should not contain abbreviated units$/,
  /^nv_inference_(count|exec_count) non-histogram and non-summary metrics should not have "_count" suffix$/,
  /^nv_inference_pending_request_count non-histogram and non-summary metrics should not have "_count" suffix$/,
  // prom-client's own, of the process.
  /^nodejs_\w+ non-counter metrics should not have "_total" suffix$/,
];

/** Real `promtool check metrics` over what a real server shows. */
export const metricNames: Suite = {
  name: 'metric-names',
  timeoutMinutes: 3,
  run: async (checks: Checks) => {
    await checks.check('promtool finds nothing wrong with what a server shows', () => judge(checks));
  },
};

async function judge(checks: Checks): Promise<void> {
  const program = programOnPath('promtool');
  const models = pathToFileURL(path.join(root, 'examples/quickstart/models')).href;
  const server = ServerProcess.start({ modelName: 'digits', modelVersion: '3', modelUri: models });
  checks.after(() => server.dispose());
  await server.ready();
  const url = await server.url();
  await fetch(url + inferPath('digits'), { method: 'POST', headers: { 'x-api-key': KEY }, body: '{}' });
  const input = await (await fetch((await server.metricsUrl()) + PATHS.metrics)).text();
  const tables: readonly Readonly<Record<string, MetricDefinition>>[] = [METRICS, TRITON_METRICS, VLLM_METRICS];
  const names = tables.flatMap((table) => Object.values(table)).map(({ name }) => name);
  noFaults(names.filter((name) => !input.includes(`# TYPE ${name} `)).map((name) => `${name} is not shown`));
  const { code, output } = await run(program, ['check', 'metrics'], { input });
  const lines = output.split('\n').filter((line) => line !== '');
  // 3 says that something is not as it should be called, 1 that it cannot be read.
  if (code !== 0 && code !== 3) throw new Error(`promtool ended with ${code}\n${output}`);
  noFaults(lines.filter((line) => !FOREIGN.some((known) => known.test(line))));
  const unused = FOREIGN.filter((known) => !lines.some((line) => known.test(line)));
  noFaults(unused.map((known) => `${String(known)} excuses nothing`));
  checks.note(`${names.length} metrics; ${lines.length} remarks about names of others`);
}

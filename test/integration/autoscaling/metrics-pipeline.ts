import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import type { Json } from '../../support/terraform-json';
import type { Cluster } from '../control-plane/cluster';
import { findProgram, freePort, waitFor } from '../processes';
import { Skip } from '../suite';
import type { Checks } from '../suite';
import { toolFolder } from '../tools';
import type { Fleet } from './fleet';

/** The programs of the pipeline; throws `Skip` when one is missing. */
export function pipelinePrograms(): { readonly prometheus: string; readonly adapter: string } {
  const prometheus = findProgram('prometheus');
  if (!prometheus) throw new Skip('no prometheus on the PATH');
  return { prometheus, adapter: path.join(toolFolder('prometheus-adapter'), 'prometheus-adapter') };
}

/** Prometheus over the fleet, and the adapter that serves its numbers as Kubernetes metrics. */
export async function startPipeline(
  checks: Checks,
  cluster: Cluster,
  fleet: Fleet,
  rules: readonly Json[],
): Promise<void> {
  const programs = pipelinePrograms();
  const usage = await serveUsage(checks, fleet);
  const prometheus = await startPrometheus(cluster, programs.prometheus, fleet, usage);
  const port = await freePort();
  const config = path.join(cluster.folder, 'adapter.json');
  fs.writeFileSync(config, JSON.stringify({ rules, resourceRules: RESOURCE_RULES }));
  cluster.run('prometheus-adapter', programs.adapter, [
    `--config=${config}`,
    `--prometheus-url=${prometheus}`,
    '--metrics-relist-interval=5s',
    '--metrics-max-age=1m',
    ...['lister', 'authentication', 'authorization'].map((use) => `--${use}-kubeconfig=${cluster.kubeconfig}`),
    `--secure-port=${port}`,
    `--cert-dir=${path.join(cluster.folder, 'adapter-certs')}`,
  ]);
  await cluster.kubectlOk(['create', 'namespace', 'metrics']);
  await cluster.kubectlOk(
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: aggregation(port) }),
  );
  for (const group of ['custom.metrics.k8s.io/v1beta1', 'metrics.k8s.io/v1beta1'])
    await waitFor(
      `the API ${group}`,
      60_000,
      async () => (await cluster.api.request('GET', `/apis/${group}`)).status === 200,
    );
}

/** CPU and memory, which metrics-server would read from kubelets; here from the processes' own counters. */
const RESOURCE_RULES = {
  cpu: resourceRule('sum(rate(container_cpu_usage_seconds_total{<<.LabelMatchers>>}[20s])) by (<<.GroupBy>>)'),
  memory: resourceRule('sum(container_memory_working_set_bytes{<<.LabelMatchers>>}) by (<<.GroupBy>>)'),
  window: '20s',
};

function resourceRule(query: string): object {
  const overrides = { node: { resource: 'node' }, namespace: { resource: 'namespace' }, pod: { resource: 'pod' } };
  return { containerQuery: query, nodeQuery: query, resources: { overrides }, containerLabel: 'container' };
}

async function serveUsage(checks: Checks, fleet: Fleet): Promise<number> {
  const server = http.createServer((_, response) => response.end(fleet.exposition()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  checks.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return (server.address() as { readonly port: number }).port;
}

async function startPrometheus(cluster: Cluster, program: string, fleet: Fleet, usagePort: number): Promise<string> {
  const port = await freePort();
  const config = path.join(cluster.folder, 'prometheus.json');
  fs.writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [
        { job_name: 'endpoint', file_sd_configs: [{ files: [fleet.targetsFile], refresh_interval: '1s' }] },
        { job_name: 'usage', honor_labels: true, static_configs: [{ targets: [`127.0.0.1:${usagePort}`] }] },
      ],
    }),
  );
  const url = `http://127.0.0.1:${port}`;
  const data = path.join(cluster.folder, 'prometheus');
  cluster.run('prometheus', program, [
    `--config.file=${config}`,
    `--storage.tsdb.path=${data}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  await waitFor('prometheus', 30_000, async () => (await fetch(`${url}/-/ready`)).ok);
  return url;
}

/** The two metric APIs behind one Service that leads to the adapter on this machine. */
function aggregation(port: number): object[] {
  const api = (group: string): object => ({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1beta1.${group}` },
    spec: {
      group,
      version: 'v1beta1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      insecureSkipTLSVerify: true,
      service: { name: 'adapter', namespace: 'metrics', port },
    },
  });
  const spec = { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'adapter', namespace: 'metrics' }, spec },
    api('custom.metrics.k8s.io'),
    api('metrics.k8s.io'),
  ];
}

import fs from 'node:fs';
import path from 'node:path';
import { chartAt, releasesOf, renderChart, sampleValues, templatesOf } from '../support/charts';
import type { Chart } from '../support/charts';
import { synthesizeExamples } from '../support/examples';
import { describeManifest } from '../support/manifests';
import type { Manifest } from '../support/manifests';
import { objectOf, textOf } from '../support/terraform-json';
import type { JsonObject } from '../support/terraform-json';
import { behaviours } from './control-plane/behaviours';
import { Caretaker } from './control-plane/caretaker';
import { Cluster } from './control-plane/cluster';
import { applyDefinitions } from './control-plane/definitions';
import { inventory, inventoryKey } from './control-plane/inventory';
import { nodesFor } from './control-plane/nodes';
import { waitFor } from './processes';
import { noFaults } from './suite';
import type { Checks, Suite } from './suite';
import { folderFrom } from './tools';

/** A release of the project's own chart, as Terraform would install it. */
export interface LocalRelease {
  readonly name: string;
  readonly namespace: string;
  readonly chart: Chart;
  readonly values: JsonObject;
}

/** Every generated release of every example on a real API server: installed, judged, upgraded, removed. */
export const controlPlane: Suite = {
  name: 'control-plane',
  timeoutMinutes: 30,
  run: async (checks: Checks) => {
    const definitions = folderFrom('K8S_SCHEMAS_DIR');
    const examples = await synthesizeExamples();
    const cluster = await Cluster.start(checks, { autoscalerPeriodSeconds: 2 });
    const caretaker = new Caretaker(cluster.api);
    checks.after(() => caretaker.stop());
    const all = examples.flatMap(({ outdir }) => localReleases(outdir).flatMap(({ chart }) => renderChart(chart)));
    await applyDefinitions(checks, cluster, path.join(definitions, 'crds'), all);
    await cluster.addNodes(nodesFor(all));
    for (const { name, outdir } of examples)
      for (const stack of new Set(releasesOf(outdir).map((release) => release.stack)))
        await judgeStack(checks, cluster, `${name}/${stack}`, outdir, stack);
  },
};

/** The releases of a `cdktf.out` folder whose charts LNMT generated, in the order of installation. */
export function localReleases(outdir: string): LocalRelease[] {
  return releasesOf(outdir).flatMap(({ stack, body }) => {
    const folder = path.resolve(outdir, 'stacks', stack, textOf(body['chart']));
    if (!textOf(body['chart']).startsWith('.') || !fs.existsSync(folder)) return [];
    const chart = chartAt(outdir, folder, stack);
    return [
      {
        name: textOf(body['name']),
        namespace: textOf(body['namespace']) || 'default',
        chart,
        values: sampleValues(chart),
      },
    ];
  });
}

/** Installs, judges, upgrades and removes the releases of one synthesized stack: each stack has a cluster of its own. */
export async function judgeStack(
  checks: Checks,
  cluster: Cluster,
  example: string,
  outdir: string,
  stack: string,
): Promise<void> {
  const releases = localReleases(outdir).filter(({ chart }) => chart.owner === stack);
  const foreign = releasesOf(outdir).filter((release) => release.stack === stack).length - releases.length;
  if (foreign > 0)
    checks.skip(`${example}: ${foreign} release(s) of charts of others`, 'their charts cannot be fetched here');
  if (releases.length === 0) return;
  const before = await inventory(cluster.api);
  const manifests = releases.flatMap(({ chart, values }) => renderChart(chart, values));
  await createNamespaces(cluster, releases, manifests);
  let installed = true;
  for (const release of releases)
    installed &&= await checks.check(`${example}: helm install ${release.name}`, () =>
      install(checks, cluster, release),
    );
  if (installed) {
    await checks.check(`${example}: server-side apply accepts all ${manifests.length} objects`, () =>
      applyAll(cluster, manifests),
    );
    await behaviours(checks, cluster, example, manifests);
    for (const release of releases)
      await checks.check(`${example}: helm upgrade ${release.name} with other values`, () =>
        install(checks, cluster, { ...release, values: changed(release) }),
      );
  }
  await checks.check(`${example}: uninstalled in reverse, nothing is left but what is to be kept`, async () => {
    await uninstall(cluster, releases, manifests);
    await waitFor('the cluster to be as before', 90_000, async () => {
      noFaults(unexpected(await inventory(cluster.api), before, manifests));
      return true;
    });
  });
  await removeKept(cluster, manifests);
}

async function uninstall(
  cluster: Cluster,
  releases: readonly LocalRelease[],
  manifests: readonly Manifest[],
): Promise<void> {
  for (const { name, namespace } of [...releases].reverse())
    await helmOk(cluster, ['uninstall', name, '-n', namespace, '--wait', '--timeout', '120s', '--ignore-not-found']);
  await removeNamespaces(cluster, releases, manifests);
}

const isKept = (manifest: Manifest): boolean =>
  objectOf(objectOf(manifest.object['metadata'])['annotations'])['helm.sh/resource-policy'] === 'keep';

/** What should have gone: everything new but the objects that are to be kept, and what Kubernetes made in a namespace that is kept. */
function unexpected(now: ReadonlySet<string>, before: ReadonlySet<string>, manifests: readonly Manifest[]): string[] {
  const kept = new Set(manifests.filter(isKept).map(keyOf));
  const gone = new Set(manifests.filter((manifest) => !isKept(manifest)).map(keyOf));
  const homes = manifests
    .filter((manifest) => manifest.kind === 'Namespace' && isKept(manifest))
    .map(({ name }) => name);
  const derived = (entry: string): boolean =>
    homes.some((home) => entry.includes(` ${home}/`) || entry.startsWith(`PersistentVolume ${home}-`));
  return [...now].filter((entry) => !before.has(entry) && !kept.has(entry) && (gone.has(entry) || !derived(entry)));
}

const keyOf = ({ apiVersion, kind, namespace, name }: Manifest): string =>
  inventoryKey(apiVersion, kind, namespace, name);

/** The next description finds a clean cluster: an owner who wants to be rid of what was kept deletes it by hand. */
async function removeKept(cluster: Cluster, manifests: readonly Manifest[]): Promise<void> {
  const kept = manifests.filter(isKept).map(({ object }) => object);
  if (kept.length > 0)
    await cluster.kubectlOk(['delete', '--ignore-not-found', '--timeout=120s', '-f', '-'], list(kept));
}

async function install(checks: Checks, cluster: Cluster, release: LocalRelease): Promise<void> {
  const values = path.join(checks.folder, `${release.name}.values.json`);
  fs.writeFileSync(values, JSON.stringify(release.values));
  await helmOk(cluster, [
    'upgrade',
    '--install',
    release.name,
    release.chart.folder,
    '-n',
    release.namespace,
    '-f',
    values,
    '--wait',
    '--timeout',
    '180s',
  ]);
}

async function helmOk(cluster: Cluster, args: readonly string[]): Promise<void> {
  const { code, output } = await cluster.helm(args);
  if (code === 0) return;
  const pods = await cluster.kubectl(['get', 'pods,pvc,events', '-A', '--sort-by=.metadata.creationTimestamp']);
  throw new Error(
    `helm ${args.slice(0, 2).join(' ')}: exit ${code}\n${output.slice(-3000)}\n${code === 1 && /timed out|deadline|not ready/i.test(output) ? pods.output.slice(-3000) : ''}`,
  );
}

/** The charts of others bring namespaces of their own (Terraform's `create_namespace`): what ours expects there is made first. */
async function createNamespaces(
  cluster: Cluster,
  releases: readonly LocalRelease[],
  manifests: readonly Manifest[],
): Promise<void> {
  for (const name of strangeNamespaces(releases, manifests))
    await cluster.api.request('POST', '/api/v1/namespaces', { metadata: { name } });
}

async function removeNamespaces(
  cluster: Cluster,
  releases: readonly LocalRelease[],
  manifests: readonly Manifest[],
): Promise<void> {
  for (const name of strangeNamespaces(releases, manifests))
    await cluster.api.request('DELETE', `/api/v1/namespaces/${name}`);
}

function strangeNamespaces(releases: readonly LocalRelease[], manifests: readonly Manifest[]): string[] {
  const ours = new Set(manifests.filter((m) => m.kind === 'Namespace').map((m) => m.name));
  const used = [...manifests.map((m) => m.namespace), ...releases.map((r) => r.namespace)];
  return [...new Set(used)].filter(
    (name) => name !== '' && !ours.has(name) && !['default', 'kube-system'].includes(name),
  );
}

async function applyAll(cluster: Cluster, manifests: readonly Manifest[]): Promise<void> {
  const args = [
    'apply',
    '--server-side',
    '--dry-run=server',
    '--force-conflicts',
    '--field-manager=lnmt-test',
    '--validate=strict',
    '-f',
    '-',
  ];
  const { code, output } = await cluster.kubectl(args, list(manifests.map((manifest) => manifest.object)));
  const faults = output
    .split('\n')
    .filter((line) => /^Warning: would violate|^Error|error:|invalid|forbidden/i.test(line));
  if (code !== 0 || faults.length > 0)
    throw new Error(`${faults.join('\n')}\n${code === 0 ? '' : output.slice(-3000)}`);
  const accepted = output.split('\n').filter((line) => / serverside-applied/.test(line)).length;
  if (accepted !== manifests.length)
    throw new Error(`${accepted} of ${manifests.length} applied: ${manifests.map(describeManifest).join(', ')}`);
}

/** What the API server refuses to change once it exists. */
const IMMUTABLE = new Set(['PersistentVolume', 'PersistentVolumeClaim', 'StorageClass', 'Job']);

/** Other texts in the late-bound values that may change while the objects stay: what a changed infrastructure would do. */
function changed({ chart, values }: LocalRelease): JsonObject {
  const fixed = templatesOf(chart)
    .filter(({ text }) => IMMUTABLE.has(/^kind: (\w+)$/m.exec(text)?.[1] ?? ''))
    .map(({ text }) => text)
    .join('\n');
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const keep = typeof value !== 'string' || new RegExp(`\\.Values\\.${key}\\b`).test(fixed);
      return [key, keep ? value : value.replace(/sample/g, 'other').replace(/0123456789abcdef0$/, '0fedcba9876543210')];
    }),
  );
}

function list(items: readonly JsonObject[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

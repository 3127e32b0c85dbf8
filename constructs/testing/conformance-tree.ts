import { Token } from 'cdktf';
import type { EgressRule } from '../cloud/egress';
import { SHARED_STORAGE_CLASS } from '../cloud/file-store';
import { SECRET_STORE } from '../cloud/secret';
import type { INodePool } from '../cloud/node-pool';
import { poolLabels } from '../scheduling';
import { blocksOf, buildBlocks, firstAccelerator, OPTIONAL_BLOCKS } from './conformance-blocks';
import type { Blocks } from './conformance-blocks';
import { bench, refusal, report } from './conformance-support';
import type { ConformanceCheck, MakeCloud } from './conformance-support';

const ALL_IDS = [
  ...['key', 'network', 'cluster', 'nodes', 'gpus', 'machine', 'objects', 'files', 'scratch', 'database', 'documents'],
  ...['cache', 'identity', 'secret', 'secrets', 'registry', 'monitoring', 'backup', 'zone'],
];

const CIDR = /^(\d{1,3}(\.\d{1,3}){3}\/\d{1,2}|[0-9a-f:]+\/\d{1,3})$/i;

/** What is returned, and where it stands in the tree. */
export function treeChecks(make: MakeCloud): readonly ConformanceCheck[] {
  return [
    {
      name: 'every method returns a block of this cloud under the id that the caller chose',
      run: () => ownBlocks(make),
    },
    { name: 'the tree has the same first level on every target', run: () => skeleton(make) },
    { name: 'blocks say where and how they are reached', run: () => contracts(make) },
    { name: 'node pools hold what was asked for and select their own nodes', run: () => pools(make) },
    { name: 'a pool with accelerators is of nodes that have the CPU and memory, too', run: () => gpuNodes(make) },
    { name: 'egress rules are well formed and say why they exist', run: () => egress(make) },
  ];
}

function ownBlocks(make: MakeCloud): void {
  const { cloud, scope } = bench(make);
  const problems = blocksOf(buildBlocks(cloud, scope)).flatMap(([id, block]) => [
    block.cloud === cloud.name ? undefined : `${id}: cloud is ${block.cloud} and not ${cloud.name}`,
    block.node.id === id && block.node.scope === scope ? undefined : `${id}: stands at ${block.node.path}`,
  ]);
  report(problems);
}

function skeleton(make: MakeCloud): void {
  const { cloud, scope } = bench(make);
  buildBlocks(cloud, scope);
  const gaps = Object.entries(OPTIONAL_BLOCKS).flatMap(([id, gap]) => (cloud.gaps[gap] ? [id] : []));
  const expected = ALL_IDS.filter((id) => !gaps.includes(id)).sort();
  const actual = scope.node.children.map((child) => child.node.id).sort();
  report([
    ...expected.filter((id) => !actual.includes(id)).map((id) => `missing at the first level: ${id}`),
    ...actual.filter((id) => !expected.includes(id)).map((id) => `beside what was asked for: ${id}`),
  ]);
}

function contracts(make: MakeCloud): void {
  const { cloud, scope } = bench(make);
  const blocks = buildBlocks(cloud, scope);
  const { cluster, files, monitoring, objects, secret, secrets } = blocks;
  const texts: Record<string, string | undefined> = {
    'cluster.clusterName': cluster.clusterName,
    'cluster.kubeconfigCommand': cluster.kubeconfigCommand,
    'objects.uri': objects.uri,
    'monitoring.scraperNamespace': monitoring.scraperNamespace,
    'monitoring.prometheusUrl': monitoring.prometheusUrl,
    'secret.externalKey': secret.externalKey,
    'secrets.externalKey()': secrets.externalKey('api-keys'),
    'database.host': blocks.database.host,
    'cache.host': blocks.cache.host,
    'network.cidr': blocks.network.cidr,
    ...(blocks.key ? { 'key.keyId': blocks.key.keyId } : {}),
    ...(blocks.registry ? { 'registry.prefix': blocks.registry.prefix } : {}),
    ...(blocks.zone ? { 'zone.certificate': blocks.zone.certificate } : {}),
    ...(blocks.documents ? { 'documents.storeName': blocks.documents.storeName } : {}),
    ...(blocks.scratch ? { 'scratch.claim()': blocks.scratch.claim('training').claimName } : {}),
  };
  report([
    ...Object.entries(texts).map(([name, text]) => (text ? undefined : `${name} is empty`)),
    files.storageClassName === SHARED_STORAGE_CLASS ? undefined : `files: storage class ${files.storageClassName}`,
    secrets.storeName === SECRET_STORE ? undefined : `secrets: store ${secrets.storeName}`,
    blocks.registry?.prefix.endsWith('/') ? 'registry.prefix ends with a slash' : undefined,
    ...envProblems(blocks),
  ]);
}

function envProblems({ objects }: Blocks): string[] {
  const names = [...Object.keys(objects.binding.env), ...Object.keys(objects.binding.secretEnv ?? {})];
  return names.filter((name) => !/^[A-Z_][A-Z0-9_]*$/.test(name)).map((name) => `objects.binding: variable ${name}`);
}

function pools(make: MakeCloud): void {
  const { cloud, scope } = bench(make);
  const { gpus, nodes } = buildBlocks(cloud, scope);
  const accelerator = firstAccelerator(cloud);
  report([
    ...poolProblems(nodes, 'general'),
    ...poolProblems(gpus, 'gpus'),
    nodes.shape.accelerator === undefined ? undefined : 'nodes: a shape with an accelerator',
    gpus.shape.accelerator?.name === accelerator.name && gpus.shape.gpus >= 1
      ? undefined
      : `gpus: shape ${gpus.shape.name} has no ${accelerator.name}`,
  ]);
}

function gpuNodes(make: MakeCloud): void {
  const { cloud, scope } = bench(make);
  const { name } = firstAccelerator(cloud);
  const [largest] = cloud.nodeShapes
    .filter(({ accelerator }) => accelerator?.name === name)
    .sort((a, b) => b.memoryGiB - a.memoryGiB || b.vcpus - a.vcpus);
  if (largest === undefined) return;
  const { vcpus, memoryGiB } = largest;
  const { shape } = buildBlocks(cloud, scope, { gpuNode: { vcpus, memoryGiB } }).gpus;
  const other = bench(make);
  const tooMuch = { vcpus, memoryGiB: memoryGiB + 1 };
  report([
    shape.vcpus >= vcpus && shape.memoryGiB >= memoryGiB
      ? undefined
      : `gpus: shape ${shape.name} has ${shape.vcpus} vCPU and ${shape.memoryGiB} GiB for ${vcpus} and ${memoryGiB}`,
    refusal('more memory than any node has', 'LNMT1006', () =>
      buildBlocks(other.cloud, other.scope, { gpuNode: tooMuch }),
    ),
  ]);
}

function poolProblems(pool: INodePool, name: string): (string | undefined)[] {
  const selected = Object.entries(pool.placement.nodeSelector);
  const labels = poolLabels(name);
  return [
    pool.poolName === name ? undefined : `${name}: pool name ${pool.poolName}`,
    pool.minNodes === 0 && pool.maxNodes === 1 ? undefined : `${name}: ${pool.minNodes} to ${pool.maxNodes} nodes`,
    ...Object.entries(labels).map(([key, value]) =>
      selected.some(([k, v]) => k === key && v === value) ? undefined : `${name}: does not select ${key}=${value}`,
    ),
  ];
}

function egress(make: MakeCloud): void {
  const { cloud, scope } = bench(make);
  const { cache, database, objects } = buildBlocks(cloud, scope);
  const rules = { security: cloud.security.egress, objects: objects.binding.egress };
  const all = { ...rules, database: database.egress, cache: cache.egress };
  report(Object.entries(all).flatMap(([owner, list]) => list.flatMap((rule) => egressProblems(owner, rule))));
}

function egressProblems(owner: string, rule: EgressRule): string[] {
  const name = `${owner} (${rule.description})`;
  const cidrs = rule.cidrs ?? [];
  const ports = rule.ports.map(({ port }) => port);
  return [
    ...(rule.description === '' ? [`${owner}: a rule without a description`] : []),
    ...(cidrs.length > 0 === (rule.namespace !== undefined) ? [`${name}: needs either ranges or a namespace`] : []),
    ...cidrs.filter((cidr) => !Token.isUnresolved(cidr) && !CIDR.test(cidr)).map((cidr) => `${name}: range ${cidr}`),
    ...(ports.length === 0 ? [`${name}: no port`] : []),
    ...ports
      .filter((port) => !Token.isUnresolved(port) && !(Number.isInteger(port) && port >= 1 && port <= 65535))
      .map((port) => `${name}: port ${port}`),
  ];
}

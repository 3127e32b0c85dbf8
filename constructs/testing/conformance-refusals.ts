import type { Capability, ICloud } from '../cloud/cloud';
import { ClusterAccess } from '../cloud/cluster';
import { Capacity } from '../capacity';
import { DEFAULT_KUBERNETES_VERSION } from '../versions';
import { buildBlocks, firstAccelerator } from './conformance-blocks';
import type { Blocks } from './conformance-blocks';
import { bench, refusal, report } from './conformance-support';
import type { Bench, ConformanceCheck, MakeCloud } from './conformance-support';
import { FakeCloud } from './fake-cloud';

const WRONG_CLOUD = 'LNMT1008';
const GAP = 'LNMT1007';
const naming = ['ml', 'refused'];

/** What has to be refused, and how. */
export function refusalChecks(make: MakeCloud): readonly ConformanceCheck[] {
  return [
    { name: 'refuses objects of another cloud, with LNMT1008', run: () => foreignObjects(make) },
    { name: 'refuses what it declares as a gap, with LNMT1007 and the reason', run: () => gaps(make) },
    { name: 'declares gaps with a reason and an alternative', run: () => gapTexts(make) },
  ];
}

interface Foreign extends Bench {
  readonly own: Blocks;
  readonly other: Blocks;
}

type Attempt = readonly [what: string, capability: Capability | undefined, action: () => unknown];

function foreignObjects(make: MakeCloud): void {
  const mine = bench(make);
  const foreign = bench(() => new FakeCloud({ name: 'foreign' }));
  const context = {
    ...mine,
    own: buildBlocks(mine.cloud, mine.scope),
    other: buildBlocks(foreign.cloud, foreign.scope),
  };
  const attempts = [...computeAttempts(context), ...dataAttempts(context), ...securityAttempts(context)];
  report(
    attempts
      .filter(([, capability]) => capability === undefined || mine.cloud.gaps[capability] === undefined)
      .map(([what, , action]) => refusal(what, WRONG_CLOUD, action)),
  );
}

function computeAttempts({ cloud: { compute, storage }, own, other, scope, cloud }: Foreign): readonly Attempt[] {
  const access = ClusterAccess.insideNetwork();
  const version = DEFAULT_KUBERNETES_VERSION;
  const pool = { cluster: other.cluster, name: 'general', maxNodes: 1, vcpus: 1, memoryGiB: 1 };
  const { cluster, network } = own;
  const gpu = { ...pool, name: 'gpus', accelerator: firstAccelerator(cloud) };
  const machine = { naming, network: other.network, purpose: 'bastion' } as const;
  return [
    [
      'cluster.network',
      undefined,
      () => compute.cluster(scope, 'x1', { naming, network: other.network, version, access }),
    ],
    ['nodePool.cluster', undefined, () => compute.nodePool(scope, 'x2', pool)],
    ['gpuNodePool.cluster', undefined, () => compute.gpuNodePool(scope, 'x3', gpu)],
    ['virtualMachine.network', 'virtual-machine', () => compute.virtualMachine(scope, 'x4', machine)],
    [
      'objectStore.encryptionKey',
      undefined,
      () => storage.objectStore(scope, 'x5', { naming, encryptionKey: other.key }),
    ],
    ['fileStore.network', undefined, () => storage.fileStore(scope, 'x6', { naming, cluster, network: other.network })],
    [
      'parallelFileStore.cluster',
      'parallel-file-store',
      () => storage.parallelFileStore(scope, 'x7', { naming, network, cluster: other.cluster }),
    ],
    ['objectStore.grants.read', undefined, () => own.objects.grants.read(other.identity)],
    ['objectStore.grants.readWrite', undefined, () => own.objects.grants.readWrite(other.identity)],
  ];
}

function dataAttempts({ cloud: { data, operations }, own, other, scope }: Foreign): readonly Attempt[] {
  const { cluster, network } = own;
  const far = { naming, cluster: other.cluster };
  return [
    [
      'relationalDatabase.network',
      undefined,
      () => data.relationalDatabase(scope, 'y1', { naming, cluster, network: other.network }),
    ],
    ['cache.cluster', undefined, () => data.cache(scope, 'y2', { ...far, network })],
    ['documentStore.cluster', 'document-store', () => data.documentStore(scope, 'y3', far)],
    ['monitoring.cluster', undefined, () => operations.monitoring(scope, 'y4', far)],
    ['backup.cluster', 'backup', () => operations.backup(scope, 'y5', { ...far, targets: [], store: own.objects })],
    [
      'backup.targets',
      'backup',
      () => operations.backup(scope, 'y6', { naming, cluster, targets: [other.files], store: own.objects }),
    ],
    ['documentStore.grants.readWrite', 'document-store', () => own.documents?.grants.readWrite(other.identity)],
  ];
}

function securityAttempts({ cloud: { security }, other, scope }: Foreign): readonly Attempt[] {
  const { cluster } = other;
  const account = { namespace: 'models', serviceAccountName: 'digits' };
  return [
    [
      'workloadIdentity.cluster',
      undefined,
      () => security.workloadIdentity(scope, 'z1', { naming, cluster, ...account }),
    ],
    ['secretStore.cluster', undefined, () => security.secretStore(scope, 'z2', { platform: 'p', naming, cluster })],
  ];
}

function gaps(make: MakeCloud): void {
  const mine = bench(make);
  const own = buildBlocks(mine.cloud, mine.scope);
  const attempts = gapAttempts(mine, own);
  const declared = Object.entries(mine.cloud.gaps) as [Capability, { readonly reason: string }][];
  report(declared.map(([name, gap]) => refusal(`gap ${name}`, GAP, attempts[name], gap.reason)));
}

function gapAttempts({ cloud, scope }: Bench, own: Blocks): Record<Capability, () => unknown> {
  const { compute, data, operations, security, storage } = cloud;
  const { cluster, network } = own;
  const gpus = { cluster, name: 'gpus', maxNodes: 1, vcpus: 1, memoryGiB: 1, accelerator: firstAccelerator(cloud) };
  return {
    network: () => compute.network(scope, 'g1', { naming }),
    'virtual-machine': () => compute.virtualMachine(scope, 'g2', { naming, network, purpose: 'bastion' }),
    'node-provisioning': () => compute.gpuNodePool(scope, 'g3', { ...gpus, maxNodes: 100_000 }),
    'spot-capacity': () => compute.gpuNodePool(scope, 'g4', { ...gpus, capacity: [Capacity.spot()] }),
    'reserved-capacity': () =>
      compute.gpuNodePool(scope, 'g5', { ...gpus, capacity: [Capacity.reserved({ id: 'none' })] }),
    'parallel-file-store': () => storage.parallelFileStore(scope, 'g6', { naming, network, cluster }),
    'document-store': () => data.documentStore(scope, 'g7', { naming, cluster }),
    'encryption-key': () => security.encryptionKey(scope, 'g8', { naming, description: 'refused' }),
    'container-registry': () => security.containerRegistry(scope, 'g9', { naming, repositories: [] }),
    'dns-zone': () => operations.dnsZone(scope, 'g10', { naming, domainName: 'ml.example.com' }),
    backup: () => operations.backup(scope, 'g11', { naming, cluster, targets: [] }),
  };
}

function gapTexts(make: MakeCloud): void {
  const { gaps: declared }: Pick<ICloud, 'gaps'> = make();
  report(
    Object.entries(declared).flatMap(([name, { reason, alternative }]) => [
      reason.trim() === '' ? `gap ${name} has no reason` : undefined,
      alternative.trim() === '' ? `gap ${name} names no alternative` : undefined,
    ]),
  );
}

import type { IConstruct } from 'constructs';
import { LnmtError } from '../errors';
import type { ErrorTable } from '../errors';

/** Codes of the on-premises folder, 2300 to 2399. */
export const ONPREM_ERRORS = {
  LNMT2301: {
    title: 'the inventory is unusable',
    explanation:
      'OnPremCloud adopts nodes that exist. Each row of `nodes` states one kind of machine: how many there are, their vCPUs, memory and accelerators.',
  },
  LNMT2302: {
    title: 'the network is adopted',
    explanation:
      'The address range of an existing network is stated once, in OnPremCloud, because nothing can change it from here.',
  },
  LNMT2303: {
    title: 'a block was not made by the on-premises constructs',
    explanation:
      'Backups and claims read more of a block than its neutral interface holds. Adopt existing things with the fromXxx factory that the message names.',
  },
  LNMT2304: {
    title: 'bucket claims need the Kubernetes secret backend',
    explanation:
      'Rook writes the credentials of a claimed bucket into a Kubernetes Secret. External Secrets can copy it to consumers only when it reads Kubernetes Secrets.',
  },
  LNMT2305: {
    title: 'an address is unusable',
    explanation: 'The property takes a URL with its scheme, such as https://s3.example.com:9000, and no path.',
  },
  LNMT2306: {
    title: 'backups have no store',
    explanation: 'Velero writes to an object store. The platform’s own is used where there is one.',
  },
  LNMT2307: {
    title: 'accelerator nodes are too few',
    explanation:
      'A pool promises nodes that have to exist. minNodes must not be above the number of machines that the inventory lists.',
  },
  LNMT2308: {
    title: 'the fast fabric is not described',
    explanation:
      'Pods reach an InfiniBand or RoCE fabric through a resource that a device plugin offers under a name of its own. State it in `fabricResources` of the inventory.',
  },
  LNMT2309: {
    title: 'fitting nodes belong to another pool',
    explanation:
      'A row of the inventory that names a pool serves that pool only. Rows without a name serve any pool whose request they hold.',
  },
} as const satisfies ErrorTable;

/** The inventory has no row, or one that is not a machine. */
export function unusableInventory(property: string, got: string): LnmtError {
  return new LnmtError('LNMT2301', undefined, {
    what: `${property} does not describe nodes`,
    got,
    allowed:
      'at least one row with count, vcpus and memoryGiB of 1 or more, and gpus exactly where there is an accelerator',
    remedy: 'list the machines of the cluster, as `kubectl get nodes` shows their capacity',
  });
}

/** A range was asked for that is not the adopted network's. */
export function networkIsAdopted(scope: IConstruct, cidr: string, adopted: string): LnmtError {
  return new LnmtError('LNMT2302', scope, {
    what: 'cidr is not that of the adopted network',
    got: cidr,
    allowed: adopted,
    remedy: 'leave cidr out here and state the range in network.cidr of OnPremCloud',
  });
}

/** A block only claims to be of this target. */
export function foreignConstruct(scope: IConstruct, property: string, path: string, factory: string): LnmtError {
  return new LnmtError('LNMT2303', scope, {
    what: `${property} was not made by the on-premises constructs`,
    got: path,
    allowed: `an object that OnPremCloud or ${factory} returned`,
    remedy: `adopt it with ${factory}`,
  });
}

/** Claimed buckets and a secret backend that cannot read their credentials. */
export function bucketClaimsNeedKubernetes(backend: string): LnmtError {
  return new LnmtError('LNMT2304', undefined, {
    what: 'objectStore claims buckets, whose credentials secrets cannot read',
    got: `secrets from ${backend}`,
    allowed: 'OnPremSecrets.kubernetes()',
    remedy: 'use OnPremSecrets.kubernetes(), or OnPremObjectStorage.s3() with credentials in that backend',
  });
}

/** The address is no URL, or has a path. */
export function unusableUrl(property: string, got: string): LnmtError {
  return new LnmtError('LNMT2305', undefined, {
    what: `${property} is not the URL of a server`,
    got: JSON.stringify(got),
    allowed: 'http:// or https:// with host and optional port, without a path',
    remedy: `correct ${property}`,
  });
}

/** Backups were asked for without a store. */
export function backupNeedsStore(scope: IConstruct): LnmtError {
  return new LnmtError('LNMT2306', scope, {
    what: 'backup has no store to write to',
    allowed: 'an object store of this target',
    remedy: 'pass store, or keep the model store of the platform switched on',
  });
}

/** More nodes are promised than the inventory lists. */
export function tooFewNodes(
  scope: IConstruct,
  pool: string,
  wanted: number,
  row: { readonly shape: string; readonly count: number },
): LnmtError {
  return new LnmtError('LNMT2307', scope, {
    what: `minNodes of pool ${pool} is above what the inventory lists`,
    got: `${wanted} nodes`,
    allowed: `${row.count} nodes of shape ${row.shape}`,
    remedy: 'lower minNodes, or add the machines to nodes of OnPremCloud',
  });
}

/** `fabric: 'auto'` on nodes whose fabric has no resource. */
export function fabricNotDescribed(scope: IConstruct, pool: string, shape: string): LnmtError {
  return new LnmtError('LNMT2308', scope, {
    what: `fabric of pool ${pool} cannot be used`,
    got: `shape ${shape} without fabricResources`,
    allowed: "fabricResources such as { 'rdma/hca_shared_devices_a': '1' }",
    remedy: "state fabricResources of the row in nodes of OnPremCloud, or set fabric to 'none'",
  });
}

/** Only rows of other pools hold the request. */
export function nodesOfAnotherPool(scope: IConstruct, pool: string, other: string): LnmtError {
  return new LnmtError('LNMT2309', scope, {
    what: `pool ${pool} has no fitting nodes in the inventory`,
    got: `fitting nodes of pool ${other}`,
    allowed: `nodes of pool ${pool}, or nodes that name no pool`,
    remedy: 'name the pool as the inventory does, or leave pool out of its row in nodes of OnPremCloud',
  });
}

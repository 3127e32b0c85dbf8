import type { TerraformStack } from 'cdktf';
import type { IConstruct } from 'constructs';
import { refuseGap } from 'lnmt';
import type {
  Capability,
  ICloud,
  IComputeProvider,
  IDataProvider,
  IOperationsProvider,
  ISecurityProvider,
  IStorageProvider,
} from 'lnmt';
import { WORKSHOP_GAPS, WORKSHOP_SHAPES, WorkshopCluster, WorkshopNetwork, WorkshopNodePool } from './compute';
import { WorkshopCache, WorkshopDatabase, WorkshopFileStore, WorkshopObjectStore } from './data';
import {
  WorkshopIdentity,
  WorkshopMonitoring,
  WorkshopRegistry,
  WorkshopSecret,
  WorkshopSecretStore,
} from './security';
import { WORKSHOP } from './workshop-block';

const gap =
  (capability: Capability) =>
  (scope: IConstruct): never =>
    refuseGap({ name: WORKSHOP, gaps: WORKSHOP_GAPS }, scope, capability);

/** A fifth target, written outside the library: a small provider of clusters, buckets and PostgreSQL. */
export class WorkshopCloud implements ICloud {
  readonly name = WORKSHOP;
  readonly gaps = WORKSHOP_GAPS;
  readonly nodeShapes = WORKSHOP_SHAPES;

  readonly compute: IComputeProvider = {
    network: (scope, id, props) => new WorkshopNetwork(scope, id, props),
    cluster: (scope, id, props) => new WorkshopCluster(scope, id, props),
    nodePool: (scope, id, props) => new WorkshopNodePool(scope, id, props),
    gpuNodePool: (scope, id, props) => new WorkshopNodePool(scope, id, props),
    virtualMachine: gap('virtual-machine'),
  };

  readonly storage: IStorageProvider = {
    objectStore: (scope, id, props) => new WorkshopObjectStore(scope, id, props),
    fileStore: (scope, id, props) => new WorkshopFileStore(scope, id, props),
    parallelFileStore: gap('parallel-file-store'),
  };

  readonly data: IDataProvider = {
    relationalDatabase: (scope, id, props) => new WorkshopDatabase(scope, id, props),
    documentStore: gap('document-store'),
    cache: (scope, id, props) => new WorkshopCache(scope, id, props),
  };

  readonly security: ISecurityProvider = {
    workloadIdentity: (scope, id, props) => new WorkshopIdentity(scope, id, props),
    encryptionKey: gap('encryption-key'),
    secret: (scope, id, props) => new WorkshopSecret(scope, id, props),
    secretStore: (scope, id, props) => new WorkshopSecretStore(scope, id, props),
    containerRegistry: (scope, id, props) => new WorkshopRegistry(scope, id, props),
    egress: [{ description: 'token endpoint', cidrs: ['192.0.2.10/32'], ports: [{ port: 443, protocol: 'TCP' }] }],
  };

  readonly operations: IOperationsProvider = {
    monitoring: (scope, id, props) => new WorkshopMonitoring(scope, id, props),
    backup: gap('backup'),
    dnsZone: gap('dns-zone'),
  };

  /** With a provider of your own: add its block to the stack here, unless the stack has it already. */
  bind(_stack: TerraformStack, _tags: Readonly<Record<string, string>>): void {}
}

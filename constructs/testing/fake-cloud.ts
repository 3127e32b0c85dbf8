import type { TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { refuseGap } from '../cloud/cloud';
import type {
  Capability,
  CapabilityGaps,
  CloudName,
  IComputeProvider,
  IDataProvider,
  IOperationsProvider,
  ISecurityProvider,
  IStorageProvider,
  ICloud,
} from '../cloud/cloud';
import type { NodeShape } from '../select-shape';
import type { Faked } from './fake-block';
import { FakeCluster, FakeNetwork, FakeNodePool, FakeVirtualMachine } from './fake-compute';
import { FakeCache, FakeDocumentStore, FakeRelationalDatabase } from './fake-data';
import { FakeBackup, FakeDnsZone, FakeMonitoring } from './fake-operations';
import {
  FakeContainerRegistry,
  FakeEncryptionKey,
  FakeSecret,
  FakeSecretStore,
  FakeWorkloadIdentity,
} from './fake-security';
import { FAKE_SHAPES } from './fake-shapes';
import { FakeFileStore, FakeObjectStore, FakeParallelFileStore } from './fake-storage';

/** Props of a fake cloud. */
export interface FakeCloudProps {
  /** @default 'fake' */
  readonly name?: CloudName;
  /** What it declares that it cannot offer. @default {} */
  readonly gaps?: CapabilityGaps;
  /** @default FAKE_SHAPES */
  readonly nodeShapes?: readonly NodeShape[];
}

/** A method of a fake cloud, e.g. `data.cache`. */
export type FakeMethod =
  | `compute.${keyof IComputeProvider}`
  | `storage.${keyof IStorageProvider}`
  | `data.${keyof IDataProvider}`
  | `security.${Exclude<keyof ISecurityProvider, 'egress'>}`
  | `operations.${keyof IOperationsProvider}`;

/** One call of a method. */
export interface FakeCall {
  readonly method: FakeMethod;
  /** Path of the construct that was asked for. */
  readonly path: string;
  /** Props as given. */
  readonly props: object;
}

type Factory<TProps, TBlock> = (scope: Construct, id: string, props: Faked<TProps>) => TBlock;

/**
 * A cloud for tests: it needs no provider package and no credentials, and passes the same conformance checks as the real
 * ones. Whatever a real cloud knows only after deployment is late-bound here too. Calls are recorded, failures and gaps
 * can be ordered.
 *
 * @example
 * const cloud = new FakeCloud({ gaps: { 'dns-zone': { reason: 'a test', alternative: 'do without' } } });
 * cloud.failOn('data.cache', new Error('quota'));
 */
export class FakeCloud implements ICloud {
  readonly name: CloudName;
  readonly gaps: CapabilityGaps;
  readonly nodeShapes: readonly NodeShape[];
  readonly compute: IComputeProvider;
  readonly storage: IStorageProvider;
  readonly data: IDataProvider;
  readonly security: ISecurityProvider;
  readonly operations: IOperationsProvider;
  private recorded: FakeCall[] = [];
  private readonly failures = new Map<FakeMethod, Error>();

  constructor(props: FakeCloudProps = {}) {
    this.name = props.name ?? 'fake';
    this.gaps = props.gaps ?? {};
    this.nodeShapes = props.nodeShapes ?? FAKE_SHAPES;
    this.compute = this.defineCompute();
    this.storage = this.defineStorage();
    this.data = this.defineData();
    this.security = this.defineSecurity();
    this.operations = this.defineOperations();
  }

  /** Every call so far, in order. */
  get calls(): readonly FakeCall[] {
    return this.recorded;
  }

  /** Makes each further call of a method throw. */
  failOn(method: FakeMethod, error: Error): void {
    this.failures.set(method, error);
  }

  /** Forgets calls and failures. */
  reset(): void {
    this.recorded = [];
    this.failures.clear();
  }

  /** Adds nothing: `terraform_data` needs no provider. */
  bind(_stack: TerraformStack, _tags: Readonly<Record<string, string>>): void {}

  private defineCompute(): IComputeProvider {
    return {
      network: this.method('compute.network', (s, id, props) => new FakeNetwork(s, id, props), 'network'),
      cluster: this.method('compute.cluster', (s, id, props) => new FakeCluster(s, id, props)),
      nodePool: this.method('compute.nodePool', (s, id, props) => new FakeNodePool(s, id, props)),
      gpuNodePool: this.method('compute.gpuNodePool', (s, id, props) => new FakeNodePool(s, id, props)),
      virtualMachine: this.method(
        'compute.virtualMachine',
        (s, id, props) => new FakeVirtualMachine(s, id, props),
        'virtual-machine',
      ),
    };
  }

  private defineStorage(): IStorageProvider {
    return {
      objectStore: this.method('storage.objectStore', (s, id, props) => new FakeObjectStore(s, id, props)),
      fileStore: this.method('storage.fileStore', (s, id, props) => new FakeFileStore(s, id, props)),
      parallelFileStore: this.method(
        'storage.parallelFileStore',
        (s, id, props) => new FakeParallelFileStore(s, id, props),
        'parallel-file-store',
      ),
    };
  }

  private defineData(): IDataProvider {
    return {
      relationalDatabase: this.method(
        'data.relationalDatabase',
        (s, id, props) => new FakeRelationalDatabase(s, id, props),
      ),
      documentStore: this.method(
        'data.documentStore',
        (s, id, props) => new FakeDocumentStore(s, id, props),
        'document-store',
      ),
      cache: this.method('data.cache', (s, id, props) => new FakeCache(s, id, props)),
    };
  }

  private defineSecurity(): ISecurityProvider {
    return {
      workloadIdentity: this.method('security.workloadIdentity', (s, id, p) => new FakeWorkloadIdentity(s, id, p)),
      encryptionKey: this.method(
        'security.encryptionKey',
        (s, id, props) => new FakeEncryptionKey(s, id, props),
        'encryption-key',
      ),
      secret: this.method('security.secret', (s, id, props) => new FakeSecret(s, id, props)),
      secretStore: this.method('security.secretStore', (s, id, props) => new FakeSecretStore(s, id, props)),
      containerRegistry: this.method(
        'security.containerRegistry',
        (s, id, props) => new FakeContainerRegistry(s, id, props),
        'container-registry',
      ),
      egress: [{ description: 'fake token endpoint', cidrs: ['192.0.2.1/32'], ports: [{ port: 80, protocol: 'TCP' }] }],
    };
  }

  private defineOperations(): IOperationsProvider {
    return {
      monitoring: this.method('operations.monitoring', (s, id, props) => new FakeMonitoring(s, id, props)),
      backup: this.method('operations.backup', (s, id, props) => new FakeBackup(s, id, props), 'backup'),
      dnsZone: this.method('operations.dnsZone', (s, id, props) => new FakeDnsZone(s, id, props), 'dns-zone'),
    };
  }

  private method<TProps extends object, TBlock>(
    method: FakeMethod,
    make: Factory<TProps, TBlock>,
    capability?: Capability,
  ): (scope: Construct, id: string, props: TProps) => TBlock {
    return (scope, id, props) => {
      this.recorded.push({ method, path: `${scope.node.path}/${id}`, props });
      const failure = this.failures.get(method);
      if (failure) throw failure;
      if (capability !== undefined && this.gaps[capability] !== undefined) refuseGap(this, scope, capability);
      return make(scope, id, { ...props, target: this });
    };
  }
}

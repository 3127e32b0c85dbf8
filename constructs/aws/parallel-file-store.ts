import { FsxLustreFileSystem } from '@cdktf/provider-aws/lib/fsx-lustre-file-system';
import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { fsxCsiDriver } from '../addons/fsx-csi-driver';
import { wholeNumber } from '../checks';
import type { KubernetesObjects, KubernetesParts } from '../cloud/kubernetes-parts';
import type { IParallelFileStore, ParallelFileStoreProps } from '../cloud/parallel-file-store';
import { KUBERNETES_NAMES, legalName } from '../names';
import { stateful } from '../stateful';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { keyArnOf } from './encryption-key';
import { linkBucket } from './lustre-link';
import { NodesOnly } from './nodes-only';
import { S3ObjectStore } from './object-store';

const BRAND = Symbol.for('lnmt/aws/parallel-file-store');
const SMALLEST_GIB = 1200;
const STEP_GIB = 2400;
const LARGEST_GIB = 1_000_800;
/** @see https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html */
const LUSTRE_PORTS = [
  { from: 988, to: 988 },
  { from: 1018, to: 1023 },
];

/** Props of a Lustre file system. */
export interface LustreFileStoreProps extends ParallelFileStoreProps, AwsContext {
  /** Throughput in MB/s for each TiB. @default 250 */
  readonly throughputPerTiB?: 125 | 250 | 500 | 1000;
}

/**
 * FSx for Lustre (PERSISTENT_2, SSD) in one zone: scratch for training at the speed of the nodes. Objects of a linked
 * bucket appear as files, and files that are written appear as objects, so that losing the file system loses nothing.
 *
 * @see https://docs.aws.amazon.com/fsx/latest/LustreGuide/what-is.html
 */
export class LustreFileStore extends Construct implements IParallelFileStore {
  /** Narrows a neutral store. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, store: IParallelFileStore, property = 'parallelFileStore'): LustreFileStore {
    return expectBrand<LustreFileStore>(scope, property, store, BRAND, 'LustreFileStore');
  }

  readonly cloud = AWS;
  readonly sizeGiB: number;
  /** Id of the file system, as a token. */
  readonly fileSystemId: string;
  private readonly fileSystem: FsxLustreFileSystem;
  private readonly naming: readonly string[];
  private readonly claims = new Map<string, KubernetesObjects>();

  /** @throws LNMT1002 for a size below 1 GiB or above what FSx sells */
  constructor(scope: Construct, id: string, props: LustreFileStoreProps) {
    super(scope, id);
    brand(this, BRAND);
    this.naming = props.naming;
    this.sizeGiB = soldSize(
      wholeNumber(this, 'sizeGiB', props.sizeGiB ?? SMALLEST_GIB, { min: 1, max: LARGEST_GIB, unit: 'GiB' }),
    );
    const guard = new NodesOnly(this, 'SecurityGroup', {
      ...props,
      service: 'Lustre',
      ports: LUSTRE_PORTS,
      amongThemselves: true,
    });
    const onRemoval = props.onRemoval ?? 'retain';
    this.fileSystem = new FsxLustreFileSystem(this, 'Resource', {
      deploymentType: 'PERSISTENT_2',
      storageType: 'SSD',
      storageCapacity: this.sizeGiB,
      perUnitStorageThroughput: props.throughputPerTiB ?? 250,
      fileSystemTypeVersion: '2.15',
      dataCompressionType: 'LZ4',
      metadataConfiguration: { mode: 'AUTOMATIC' },
      // A Lustre file system lives in one zone; the zone decides where the training nodes should be.
      subnetIds: guard.subnetIds.slice(0, 1),
      securityGroupIds: [guard.securityGroupId],
      kmsKeyId: keyArnOf(this, props.encryptionKey),
      skipFinalBackup: true,
    });
    stateful(this.fileSystem, props.naming, onRemoval);
    this.fileSystemId = this.fileSystem.id;
    if (props.linkedStore !== undefined) {
      const bucket = S3ObjectStore.expect(this, props.linkedStore, 'linkedStore');
      linkBucket(this, { ...props, fileSystemId: this.fileSystemId, bucket });
    }
  }

  /** The driver, and the volumes and claims that were asked for so far. */
  get kubernetes(): KubernetesParts {
    return { addons: [fsxCsiDriver()], objects: [...this.claims.values()] };
  }

  claim(namespace: string): { readonly claimName: string } {
    const claimName = legalName(KUBERNETES_NAMES.label, [...this.naming, 'scratch'], this);
    if (!this.claims.has(namespace)) {
      this.claims.set(namespace, {
        id: `scratch-${namespace}`,
        layer: '30-apps',
        // Not the namespace of the whole part: a volume has none.
        define: (chart) => this.volume(chart, namespace, claimName),
      });
    }
    return { claimName };
  }

  private volume(chart: Chart, namespace: string, claimName: string): void {
    const volumeName = legalName(KUBERNETES_NAMES.label, [...this.naming, 'scratch', namespace], this);
    const common = { accessModes: ['ReadWriteMany'], storageClassName: '' };
    const capacity = { storage: `${this.sizeGiB}Gi` };
    new ApiObject(chart, 'Volume', {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: volumeName },
      spec: {
        ...common,
        capacity,
        persistentVolumeReclaimPolicy: 'Retain',
        mountOptions: ['flock', 'noatime'],
        claimRef: { namespace, name: claimName },
        csi: {
          driver: 'fsx.csi.aws.com',
          volumeHandle: this.fileSystemId,
          volumeAttributes: { dnsname: this.fileSystem.dnsName, mountname: this.fileSystem.mountName },
        },
      },
    });
    new ApiObject(chart, 'Claim', {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: claimName, namespace },
      spec: { ...common, resources: { requests: capacity }, volumeName },
    });
  }
}

/** The smallest size on sale that holds so many GiB: 1200, or a multiple of 2400. Pure. */
export function soldSize(sizeGiB: number): number {
  return sizeGiB <= SMALLEST_GIB ? SMALLEST_GIB : Math.ceil(sizeGiB / STEP_GIB) * STEP_GIB;
}

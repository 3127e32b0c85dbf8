import type { Construct } from 'constructs';
import { expectCloud } from '../cloud/building-block';
import { refuseGap } from '../cloud/cloud';
import type { ClusterConnection, ClusterProps, ICluster } from '../cloud/cluster';
import type { GpuNodePoolProps } from '../cloud/gpu-node-pool';
import type { INetwork, NetworkProps } from '../cloud/network';
import type { INodePool, NodePoolProps } from '../cloud/node-pool';
import type { IVirtualMachine, VirtualMachineProps } from '../cloud/virtual-machine';
import type { Capacity } from '../capacity';
import { ordered, wholeNumber } from '../checks';
import { GPU_TAINT, poolPlacement } from '../scheduling';
import type { NodeTaint, Placement } from '../scheduling';
import { selectShape } from '../select-shape';
import type { NodeShape, ShapeRequest } from '../select-shape';
import type { KubernetesVersion } from '../versions';
import { FakeBlock, fakeName } from './fake-block';
import type { Faked, FakeTarget } from './fake-block';

/** A network that is a range of addresses and no more. */
export class FakeNetwork extends FakeBlock implements INetwork {
  readonly cidr: string;

  constructor(scope: Construct, id: string, props: Faked<NetworkProps>) {
    const cidr = props.cidr ?? '10.0.0.0/16';
    super(scope, id, { target: props.target, values: { name: fakeName(props.naming), cidr } });
    this.cidr = cidr;
  }
}

/** A cluster whose host and certificate are late-bound. */
export class FakeCluster extends FakeBlock implements ICluster {
  readonly clusterName: string;
  readonly version: KubernetesVersion;
  readonly connection: ClusterConnection;
  readonly kubeconfigCommand: string;
  readonly servesResourceMetrics = false;

  constructor(scope: Construct, id: string, props: Faked<ClusterProps>) {
    const name = fakeName(props.naming);
    super(scope, id, {
      target: props.target,
      values: { name, version: props.version, host: `https://${name}.invalid`, ca: 'ZmFrZQ==' },
    });
    expectCloud(this, 'network', props.network, props.target.name);
    if (props.encryptionKey) expectCloud(this, 'encryptionKey', props.encryptionKey, props.target.name);
    this.keep('cluster', props);
    this.clusterName = this.resource.output('name');
    this.version = props.version;
    this.connection = {
      kind: 'exec',
      host: this.resource.output('host'),
      certificateAuthorityData: this.resource.output('ca'),
      command: 'fake',
      args: ['get-token', '--cluster', this.clusterName],
    };
    this.kubeconfigCommand = `fake kubeconfig ${this.clusterName}`;
  }
}

/** A pool of nodes of the target's shapes, with or without accelerators. */
export class FakeNodePool extends FakeBlock implements INodePool {
  readonly poolName: string;
  readonly shape: NodeShape;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly placement: Placement;
  readonly fabricResources: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: Faked<NodePoolProps | GpuNodePoolProps>) {
    const request = requestOf(props);
    const shape = selectShape(props.target.name, props.target.nodeShapes, request, props.prices, scope);
    super(scope, id, { target: props.target, values: { pool: props.name, shape: shape.name } });
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    checkCapacity(this, props.target, props.capacity ?? []);
    this.poolName = props.name;
    this.shape = shape;
    this.minNodes = wholeNumber(this, 'minNodes', props.minNodes ?? 0, { min: 0 });
    this.maxNodes = wholeNumber(this, 'maxNodes', props.maxNodes, { min: 1 });
    ordered(this, ['minNodes', this.minNodes], ['maxNodes', this.maxNodes]);
    const taints: readonly NodeTaint[] = shape.accelerator ? [GPU_TAINT] : [];
    this.placement = poolPlacement(props.name, taints);
    const fast = 'fabric' in props && props.fabric === 'auto' ? shape.fabric : undefined;
    this.fabricResources = fast ? { 'fake.example/fabric': String(fast.interfaces) } : {};
  }
}

/** A machine whose address is late-bound. */
export class FakeVirtualMachine extends FakeBlock implements IVirtualMachine {
  readonly privateAddress: string;
  readonly connectCommand: string;

  constructor(scope: Construct, id: string, props: Faked<VirtualMachineProps>) {
    const name = fakeName(props.naming);
    super(scope, id, { target: props.target, values: { name, address: '10.0.0.4', purpose: props.purpose } });
    expectCloud(this, 'network', props.network, props.target.name);
    this.privateAddress = this.resource.output('address');
    this.connectCommand = `fake connect ${name}`;
  }
}

function requestOf(props: NodePoolProps | GpuNodePoolProps): ShapeRequest {
  if ('accelerator' in props) {
    return {
      accelerator: props.accelerator,
      gpus: props.gpusPerNode ?? 1,
      vcpus: props.vcpus ?? 1,
      memoryGiB: props.memoryGiB ?? 1,
    };
  }
  return { vcpus: props.vcpus ?? 4, memoryGiB: props.memoryGiB ?? 16 };
}

function checkCapacity(scope: Construct, target: FakeTarget, ladder: readonly Capacity[]): void {
  for (const rung of ladder) {
    if (rung.kind === 'spot' && target.gaps['spot-capacity']) refuseGap(target, scope, 'spot-capacity');
    if (rung.kind === 'reserved' && target.gaps['reserved-capacity']) refuseGap(target, scope, 'reserved-capacity');
  }
}

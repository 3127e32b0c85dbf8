import type { Construct } from 'constructs';
import type {
  Delivery,
  GpuTrainingClusterProps,
  ICloud,
  Images,
  InferenceEndpointProps,
  LnmtPlatformProps,
} from '../constructs';
import { GpuTrainingCluster, InferenceEndpoint, LnmtPlatform } from '../constructs';
import { LnmtStack } from './lnmt-stack';
import { endpointOutputs, infrastructureOutputs, poolOutputs } from './outputs';
import type { StateBackend } from './state-backend';

/** A training cluster of {@link PlatformStacks}. */
export interface TrainingDescription extends Omit<GpuTrainingClusterProps, 'platform'> {
  /** Construct id. */
  readonly id: string;
}

/** An endpoint of {@link PlatformStacks}. */
export interface EndpointDescription extends Omit<InferenceEndpointProps, 'platform'> {
  /** Construct id. */
  readonly id: string;
}

/** Props of {@link PlatformStacks}. */
export interface PlatformStacksProps {
  /** Where the platform lives. */
  readonly cloud: ICloud;
  /** The platform, cloud, images and delivery apart. */
  readonly platform: Omit<LnmtPlatformProps, 'cloud' | 'images' | 'delivery'>;
  /** @default [] */
  readonly training?: readonly TrainingDescription[];
  /** @default [] */
  readonly endpoints?: readonly EndpointDescription[];
  /**
   * Images of the bundled servers.
   *
   * @default - none: needed for an endpoint without an image of its own, and for a sample job
   */
  readonly images?: Images;
  /** How manifests reach the cluster. @default Delivery.direct() */
  readonly delivery?: Delivery;
  /** Where both stacks keep their states. @default StateBackend.local() */
  readonly state?: StateBackend;
}

/**
 * A whole platform in two Terraform stacks: `<id>-infra` provisions, `<id>-workloads` fills the cluster. References go
 * forward only, so that `cdktf deploy '*'` applies them in order.
 */
export class PlatformStacks {
  readonly infra: LnmtStack;
  readonly workloads: LnmtStack;
  readonly platform: LnmtPlatform;
  readonly training: readonly GpuTrainingCluster[];
  readonly endpoints: readonly InferenceEndpoint[];

  /** @throws what {@link LnmtPlatform}, {@link GpuTrainingCluster} and {@link InferenceEndpoint} throw */
  constructor(scope: Construct, id: string, props: PlatformStacksProps) {
    const state = props.state === undefined ? {} : { state: props.state };
    this.infra = new LnmtStack(scope, `${id}-infra`, state);
    this.workloads = new LnmtStack(scope, `${id}-workloads`, state);
    this.platform = new LnmtPlatform(this.infra, 'platform', {
      ...props.platform,
      name: props.platform.name ?? id,
      cloud: props.cloud,
      ...(props.images === undefined ? {} : { images: props.images }),
      ...(props.delivery === undefined ? {} : { delivery: props.delivery }),
    });
    this.platform.workloads(this.workloads);
    this.training = (props.training ?? []).map(
      ({ id: trainingId, ...rest }) =>
        new GpuTrainingCluster(this.workloads, trainingId, { ...rest, platform: this.platform }),
    );
    this.endpoints = (props.endpoints ?? []).map(
      ({ id: endpointId, ...rest }) =>
        new InferenceEndpoint(this.workloads, endpointId, { ...rest, platform: this.platform }),
    );
    infrastructureOutputs(this.infra, this.platform);
    endpointOutputs(this.workloads, this.endpoints);
    poolOutputs(this.workloads, [...this.endpoints, ...this.training]);
  }
}

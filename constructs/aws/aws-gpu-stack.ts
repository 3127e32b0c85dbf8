import type { GpuPartOwner, GpuStack } from '../gpu-stack';
import type { Architecture } from '../select-shape';
import type { KubernetesVersion } from '../versions';

/** The image that nodes boot from, in the words of Karpenter and of managed node groups. */
export interface NodeImage {
  /** `amiFamily`: the format of the user data. */
  readonly family: 'AL2023' | 'Bottlerocket' | 'AL2' | 'Custom';
  /** One entry of `amiSelectorTerms`. */
  readonly selector: Readonly<Record<string, string>>;
  /** Device of the volume with containers and images. */
  readonly dataDevice: string;
  /** Device of a small system volume beside it. @default - the data device holds the system too */
  readonly systemDevice?: string;
  /** `ami_type` of managed node groups. @default - managed node groups cannot use the image */
  readonly managedType?: string;
}

/** Options of stacks on the images of Amazon. */
export interface ImageOptions {
  /**
   * Version of the image in Karpenter's form, e.g. `v20260801` (AL2023) or `v1.50.0` (Bottlerocket).
   *
   * @default 'latest': empty nodes take a new image; running ones keep theirs until they expire
   */
  readonly imageVersion?: string;
}

/** Options of the stack that the GPU Operator owns. */
export interface OperatorManagedOptions {
  /**
   * SSM parameter below `/aws/service/` with the id of an image without NVIDIA driver, which the GPU Operator supports.
   *
   * @default - Canonical's Ubuntu 24.04 image for EKS of the cluster's version and the node's architecture
   */
  readonly imageParameter?: string;
  /** Format of the image's user data. @default 'AL2', which is that of Ubuntu's EKS images */
  readonly userDataFormat?: 'AL2' | 'AL2023' | 'Custom';
}

/**
 * Owner of driver, toolkit and device plugin on AWS: complete pairs of node image and operator values only.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-optimized-ami.html
 */
export class AwsGpuStack implements GpuStack {
  /** Amazon Linux 2023 with NVIDIA driver and toolkit in the image; the GPU Operator brings the device plugin. */
  static al2023(options: ImageOptions = {}): AwsGpuStack {
    return new AwsGpuStack('al2023', ['node-image', 'node-image', 'gpu-operator'], options.imageVersion);
  }

  /** Bottlerocket with driver, toolkit and device plugin in the image; the GPU Operator brings telemetry only. */
  static bottlerocket(options: ImageOptions = {}): AwsGpuStack {
    return new AwsGpuStack('bottlerocket', ['node-image', 'node-image', 'node-image'], options.imageVersion);
  }

  /** An image without any NVIDIA software; the GPU Operator brings all of it. Managed node groups cannot use it. */
  static operatorManaged(options: OperatorManagedOptions = {}): AwsGpuStack {
    return new AwsGpuStack('operator-managed', ['gpu-operator', 'gpu-operator', 'gpu-operator'], undefined, options);
  }

  readonly driver: GpuPartOwner;
  readonly toolkit: GpuPartOwner;
  readonly devicePlugin: GpuPartOwner;

  private constructor(
    readonly mode: 'al2023' | 'bottlerocket' | 'operator-managed',
    owners: readonly [driver: GpuPartOwner, toolkit: GpuPartOwner, devicePlugin: GpuPartOwner],
    private readonly imageVersion = 'latest',
    private readonly operator: OperatorManagedOptions = {},
  ) {
    [this.driver, this.toolkit, this.devicePlugin] = owners;
  }

  /** Image of GPU nodes. Karpenter's aliases pick the NVIDIA variant for instance types with GPUs by themselves. */
  gpuImage(architecture: Architecture, version: KubernetesVersion): NodeImage {
    if (this.mode !== 'operator-managed') return this.amazonImage(architecture, '_NVIDIA');
    return {
      family: this.operator.userDataFormat ?? 'AL2',
      selector: { ssmParameter: this.operator.imageParameter ?? ubuntuParameter(architecture, version) },
      dataDevice: '/dev/sda1',
    };
  }

  /** Image of nodes without GPUs: of the same family, where that has one. */
  cpuImage(architecture: Architecture): NodeImage {
    return this.amazonImage(architecture, this.mode === 'bottlerocket' ? '' : '_STANDARD');
  }

  private amazonImage(architecture: Architecture, variant: string): NodeImage {
    const bottlerocket = this.mode === 'bottlerocket';
    const processor = architecture === 'amd64' ? 'x86_64' : 'ARM_64';
    return bottlerocket
      ? {
          family: 'Bottlerocket',
          selector: { alias: `bottlerocket@${this.imageVersion}` },
          systemDevice: '/dev/xvda',
          dataDevice: '/dev/xvdb',
          managedType: `BOTTLEROCKET_${processor}${variant}`,
        }
      : {
          family: 'AL2023',
          selector: { alias: `al2023@${this.imageVersion}` },
          dataDevice: '/dev/xvda',
          managedType: `AL2023_${processor}${variant}`,
        };
  }
}

/** @see https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/ */
function ubuntuParameter(architecture: Architecture, version: KubernetesVersion): string {
  return `/aws/service/canonical/ubuntu/eks/24.04/${version}/stable/current/${architecture}/hvm/ebs-gp3/ami-id`;
}

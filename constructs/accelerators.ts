/** Facts about one kind of accelerator, the same on every cloud. */
export interface AcceleratorFacts {
  /** Memory of one device in GiB, as its vendor states it. */
  readonly memoryGiB: number;
  /** Extended resource that pods ask for. @default 'nvidia.com/gpu' */
  readonly resourceName?: string;
}

/**
 * A kind of accelerator under a neutral name. Which node shape of which cloud carries it is data of the cloud folders.
 *
 * @see https://www.nvidia.com/en-us/data-center/products/
 */
export class Accelerator {
  /** NVIDIA T4, 16 GiB. */
  static readonly NVIDIA_T4 = new Accelerator('nvidia-t4', { memoryGiB: 16 });
  /** NVIDIA A10 and A10G, 24 GiB. */
  static readonly NVIDIA_A10 = new Accelerator('nvidia-a10', { memoryGiB: 24 });
  /** NVIDIA L4, 24 GiB. */
  static readonly NVIDIA_L4 = new Accelerator('nvidia-l4', { memoryGiB: 24 });
  /** NVIDIA L40S, 48 GiB. */
  static readonly NVIDIA_L40S = new Accelerator('nvidia-l40s', { memoryGiB: 48 });
  /** NVIDIA RTX PRO 4500 Blackwell, 32 GiB. */
  static readonly NVIDIA_RTX_PRO_4500 = new Accelerator('nvidia-rtx-pro-4500', { memoryGiB: 32 });
  /** NVIDIA RTX PRO 6000 Blackwell, 96 GiB. */
  static readonly NVIDIA_RTX_PRO_6000 = new Accelerator('nvidia-rtx-pro-6000', { memoryGiB: 96 });
  /** NVIDIA A100, 40 GiB. */
  static readonly NVIDIA_A100_40GB = new Accelerator('nvidia-a100-40gb', { memoryGiB: 40 });
  /** NVIDIA A100, 80 GiB. */
  static readonly NVIDIA_A100_80GB = new Accelerator('nvidia-a100-80gb', { memoryGiB: 80 });
  /** NVIDIA H100, 80 GiB. */
  static readonly NVIDIA_H100 = new Accelerator('nvidia-h100', { memoryGiB: 80 });
  /** NVIDIA H200, 141 GiB. */
  static readonly NVIDIA_H200 = new Accelerator('nvidia-h200', { memoryGiB: 141 });
  /** NVIDIA B200, 180 GiB. */
  static readonly NVIDIA_B200 = new Accelerator('nvidia-b200', { memoryGiB: 180 });
  /** NVIDIA B300, 268 GiB. */
  static readonly NVIDIA_B300 = new Accelerator('nvidia-b300', { memoryGiB: 268 });
  /** NVIDIA GB200 (arm64 hosts), 186 GiB. */
  static readonly NVIDIA_GB200 = new Accelerator('nvidia-gb200', { memoryGiB: 186 });
  /** NVIDIA GB300 (arm64 hosts), 279 GiB. */
  static readonly NVIDIA_GB300 = new Accelerator('nvidia-gb300', { memoryGiB: 279 });

  /** An accelerator that is not listed here, e.g. of an on-premises cluster. */
  static custom(name: string, facts: AcceleratorFacts): Accelerator {
    return new Accelerator(name, facts);
  }

  /** Memory of one device in GiB. */
  readonly memoryGiB: number;
  /** Extended resource that pods ask for, e.g. `nvidia.com/gpu`. */
  readonly resourceName: string;

  private constructor(
    /** Neutral name, e.g. `nvidia-h100`; also the value of the node label. */
    readonly name: string,
    facts: AcceleratorFacts,
  ) {
    this.memoryGiB = facts.memoryGiB;
    this.resourceName = facts.resourceName ?? 'nvidia.com/gpu';
  }

  /** The neutral name. */
  toString(): string {
    return this.name;
  }
}

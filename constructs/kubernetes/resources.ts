import { quantity, withinLimit } from './quantity';

/** Compute of one container. */
export interface PodResourcesOptions {
  /** CPU request, e.g. `500m`. */
  readonly cpu: string;
  /** CPU limit. A limit throttles model threads in the middle of a run. @default - none */
  readonly cpuLimit?: string;
  /** Memory request, e.g. `1Gi`. */
  readonly memory: string;
  /** Memory limit. @default - the request, so that a node never promises memory twice */
  readonly memoryLimit?: string;
}

/**
 * Requests and limits of a container.
 *
 * @example
 * PodResources.of({ cpu: '500m', cpuLimit: '2000m', memory: '1Gi', memoryLimit: '4Gi' })
 */
export class PodResources {
  /** @throws LNMT3003 for a malformed quantity, LNMT3004 when a request is above its limit */
  static of(options: PodResourcesOptions): PodResources {
    quantity('cpu', options.cpu);
    quantity('memory', options.memory);
    if (options.cpuLimit !== undefined) withinLimit('cpu', options.cpu, options.cpuLimit);
    if (options.memoryLimit !== undefined) withinLimit('memory', options.memory, options.memoryLimit);
    return new PodResources(options.cpu, options.cpuLimit, options.memory, options.memoryLimit ?? options.memory);
  }

  private constructor(
    /** CPU request. */
    readonly cpu: string,
    /** CPU limit; undefined for none. */
    readonly cpuLimit: string | undefined,
    /** Memory request. */
    readonly memory: string,
    /** Memory limit. */
    readonly memoryLimit: string,
  ) {}

  /**
   * The `resources` of a container.
   *
   * @param extended extended resources by name, e.g. `{ 'nvidia.com/gpu': '1' }`; their request is their limit
   */
  render(extended: Readonly<Record<string, string>> = {}): ContainerResources {
    const cpuLimit: Record<string, string> = this.cpuLimit === undefined ? {} : { cpu: this.cpuLimit };
    return {
      requests: { cpu: this.cpu, memory: this.memory, ...extended },
      limits: { ...cpuLimit, memory: this.memoryLimit, ...extended },
    };
  }
}

/** The `resources` of a container, every quantity as text. */
export interface ContainerResources {
  /** What the scheduler reserves. */
  readonly requests: Readonly<Record<string, string>>;
  /** What the kernel and the device plugin enforce. */
  readonly limits: Readonly<Record<string, string>>;
}

/** What an inference server without an accelerator asks for when nothing is said. */
export const INFERENCE_RESOURCES = PodResources.of({ cpu: '1', memory: '2Gi' });

/**
 * What one with an accelerator asks for when nothing is said. CUDA and its libraries take 1 to 2 GiB of the host, and weights pass
 * through it on their way to the device, read and converted; half of what the smallest machines with one accelerator have, so
 * that these hold a replica.
 *
 * @see https://github.com/microsoft/onnxruntime/issues/5801
 */
const ACCELERATED_RESOURCES = PodResources.of({ cpu: '1', memory: '8Gi' });

/** What an inference server asks for. */
export function inferenceResources(asked: {
  readonly resources?: PodResources;
  readonly accelerator?: object;
}): PodResources {
  return asked.resources ?? (asked.accelerator === undefined ? INFERENCE_RESOURCES : ACCELERATED_RESOURCES);
}

/** The bundled images, by the name that they have below a registry prefix, e.g. `registry.example.com/lnmt/inference`. */
export const IMAGES = {
  inference: { repository: 'inference', dockerfile: 'runtime/inference/Dockerfile', flavours: ['cpu', 'cuda'] },
  training: { repository: 'training', dockerfile: 'runtime/training/Dockerfile', flavours: ['cpu', 'cuda'] },
} as const;

/** Key of {@link IMAGES}. */
export type ImageName = keyof typeof IMAGES;

/** Whether the image carries GPU libraries. */
export type ImageFlavour = 'cpu' | 'cuda';

/**
 * Execution providers of ONNX Runtime that a flavour of the bundled inference image can load. TensorRT and a Vulkan loader
 * belong to the system below the server, and its bases have neither.
 */
export const BUNDLED_PROVIDERS = { cpu: ['cpu'], cuda: ['cpu', 'cuda'] } as const satisfies Record<
  ImageFlavour,
  readonly string[]
>;

/** Build argument that names the system below a flavour. */
export const BASE_ARGUMENTS = { cpu: 'CPU_IMAGE', cuda: 'CUDA_IMAGE' } as const satisfies Record<ImageFlavour, string>;

/** Name of an image's entry in a digest table, e.g. `inference-cuda`; the CPU flavour is the bare name. */
export function imageKey(name: ImageName, flavour: ImageFlavour): string {
  return flavour === 'cpu' ? name : `${name}-${flavour}`;
}

/**
 * Flags of Node.js that the inference server is run with. What a request makes is garbage when it is answered; collected
 * while the caches of a core still hold it, it costs a quarter less memory and no time. In MiB, of each half.
 */
export const INFERENCE_NODE_FLAGS = ['--max-semi-space-size=4'] as const;

/** Command of each image, as the manifest states it and as `lnmt dev` maps it to a local program. */
export const IMAGE_COMMANDS = {
  inference: ['node', ...INFERENCE_NODE_FLAGS, '/app/dist/inference/main.js'],
  training: ['node', '/app/dist/training/main.js'],
} as const satisfies Record<ImageName, readonly string[]>;

/** Memory of a container that is left to the process which serves, and that models must not take, in bytes. */
const FRONT_MEMORY_BYTES = 384 * 2 ** 20;

/**
 * Bytes that models may take of a container: the rest, so that one that wants more fails by itself, where the kernel would
 * end the server with it. Undefined for a limit of which half would not be left.
 *
 * @param limit memory limit of the container in bytes
 */
export function memoryForModels(limit: number): number | undefined {
  return limit < 2 * FRONT_MEMORY_BYTES ? undefined : Math.floor(limit - FRONT_MEMORY_BYTES);
}

/**
 * Share of the volume for model files that the server may fill. Files that come at the same time are each measured before
 * the others are there, and a volume beyond its limit ends the pod: the rest is for them.
 */
const MODEL_CACHE_SHARE = 0.8;

/** Bytes of model files in a volume of so many GiB. */
export function modelCacheBytes(volumeGiB: number): number {
  return Math.floor(volumeGiB * 2 ** 30 * MODEL_CACHE_SHARE);
}

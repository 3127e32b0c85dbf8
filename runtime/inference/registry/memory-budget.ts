/** A loaded model, as far as its memory is concerned. */
export interface Resident {
  /** Bytes that it holds. */
  readonly bytes: number;
  /** How much it was used lately; the least goes first. */
  readonly worth: number;
  readonly pinned: boolean;
  /** True while it answers a request. */
  readonly busy: boolean;
}

/**
 * The models that must go so that `needed` bytes fit, those of least use lately first and idle ones before busy ones;
 * undefined when that is not possible. A budget of 0 is none.
 *
 * @param staying one that does not go for this, whatever it is worth
 */
export function chooseVictims<R extends Resident>(
  residents: readonly R[],
  needed: number,
  budget: number,
  staying?: R,
): readonly R[] | undefined {
  if (budget === 0) return [];
  let held = residents.reduce((sum, { bytes }) => sum + bytes, 0);
  const candidates = residents
    .filter((each) => !each.pinned && each !== staying)
    .sort((a, b) => Number(a.busy) - Number(b.busy) || a.worth - b.worth);
  const victims: R[] = [];
  for (const candidate of candidates) {
    if (held + needed <= budget) break;
    victims.push(candidate);
    held -= candidate.bytes;
  }
  return held + needed <= budget ? victims : undefined;
}

/** Bytes of a model host beside the weights: Node.js, onnxruntime, and room for a run. */
const HOST_BYTES = 96 * 2 ** 20;
/** Weights are held once as loaded, and in part again in the layout of the processor. */
const WEIGHT_FACTOR = 1.5;

/** What a model will take, before it was ever measured. */
export const estimateBytes = (weightBytes: number): number => HOST_BYTES + Math.ceil(WEIGHT_FACTOR * weightBytes);

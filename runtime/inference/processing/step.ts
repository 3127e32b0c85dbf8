import type { Cancellation } from '../../shared/cancellation';
import type { Tensor, TensorSpec } from '../tensors/tensor';

/** What a step may know of the request that it works for. */
export interface StepContext {
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
  /** Who asks: callers take turns where steps wait for one another. */
  readonly caller?: string | undefined;
}

/** One step before or after a model. */
export interface Step {
  /** Its name in metrics and messages. */
  readonly label: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** True where its inputs stay for others, and for clients. */
  readonly keeps: boolean;
  /**
   * Turns its inputs, in their order, into its outputs, in theirs.
   *
   * @throws RequestError
   */
  run(inputs: readonly Tensor[], context: StepContext): Promise<readonly Tensor[]> | readonly Tensor[];
}

const quote = (name: string): string => JSON.stringify(name);
const shown = ({ datatype, shape }: TensorSpec): string => `${datatype} ${shape ? `[${shape.join(',')}]` : '[…]'}`;

/** Why a tensor of the first kind cannot be taken for one of the second; undefined when it can. */
export function misfit(given: TensorSpec, wanted: TensorSpec): string | undefined {
  const fits =
    given.datatype === wanted.datatype &&
    (given.shape === undefined ||
      wanted.shape === undefined ||
      (given.shape.length === wanted.shape.length &&
        given.shape.every(
          (size, axis) => size === -1 || wanted.shape?.[axis] === -1 || size === wanted.shape?.[axis],
        )));
  return fits ? undefined : `${quote(wanted.name)} is ${shown(given)}, and ${shown(wanted)} is wanted`;
}

import type { Judge } from '../../shared/access-control';
import type { Principal } from '../../shared/api-keys';
import type { Cancellation } from '../../shared/cancellation';
import type { ModelIdentity } from '../data-plane';
import type { Answer } from '../registry';
import type { InferenceRequest } from '../tensors/request';

/** One request for inference, whatever it travelled on. */
export interface InferenceCall {
  readonly name: string;
  /** The version that is asked for; any when absent. */
  readonly version: string | undefined;
  readonly request: InferenceRequest;
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
  /** Who asks; absent where authentication is off. */
  readonly caller: Principal | undefined;
  /** A header or an entry of metadata, by its name in lower case. */
  readonly attribute: (name: string) => string | undefined;
  /** Told which version is going to answer, before it is asked. @default - nobody wants to know */
  readonly answering?: ((model: ModelIdentity) => void) | undefined;
  /** Judges the caller for the version that is going to answer. @default - whoever came here may have any */
  readonly judge?: Judge | undefined;
  /** True for a copy that nobody waits for: no other server is asked for its sake. @default false */
  readonly isCopy?: boolean;
}

/** Answers a call, or throws a RequestError. */
export type Infer = (call: InferenceCall) => Promise<Answer>;

/** Something between the transports and the models: it answers itself, or asks what lies behind it, changed or not. */
export type Layer = (next: Infer) => Infer;

/** The layers around a core; the first is the outermost. */
export function layered(core: Infer, layers: readonly Layer[]): Infer {
  return layers.reduceRight<Infer>((next, layer) => layer(next), core);
}

import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { asRequestError } from '../../shared/errors';
import type { HandlerDeps } from './handlers';
import { departure, infer, subjectOf } from './infer';
import type { ModelInferRequest, ModelStreamInferResponse } from './messages';

type StreamCall = ServerDuplexStream<ModelInferRequest, ModelStreamInferResponse>;

/**
 * Answers the requests of one stream: side by side, and told in the order in which they came. No more requests come than
 * `stream-room.ts` lets in.
 */
class InferStream {
  private told: Promise<void> = Promise.resolve();
  private readonly signal: AbortSignal;

  constructor(
    private readonly deps: HandlerDeps,
    private readonly call: StreamCall,
  ) {
    this.signal = departure(call);
    call.on('data', (request: ModelInferRequest) => this.take(request));
    call.on('error', () => undefined);
    call.on('end', () => void this.told.then(() => call.end()));
  }

  private take(request: ModelInferRequest): void {
    const answer = this.answer(request);
    this.told = this.told.then(async () => this.tell(await answer));
  }

  /** Never fails: what went wrong is an answer too. */
  private async answer(request: ModelInferRequest): Promise<ModelStreamInferResponse> {
    try {
      const answer = await this.deps.gate.message(this.call.metadata, subjectOf(request), (passed) =>
        infer(this.deps, request, { call: this.call, passed, signal: this.signal }),
      );
      // Clients that wait for the last of several answers are told that there is one only.
      const parameters = { triton_final_response: { bool_param: true } };
      return { error_message: '', infer_response: { ...answer, parameters } };
    } catch (thrown) {
      const error = asRequestError(thrown);
      if (error.status >= 500 && error.cause !== undefined) {
        this.deps.log.error({ err: error.cause, code: error.code }, error.message);
      }
      return { error_message: `[${error.code}] ${error.message}`, infer_response: { id: request.id } };
    }
  }

  private tell(answer: ModelStreamInferResponse): void {
    if (!this.signal.aborted) this.call.write(answer);
  }
}

/** `ModelStreamInfer`. */
export function inferStream(deps: HandlerDeps): handleBidiStreamingCall<ModelInferRequest, ModelStreamInferResponse> {
  return (call) => void new InferStream(deps, call);
}

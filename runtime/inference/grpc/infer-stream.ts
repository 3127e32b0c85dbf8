import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import { asRequestError, notReady, RequestError } from '../../shared/errors';
import { RefusedMessage } from './decoding';
import type { Call } from './gate';
import type { HandlerDeps } from './handlers';
import { departure, infer, subjectOf } from './infer';
import type { ModelInferRequest, ModelInferResponse, ModelStreamInferResponse } from './messages';
import { statusOf } from './status';

type StreamCall = ServerDuplexStream<ModelInferRequest, ModelStreamInferResponse>;

const UNAUTHENTICATED = 401;

/**
 * Answers the requests of one stream: side by side, and told in the order in which they came. No more requests come than
 * `stream-room.ts` lets in. A server that takes no more requests ends it with UNAVAILABLE, once what came is answered:
 * its client may keep it for ever, and opens it anew elsewhere.
 */
class InferStream {
  private told: Promise<void> = Promise.resolve();
  private isOver = false;
  private readonly signal: AbortSignal;
  private ending = false;

  constructor(
    private readonly deps: HandlerDeps,
    private readonly call: StreamCall,
  ) {
    this.signal = departure(call);
    call.on('data', (request: ModelInferRequest | RefusedMessage) => this.take(request));
    call.on('error', () => undefined);
    call.on('end', () => void this.told.then(() => call.end()));
    call.once(
      'close',
      deps.open.addStream(() => this.end()),
    );
  }

  private end(): void {
    this.ending = true;
    void this.told.then(() => {
      // Where its client has said that nothing more comes, the stream has its own end.
      if (this.signal.aborted || this.isOver || this.call.readableEnded) return;
      this.call.emit('error', statusOf(notReady('draining')));
    });
  }

  private take(request: ModelInferRequest | RefusedMessage): void {
    // Nothing is said of what comes now, so that its client knows that it may send it again.
    if (this.ending) return;
    const answer = this.answer(request);
    this.told = this.told.then(async () => this.tell(await answer));
  }

  /** Never fails: what went wrong is an answer too, or ends the stream where its caller is known no longer. */
  private async answer(request: ModelInferRequest | RefusedMessage): Promise<ModelStreamInferResponse | RequestError> {
    try {
      const answer = await this.infer(request);
      // Clients that wait for the last of several answers are told that there is one only.
      const parameters = { triton_final_response: { bool_param: true } };
      return { error_message: '', infer_response: { ...answer, parameters } };
    } catch (thrown) {
      const error = asRequestError(thrown);
      if (error.status === UNAUTHENTICATED) return error;
      if (error.status >= 500 && error.cause !== undefined) {
        this.deps.log.error({ err: error.cause, code: error.code }, error.message);
      }
      const id = request instanceof RefusedMessage ? '' : request.id;
      return { error_message: `[${error.code}] ${error.message}`, infer_response: { id } };
    }
  }

  private infer(request: ModelInferRequest | RefusedMessage): Promise<ModelInferResponse> {
    const { gate } = this.deps;
    const { metadata } = this.call;
    if (request instanceof RefusedMessage) return gate.message(metadata, {}, () => Promise.reject(request.error));
    return gate.message(metadata, subjectOf(request), (passed) => this.follow(request, passed));
  }

  private follow(request: ModelInferRequest, passed: Call): Promise<ModelInferResponse> {
    const { deps, call, signal } = this;
    const about = { id: passed.request, route: call.getPath(), model: passed.subject.model };
    return deps.open.follow(about, infer(deps, request, { call, passed, signal }));
  }

  private tell(answer: ModelStreamInferResponse | RequestError): void {
    if (this.signal.aborted || this.isOver) return;
    if (answer instanceof RequestError) this.refuse(answer);
    else this.call.write(answer);
  }

  private refuse(error: RequestError): void {
    this.isOver = true;
    this.deps.gate.failed(this.call.metadata, error);
    this.call.emit('error', statusOf(error));
  }
}

/** `ModelStreamInfer`. */
export function inferStream(deps: HandlerDeps): handleBidiStreamingCall<ModelInferRequest, ModelStreamInferResponse> {
  return (call) => void new InferStream(deps, call);
}

import { Metadata } from '@grpc/grpc-js';
import type { ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js';
import { HEADERS } from '../../contract';
import type { ModelIdentity } from '../data-plane';
import { readInferRequest, writeInferResponse } from './codec';
import type { Call, CallSubject } from './gate';
import type { HandlerDeps } from './handlers';
import type { ModelInferRequest, ModelInferResponse } from './messages';

/** A call that carries inference requests, one or many. */
export type InferCall =
  ServerUnaryCall<ModelInferRequest, ModelInferResponse> | ServerDuplexStream<ModelInferRequest, object>;

/** The model that a request is about. */
export const subjectOf = (request: ModelInferRequest): CallSubject => ({
  model: request.model_name,
  version: request.model_version || undefined,
});

/** Fires when the client leaves or the deadline of its call passes. */
export function departure(call: InferCall): AbortSignal {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort());
  return controller.signal;
}

/** Deadline of a call, on the clock of `performance.now()`; Infinity without one. */
function dueOf(call: InferCall): number {
  const deadline = call.getDeadline();
  return performance.now() + (deadline instanceof Date ? deadline.getTime() : deadline) - Date.now();
}

function servedByMetadata(servedBy: string): Metadata {
  const metadata = new Metadata();
  metadata.set(HEADERS.servedBy, servedBy);
  return metadata;
}

/** Answers one request. @throws RequestError */
export async function infer(
  { models, admission, gate, messageBytes }: HandlerDeps,
  request: ModelInferRequest,
  { call, passed, signal }: InferTurn,
): Promise<ModelInferResponse> {
  const leave = admission.enter();
  try {
    const [name, version] = [request.model_name, request.model_version || undefined];
    models.identify(name, version);
    const parsed = { ...readInferRequest(request, dueOf(call)), trace: passed.trace ?? undefined };
    const attribute = (key: string): string | undefined => call.metadata.get(key)[0]?.toString();
    const caller = passed.principal ?? undefined;
    const answering = ({ name: model, version: chosen }: ModelIdentity): void => {
      passed.answering = { model, version: chosen };
    };
    const asked = { name, version, request: parsed, signal, caller, attribute, answering, judge: gate.judge(passed) };
    const { model, outputs, servedBy } = await models.infer(asked);
    // A stream has one head for all its answers.
    if (servedBy !== undefined && !('write' in call)) call.sendMetadata(servedByMetadata(servedBy));
    // Whoever sent nothing typed may read raw contents only; whoever sends typed ones reads both.
    const raw = request.inputs.every(({ contents }) => contents.length === 0);
    return writeInferResponse(model, parsed.id, outputs, { raw, messageBytes });
  } finally {
    leave();
  }
}

/** What a request comes with. */
export interface InferTurn {
  readonly call: InferCall;
  readonly passed: Call;
  /** Fires when the client leaves. */
  readonly signal: AbortSignal;
}

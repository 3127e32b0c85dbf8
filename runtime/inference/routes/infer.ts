import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HEADERS } from '../../contract';
import type { Admission } from '../../shared/admission';
import { readBytes } from '../../shared/body-bytes';
import { callerKey } from '../../shared/caller-limits';
import type { Cancellation } from '../../shared/cancellation';
import { unsupportedMediaType } from '../../shared/errors';
import { deadlineOf } from '../deadline';
import { DecodingThread, INLINE_BYTES, INLINE_VALUES } from '../tensors/decoding-thread';
import { TooMuchJson } from '../tensors/json';
import { decodeRequest } from '../tensors/request';
import type { HttpInferenceRequest } from '../tensors/request';
import { isLongAnswer, writeAnswer, writeLongAnswer } from '../tensors/response';
import type { ModelIdentity } from '../data-plane';
import type { InferenceService } from '../serving/service';
import { attributeOf } from './attribute';
import { departure } from './departure';
import { timeoutOf } from './due';
import { MODEL_PATTERNS } from './models';
import type { ModelParams } from './models';

/** What the inference routes need. */
export interface InferDeps {
  readonly models: Pick<InferenceService, 'identify' | 'infer'>;
  readonly admission: Admission;
  /** Longest body that is taken, in bytes. */
  readonly maxRequestBytes: number;
}

type InferRequest = FastifyRequest<{ Params: ModelParams; Body: unknown }>;

const BINARY = 'application/octet-stream';
const JSON_TYPE = 'application/json';
/** Media type of answers, as Fastify writes it for texts, and not for bytes. */
const JSON_ANSWER = `${JSON_TYPE}; charset=utf-8`;

/** Reads a body where it arrived when that is done soon, and in a thread when it is not. */
function decode(
  request: InferRequest,
  headerLength: string | undefined,
  thread: DecodingThread,
  signal: Cancellation,
): HttpInferenceRequest | Promise<HttpInferenceRequest> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const jsonBytes = headerLength === undefined ? body.length : Number(headerLength);
  try {
    if (!(jsonBytes > INLINE_BYTES)) return decodeRequest(body, headerLength, INLINE_VALUES);
  } catch (error) {
    if (!(error instanceof TooMuchJson)) throw error;
  }
  const caller = request.principal === null ? undefined : callerKey(request.principal);
  return thread.decode(body, headerLength, { signal, caller });
}

async function infer(
  models: InferDeps['models'],
  thread: DecodingThread,
  request: InferRequest,
  reply: FastifyReply,
): Promise<string | Buffer> {
  const { name, version } = request.params;
  models.identify(name, version);
  const signal = departure(reply);
  const attribute = attributeOf(request);
  const began = performance.now();
  const read = decode(request, attribute(HEADERS.inferenceHeaderLength), thread, signal);
  // Without a promise where none is needed: short requests are most, and each turn of the event loop counts.
  const parsed = read instanceof Promise ? await read : read;
  const deadline = deadlineOf(timeoutOf(attribute(HEADERS.requestTimeout), parsed.timeoutMs), began);
  const asked = { ...parsed, deadline, trace: request.trace ?? undefined };
  const caller = request.principal ?? undefined;
  const answering = (model: ModelIdentity): void => void (request.servedModel = model);
  const call = {
    name,
    version,
    request: asked,
    signal,
    caller,
    attribute,
    answering,
    judge: request.judgeModel(name, version),
  };
  const { model, outputs, servedBy } = await models.infer(call);
  if (servedBy !== undefined) void reply.header(HEADERS.servedBy, servedBy);
  const head = { modelName: model.name, modelVersion: model.version, id: parsed.id };
  const answer = isLongAnswer(outputs, parsed.form)
    ? await writeLongAnswer(head, outputs, parsed.form, signal)
    : writeAnswer(head, outputs, parsed.form);
  if (answer.headerBytes !== undefined) void reply.header(HEADERS.inferenceHeaderLength, answer.headerBytes);
  void reply.type(answer.headerBytes === undefined ? JSON_ANSWER : BINARY);
  return answer.body;
}

/** Inference. Bodies are taken as bytes, because the codec bounds what `JSON.parse` does not. */
export function inferRoutes({
  models,
  admission,
  maxRequestBytes,
}: InferDeps): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.removeAllContentTypeParsers();
    const asBytes = readBytes(maxRequestBytes);
    app.addContentTypeParser([JSON_TYPE, BINARY], asBytes);
    // Clients of the protocol exist that send no media type.
    app.addContentTypeParser('*', (request, payload, done) => {
      if (request.headers['content-type'] === undefined) asBytes(request, payload, done);
      else done(unsupportedMediaType('this media type', `${JSON_TYPE}, or ${BINARY} where tensors follow the JSON`));
    });
    app.addHook('onRequest', admission.hook);
    const thread = new DecodingThread();
    app.addHook('onClose', () => thread.close());
    for (const pattern of MODEL_PATTERNS) {
      app.post(`${pattern}/infer`, { config: { access: 'infer' } }, (request: InferRequest, reply) =>
        infer(models, thread, request, reply),
      );
    }
  };
}

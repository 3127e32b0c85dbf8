import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PATHS } from '../../contract';
import type { Admission } from '../../shared/admission';
import { errorHandler } from '../../shared/error-plugin';
import type { RequestError } from '../../shared/errors';
import { CLIENT_GONE } from '../observe';
import { INLINE_MOST, parseJson } from '../tensors/json';
import { attributeOf } from './attribute';
import { departure } from './departure';
import { writeEmbeddings } from './openai-embeddings';
import { openAiError } from './openai-errors';
import { EventStream } from './openai-stream';
import type { Deliver, OpenAiCall, OpenAiWork } from './openai-work';

/** What the routes of the OpenAI-compatible API need. */
export interface OpenAiDeps {
  readonly work: OpenAiWork;
  readonly admission: Admission;
  /** Limit that a 413 answer names, in bytes. */
  readonly maxRequestBytes: number;
}

const JSON_TYPE = 'application/json; charset=utf-8';

function bodyOf(request: FastifyRequest): unknown {
  return parseJson(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), { most: INLINE_MOST });
}

function callOf(request: FastifyRequest, reply: FastifyReply): OpenAiCall {
  return {
    ...{ request: request.id, trace: request.trace },
    ...{ principal: request.principal, attribute: attributeOf(request), signal: departure(reply) },
    permit: (model, version) => request.permitModel(model, version),
    answering: (model) => (request.servedModel = model),
  };
}

/** Writes an answer as a whole or, where that is asked for, as a stream. */
function delivery(request: FastifyRequest, reply: FastifyReply): Deliver<object> {
  return async (writer, pieces, { stream }) => {
    if (!stream) return writer.whole(pieces);
    const failed = (error: RequestError): void => {
      request.lateError = error;
      const level = String(error.status) === CLIENT_GONE ? 'debug' : 'warn';
      request.log[level]({ err: error.cause ?? error, code: error.code }, 'the stream ended early');
    };
    await new EventStream(reply).write(writer.events(pieces), failed);
    return reply;
  };
}

/** What has begun as a stream has ended as one. Until here its error counts: versions on trial are judged by it. */
async function settled(request: FastifyRequest, reply: FastifyReply, answer: Promise<object>): Promise<object> {
  try {
    return await answer;
  } catch (error) {
    if (request.lateError === null) throw error;
    return reply;
  }
}

function register(app: FastifyInstance, { work, admission, maxRequestBytes }: OpenAiDeps): void {
  const { openai } = PATHS;
  app.setErrorHandler(errorHandler(maxRequestBytes, openAiError));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.get(`${openai}/models`, (request) => ({
    object: 'list',
    data: work.models().filter(({ id }) => request.showsModel(id)),
  }));
  app.get<{ Params: { id: string } }>(`${openai}/models/:id`, (request) =>
    work.model(request.params.id, (model, version) => request.permitModel(model, version)),
  );
  const options = { onRequest: admission.hook };
  app.post(`${openai}/embeddings`, options, async (request, reply) => {
    const call = callOf(request, reply);
    const answer = await work.embeddings(bodyOf(request), call);
    return reply.type(JSON_TYPE).send(await writeEmbeddings(answer, call.signal));
  });
  app.post(`${openai}/completions`, options, (request, reply) =>
    settled(request, reply, work.completions(bodyOf(request), callOf(request, reply), delivery(request, reply))),
  );
  app.post(`${openai}/chat/completions`, options, (request, reply) =>
    settled(request, reply, work.chat(bodyOf(request), callOf(request, reply), delivery(request, reply))),
  );
}

/** Models, embeddings, completions and chats in the form of OpenAI's API. */
export function openAiRoutes(deps: OpenAiDeps): (app: FastifyInstance) => Promise<void> {
  return async (app) => register(app, deps);
}

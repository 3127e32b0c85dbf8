import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PATHS } from '../../contract';
import type { Admission } from '../../shared/admission';
import { callerKey } from '../../shared/caller-limits';
import type { Cancellation } from '../../shared/cancellation';
import type { TextCall, TextDirectory } from '../text/directory';
import { splitId } from '../text/directory';
import type { TextModel } from '../text/model';
import { parseJson } from '../tensors/json';
import { departure } from './departure';
import { attributeOf } from './attribute';
import { AnswerWriter } from './openai-answers';
import type { AnswerForm } from './openai-answers';
import { embed } from './openai-embeddings';
import { openAiErrorHandler } from './openai-errors';
import { findModel, listModels } from './openai-models';
import { readChatRequest, readCompletionRequest, readEmbeddingRequest } from './openai-request';
import type { AnswerRequest } from './openai-request';
import { EventStream } from './openai-stream';

/** What the routes of the OpenAI-compatible API need. */
export interface OpenAiDeps {
  readonly models: TextDirectory;
  readonly admission: Admission;
  /** Limit that a 413 answer names, in bytes. */
  readonly maxRequestBytes: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const COMPLETION: AnswerForm = {
  idPrefix: 'cmpl',
  objects: { whole: 'text_completion', event: 'text_completion' },
  whole: (text) => ({ text }),
  part: (text) => ({ text }),
  logprobs: 'completion',
};

const CHAT: AnswerForm = {
  idPrefix: 'chatcmpl',
  objects: { whole: 'chat.completion', event: 'chat.completion.chunk' },
  whole: (content) => ({ message: { role: 'assistant', content, refusal: null } }),
  part: (content, isFirst) => ({ delta: isFirst ? { role: 'assistant', content } : { content } }),
  logprobs: 'chat',
};

function bodyOf(request: FastifyRequest): unknown {
  return parseJson(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
}

/** The routes, each of which reads its request, finds its model and answers. */
class OpenAiRoutes {
  private readonly created: number;

  constructor(private readonly deps: OpenAiDeps) {
    this.created = this.seconds();
  }

  register(app: FastifyInstance): void {
    const { models, admission, maxRequestBytes } = this.deps;
    const { openai } = PATHS;
    app.setErrorHandler(openAiErrorHandler(maxRequestBytes));
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    app.get(`${openai}/models`, () => listModels(models, this.created));
    app.get<{ Params: { name: string } }>(`${openai}/models/:name`, ({ params }) =>
      findModel(models, params.name, this.created),
    );
    const options = { onRequest: admission.hook };
    app.post(`${openai}/embeddings`, options, (request, reply) => this.embeddings(request, reply));
    app.post(`${openai}/completions`, options, (request, reply) => this.completions(request, reply));
    app.post(`${openai}/chat/completions`, options, (request, reply) => this.chat(request, reply));
  }

  private embeddings(request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const wanted = readEmbeddingRequest(bodyOf(request));
    const caller = request.principal === null ? undefined : callerKey(request.principal);
    const signal = departure(reply);
    return this.use(request, wanted.model, signal, (text) => embed(text, wanted, signal, caller));
  }

  private completions(request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const wanted = readCompletionRequest(bodyOf(request));
    const prompts = (text: TextModel): Promise<(readonly number[])[]> => {
      const { completer } = text;
      const param = (index: number): string => (wanted.prompts.length === 1 ? 'prompt' : `prompt[${index}]`);
      return Promise.all(wanted.prompts.map((prompt, index) => completer.prompt(prompt, param(index))));
    };
    return this.answer(request, reply, { wanted, form: COMPLETION, prompts });
  }

  private chat(request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const wanted = readChatRequest(bodyOf(request));
    const prompts = async ({ completer }: TextModel): Promise<(readonly number[])[]> => [
      await completer.conversation(wanted.messages),
    ];
    return this.answer(request, reply, { wanted, form: CHAT, prompts });
  }

  private answer(
    request: FastifyRequest,
    reply: FastifyReply,
    {
      wanted,
      form,
      prompts: promptsOf,
    }: {
      readonly wanted: AnswerRequest;
      readonly form: AnswerForm;
      readonly prompts: (text: TextModel) => Promise<readonly (readonly number[])[]>;
    },
  ): Promise<object> {
    const signal = departure(reply);
    return this.use(request, wanted.model, signal, async (text) => {
      const prompts = await promptsOf(text);
      const created = this.seconds();
      const { completer } = text;
      const writer = new AnswerWriter({ completer, prompts, request: wanted, form, signal, created });
      const pieces = writer.begin();
      if (!wanted.stream) return writer.whole(pieces);
      const failed = (error: unknown): void => request.log.warn({ err: error }, 'the stream ended early');
      await new EventStream(reply).write(writer.events(pieces), failed);
      return reply;
    });
  }

  /** Holds the model until the work is over; the caller must be allowed to use it. */
  private use<T>(
    request: FastifyRequest,
    id: string,
    signal: Cancellation,
    work: (text: TextModel) => Promise<T>,
  ): Promise<T> {
    const { name, version } = splitId(id);
    request.permitModel(name, version);
    const call: TextCall = {
      ...{ signal, caller: request.principal ?? undefined, attribute: attributeOf(request) },
      answering: (model) => (request.servedModel = model),
    };
    return this.deps.models.use(id, call, (text) => {
      request.servedModel = text.model;
      return work(text);
    });
  }

  private seconds(): number {
    return Math.floor(this.deps.now() / 1000);
  }
}

/** Models, embeddings, completions and chats in the form of OpenAI's API. */
export function openAiRoutes(deps: OpenAiDeps): (app: FastifyInstance) => Promise<void> {
  const routes = new OpenAiRoutes(deps);
  return async (app) => routes.register(app);
}

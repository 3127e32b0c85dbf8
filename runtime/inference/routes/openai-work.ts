import type { Principal } from '../../shared/api-keys';
import { callerKey } from '../../shared/caller-limits';
import type { Cancellation } from '../../shared/cancellation';
import type { ModelIdentity } from '../data-plane';
import type { TextDirectory } from '../text/directory';
import { splitId } from '../text/directory';
import type { TextModel } from '../text/model';
import type { ChoicePiece } from './merge-answers';
import { AnswerWriter, CHAT, COMPLETION } from './openai-answers';
import type { AnswerForm } from './openai-answers';
import { embed } from './openai-embeddings';
import type { EmbeddingAnswer } from './openai-embeddings';
import { findModel, listModels } from './openai-models';
import type { OpenAiModel } from './openai-models';
import { readChatRequest, readCompletionRequest, readEmbeddingRequest } from './openai-request';
import type { AnswerRequest } from './openai-request';

/** Who asks, as every transport tells it. */
export interface OpenAiCall {
  /** Nobody in particular where authentication is off. */
  readonly principal: Principal | null;
  /** A header, by its name in lower case. */
  readonly attribute: (name: string) => string | undefined;
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
  /** Judges the caller once the request has said which model it is about. @throws RequestError 403 */
  readonly permit: (model: string, version?: string) => void;
  /** Told which version answers, as soon as that is known. */
  readonly answering: (model: ModelIdentity) => void;
}

/** Hands an answer to its client while the model is held. @throws RequestError */
export type Deliver<T> = (
  writer: AnswerWriter,
  pieces: AsyncGenerator<ChoicePiece, void>,
  request: AnswerRequest,
) => Promise<T>;

interface AnswerParts<T> {
  readonly wanted: AnswerRequest;
  readonly form: AnswerForm;
  /** Tokens of the prompts. */
  readonly prompts: (text: TextModel) => Promise<readonly (readonly number[])[]>;
  readonly deliver: Deliver<T>;
}

/**
 * The operations of the OpenAI-compatible API without their transport: each reads its request, has the caller judged,
 * finds its model and answers. REST and GraphQL differ in how they are asked and in what they write.
 */
export class OpenAiWork {
  private readonly created: number;

  /** @param now milliseconds since the epoch */
  constructor(
    private readonly directory: TextDirectory,
    private readonly now: () => number,
  ) {
    this.created = this.seconds();
  }

  /** All models that take text. */
  models(): readonly OpenAiModel[] {
    return listModels(this.directory, this.created);
  }

  /** One of them. @throws RequestError */
  model(id: string): OpenAiModel {
    return findModel(this.directory, id, this.created);
  }

  /** @param body the request in the form of REST @throws RequestError */
  async embeddings(body: unknown, call: OpenAiCall): Promise<EmbeddingAnswer> {
    const wanted = readEmbeddingRequest(body);
    const caller = call.principal === null ? undefined : callerKey(call.principal);
    return this.use(wanted.model, call, (text) => embed(text, wanted, call.signal, caller));
  }

  /** @param body the request in the form of REST @throws RequestError */
  async completions<T>(body: unknown, call: OpenAiCall, deliver: Deliver<T>): Promise<T> {
    const wanted = readCompletionRequest(body);
    const prompts = ({ completer }: TextModel): Promise<(readonly number[])[]> => {
      const param = (index: number): string => (wanted.prompts.length === 1 ? 'prompt' : `prompt[${index}]`);
      return Promise.all(wanted.prompts.map((prompt, index) => completer.prompt(prompt, param(index))));
    };
    return this.answer(call, { wanted, form: COMPLETION, prompts, deliver });
  }

  /** @param body the request in the form of REST @throws RequestError */
  async chat<T>(body: unknown, call: OpenAiCall, deliver: Deliver<T>): Promise<T> {
    const wanted = readChatRequest(body);
    const prompts = async ({ completer }: TextModel): Promise<(readonly number[])[]> => [
      await completer.conversation(wanted.messages),
    ];
    return this.answer(call, { wanted, form: CHAT, prompts, deliver });
  }

  private answer<T>(call: OpenAiCall, { wanted, form, prompts: promptsOf, deliver }: AnswerParts<T>): Promise<T> {
    const { signal } = call;
    return this.use(wanted.model, call, async (text) => {
      const prompts = await promptsOf(text);
      const { completer } = text;
      const writer = new AnswerWriter({ completer, prompts, request: wanted, form, signal, created: this.seconds() });
      return deliver(writer, writer.begin(), wanted);
    });
  }

  /** Holds the model until the work is over; the caller must be allowed to use it. */
  private use<T>(id: string, call: OpenAiCall, work: (text: TextModel) => Promise<T>): Promise<T> {
    const { name, version } = splitId(id);
    const { principal, signal, attribute, answering, permit } = call;
    permit(name, version);
    return this.directory.use(id, { signal, caller: principal ?? undefined, attribute, answering }, (text) => {
      answering(text.model);
      return work(text);
    });
  }

  private seconds(): number {
    return Math.floor(this.now() / 1000);
  }
}

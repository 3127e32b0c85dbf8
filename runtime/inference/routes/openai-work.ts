import type { Context } from '@opentelemetry/api';
import type { Principal } from '../../shared/api-keys';
import { HEADERS } from '../../contract';
import { callerKey } from '../../shared/caller-limits';
import type { Cancellation } from '../../shared/cancellation';
import { traceFields } from '../../shared/tracing';
import type { ModelIdentity } from '../data-plane';
import type { OperationId } from '../operations/table';
import { textsTensor } from '../payload-log/text-note';
import type { TextNote, TextRequest } from '../payload-log/text-note';
import type { Tensor } from '../tensors/tensor';
import type { TextDirectory } from '../text/directory';
import { splitId } from '../text/directory';
import type { TextModel } from '../text/model';
import type { Asker } from '../threads/turn-queue';
import { Due, timeoutOf } from './due';
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
  /** Id of the request. */
  readonly request: string;
  readonly trace: Context | null;
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

/** What a request is about, once it is read. */
interface Asked {
  readonly operation: OperationId;
  /** The model, perhaps with its version. */
  readonly model: string;
  /** Its texts, for who notes them. */
  readonly inputs: () => Tensor;
}

interface AnswerParts<T> extends Omit<Asked, 'model'> {
  readonly wanted: AnswerRequest;
  readonly form: AnswerForm;
  /** Tokens of the prompts. */
  readonly prompts: (text: TextModel, asker: Asker) => Promise<readonly (readonly number[])[]>;
  readonly deliver: Deliver<T>;
}

const callerOf = ({ principal }: OpenAiCall): string | undefined =>
  principal === null ? undefined : callerKey(principal);

/**
 * The operations of the OpenAI-compatible API without their transport: each reads its request, has the caller judged,
 * finds its model and answers. REST and GraphQL differ in how they are asked and in what they write.
 */
export class OpenAiWork {
  private readonly created: number;

  /**
   * @param now milliseconds since the epoch
   * @param notes begins a note of a request that is to be recorded
   */
  constructor(
    private readonly directory: TextDirectory,
    private readonly now: () => number,
    private readonly notes: (asked: TextRequest) => TextNote | undefined = () => undefined,
  ) {
    this.created = this.seconds();
  }

  /** All models that take text. */
  models(): readonly OpenAiModel[] {
    return listModels(this.directory, this.created);
  }

  /** One of them, or one version. @throws RequestError */
  model(id: string, permit: OpenAiCall['permit']): OpenAiModel {
    const { name, version } = splitId(id);
    permit(name, version);
    return findModel(this.directory, id, this.created);
  }

  /** @param body the request in the form of REST @throws RequestError */
  async embeddings(body: unknown, call: OpenAiCall): Promise<EmbeddingAnswer> {
    const wanted = readEmbeddingRequest(body);
    const trace = call.trace ?? undefined;
    const inputs = (): Tensor => textsTensor('input', wanted.inputs);
    const asked = { operation: 'OpenAiEmbeddings', model: wanted.model, inputs } as const;
    return this.use(asked, call, (text, { note, due: { signal } }) =>
      embed(text, wanted, { signal, caller: callerOf(call), trace, note }),
    );
  }

  /** @param body the request in the form of REST @throws RequestError */
  async completions<T>(body: unknown, call: OpenAiCall, deliver: Deliver<T>): Promise<T> {
    const wanted = readCompletionRequest(body);
    const prompts = ({ completer }: TextModel, asker: Asker): Promise<(readonly number[])[]> => {
      const param = (index: number): string => (wanted.prompts.length === 1 ? 'prompt' : `prompt[${index}]`);
      return Promise.all(wanted.prompts.map((prompt, index) => completer.prompt(prompt, param(index), asker)));
    };
    const inputs = (): Tensor => textsTensor('prompt', wanted.prompts);
    const operation = 'OpenAiCompletions';
    return this.answer(call, { operation, wanted, form: COMPLETION, prompts, inputs, deliver });
  }

  /** @param body the request in the form of REST @throws RequestError */
  async chat<T>(body: unknown, call: OpenAiCall, deliver: Deliver<T>): Promise<T> {
    const wanted = readChatRequest(body);
    const prompts = async ({ completer }: TextModel, asker: Asker): Promise<(readonly number[])[]> => [
      await completer.conversation(wanted.messages, asker),
    ];
    const inputs = (): Tensor => textsTensor('messages', wanted.messages);
    const operation = 'OpenAiChatCompletions';
    return this.answer(call, { operation, wanted, form: CHAT, prompts, inputs, deliver });
  }

  private answer<T>(call: OpenAiCall, parts: AnswerParts<T>): Promise<T> {
    const { operation, wanted, form, inputs } = parts;
    return this.use({ operation, model: wanted.model, inputs }, call, async (text, { note, due }) => {
      const { signal } = due;
      const asker = { signal, caller: callerOf(call) };
      const prompts = await parts.prompts(text, asker);
      note?.read(prompts.map(({ length }) => length));
      const { completer } = text;
      const writer = new AnswerWriter({
        completer,
        prompts,
        request: wanted,
        form,
        asker,
        created: this.seconds(),
        note,
      });
      return parts.deliver(writer, due.pieces(writer.begin()), wanted);
    });
  }

  /** Holds the model until the work is over; the caller must be allowed to use it. */
  private use<T>(
    { model: id, ...asked }: Asked,
    call: OpenAiCall,
    work: (text: TextModel, told: { readonly note: TextNote | undefined; readonly due: Due }) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = timeoutOf(call.attribute(HEADERS.requestTimeout));
    const { name: model, version } = splitId(id);
    const { signal, attribute, permit, request } = call;
    permit(model, version);
    const caller = call.principal ?? undefined;
    let served: ModelIdentity | undefined;
    const answering = (chosen: ModelIdentity): void => {
      served = chosen;
      call.answering(chosen);
    };
    const trace = traceFields(call.trace)?.trace_id;
    const note = this.notes({ ...asked, request, trace, caller, model, version, served: () => served, signal });
    const due = new Due(signal, timeoutMs);
    const turn = { signal: due.signal, caller, attribute, answering };
    const use = (text: TextModel): Promise<T> => {
      answering(text.model);
      // A name without a version, an alias or a rule may have led to a version that the caller must not have.
      if (text.model.version !== version) permit(text.model.name, text.model.version);
      return work(text, { note, due });
    };
    const answered = due.within(() => this.directory.use(id, turn, use));
    return note === undefined ? answered : note.follow(answered);
  }

  private seconds(): number {
    return Math.floor(this.now() / 1000);
  }
}

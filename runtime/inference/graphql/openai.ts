import type { Choice, Usage, WholeAnswer } from '../routes/openai-answers';
import { base64Of, vectorText } from '../routes/openai-embeddings';
import type { EmbeddingAnswer } from '../routes/openai-embeddings';
import type { OpenAiModel } from '../routes/openai-models';
import type { Deliver, OpenAiCall } from '../routes/openai-work';
import { invalidParameter, ParameterError } from '../text/errors';
import type { Arguments, Field, FieldCall, FieldContext, GraphQlDeps } from './context';
import { JsonText } from './scalars';

interface TextInput {
  readonly text?: string;
  readonly tokens?: readonly unknown[];
}

interface MessageInput {
  readonly role: string;
  readonly content: readonly string[];
  readonly name?: string | null;
}

interface LogitBias {
  readonly token: number;
  readonly bias: number;
}

const inputsOf = (inputs: readonly TextInput[]): unknown => inputs.map(({ text, tokens }) => text ?? tokens);

const messageOf = ({ content, ...rest }: MessageInput): object => {
  const [only] = content;
  const parts = content.map((text) => ({ type: 'text', text }));
  return { ...rest, content: content.length === 1 ? only : parts };
};

function biasOf(entries: readonly LogitBias[]): object {
  const bias = Object.fromEntries(entries.map(({ token, bias: by }) => [token, by]));
  if (Object.keys(bias).length < entries.length) throw invalidParameter('logit_bias', 'names a token twice');
  return bias;
}

/** Arguments whose form differs from that of REST. The schema has held them to their types. */
const FORMS: Readonly<Record<string, (value: never) => unknown>> = {
  input: inputsOf,
  prompt: inputsOf,
  messages: (messages: readonly MessageInput[]) => messages.map(messageOf),
  logitBias: biasOf,
};

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());

/** A request in the form of REST, which is held to every rule of it. */
function bodyOf(given: Arguments): object {
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const form = value === null ? undefined : FORMS[name];
    body[snakeCase(name)] = form === undefined ? value : form(value as never);
  }
  return body;
}

/** Name of an argument, and the place inside it, by its name in REST. */
const argumentOf = (param: string): string => camelCase(param).replace(/(\.content\[\d+\])\.text$/, '$1');

/** Does work of REST, whose refusals name arguments here as the schema does. */
async function inOwnNames<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ParameterError ? error.renamed(argumentOf(error.param)) : error;
  }
}

const callOf = ({ request, trace, principal, attribute, signal }: FieldContext, call: FieldCall): OpenAiCall => ({
  ...{ request, trace, principal, attribute, signal },
  ...call,
});

const modelOf = ({ id, created, owned_by: ownedBy }: OpenAiModel): object => ({ id, created, ownedBy });

const usageOf = (usage: Omit<Usage, 'completion_tokens'> & Partial<Usage>): object => ({
  promptTokens: usage.prompt_tokens,
  completionTokens: usage.completion_tokens,
  totalTokens: usage.total_tokens,
});

/** Embeddings, each written only in the form that is asked for. */
const embeddingsOf = ({ model, vectors, tokens }: EmbeddingAnswer): object => ({
  model,
  data: vectors.map((vector, index) => ({
    index,
    embedding: new JsonText(() => [vectorText(vector)]),
    raw: () => base64Of(vector),
  })),
  usage: usageOf({ prompt_tokens: tokens, total_tokens: tokens }),
});

const choiceOf = ({ index, text, message, logprobs, finish_reason: finishReason }: Choice): object => ({
  ...{ index, text, message, finishReason },
  // As one text: there may be twenty for each token, and the library takes its time for each object of an answer.
  logprobs: logprobs === null ? null : new JsonText(() => [JSON.stringify(logprobs)]),
});

const answerOf = ({ id, created, model, choices, usage }: WholeAnswer): object => ({
  ...{ id, created, model },
  choices: choices.map(choiceOf),
  usage: usageOf(usage),
});

const whole: Deliver<object> = async (writer, pieces) => answerOf(await writer.whole(pieces));

/** What models of text do, by the field of the schema that asks for it. */
export function openAiFields({ openai }: GraphQlDeps): Readonly<Record<string, Field>> {
  const field = (work: (body: object, call: OpenAiCall) => Promise<object>): Field => ({
    answer: (given, context, call) => inOwnNames(() => work(bodyOf(given), callOf(context, call))),
  });
  return {
    'Query.openAiModels': {
      answer: (_given, _context, { shows }) =>
        openai
          .models()
          .filter(({ id }) => shows(id))
          .map(modelOf),
    },
    'Query.openAiModel': {
      answer: ({ id }, _context, { permit }) => modelOf(openai.model(String(id), permit)),
    },
    'Query.embeddings': field(async (body, call) => embeddingsOf(await openai.embeddings(body, call))),
    'Query.completions': field((body, call) => openai.completions(body, call, whole)),
    'Query.chatCompletions': field((body, call) => openai.chat(body, call, whole)),
  };
}

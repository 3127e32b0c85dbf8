/** Arguments that completions and chats have in common, under the names of REST in camel case. */
const ANSWER_ARGUMENTS = `
    "Most tokens of an answer."
    maxTokens: Int
    "From 0, which takes the likeliest token, to 2; 1 when absent."
    temperature: Float
    "Share of the probability that tokens are drawn from, from 0 to 1; 1 when absent."
    topP: Float
    "Number of the likeliest tokens that are drawn from; 0 stands for all."
    topK: Int
    "The same seed draws the same answer."
    seed: SafeInt
    "From -2 to 2; 0 when absent."
    frequencyPenalty: Float
    "From -2 to 2; 0 when absent."
    presencePenalty: Float
    logitBias: [LogitBias!]
    "Texts that end an answer and are no part of it."
    stop: [String!]
    "Answers to each prompt: there is one."
    n: Int
    "Whoever stands behind the caller; it changes nothing."
    user: String`;

/** What models of text do, in the form of OpenAI's API. Each field of `Query` has a row in the operation table. */
export const OPENAI_SDL = `
"An integer from -(2^53 - 1) to 2^53 - 1."
scalar SafeInt
"Tokens of a text, a list of integers."
scalar Tokens

extend type Query {
  "Models that take text, as OpenAI lists them."
  openAiModels: [OpenAiModel!]
  "One of them."
  openAiModel(id: String!): OpenAiModel
  "Vectors of texts."
  embeddings(
    "A model, or a model and a version with a colon between them."
    model: String!
    input: [TextInput!]!
    "Elements that vectors are cut to; those have length 1 again."
    dimensions: Int
    user: String
  ): Embeddings
  "Completions of prompts."
  completions(
    "A model, or a model and a version with a colon between them."
    model: String!
    prompt: [TextInput!]!
    "Likeliest tokens whose probabilities are told, beside that of the token that was taken."
    logprobs: Int
${ANSWER_ARGUMENTS}
  ): Completions
  "An answer in a conversation."
  chatCompletions(
    "A model, or a model and a version with a colon between them."
    model: String!
    messages: [ChatMessageInput!]!
    "Most tokens of the answer; goes before maxTokens."
    maxCompletionTokens: Int
    "Whether the probabilities of tokens are told."
    logprobs: Boolean
    "Likeliest tokens whose probabilities are told too."
    topLogprobs: Int
${ANSWER_ARGUMENTS}
  ): ChatCompletions
}

"A text or its tokens."
input TextInput @oneOf { text: String tokens: Tokens }

"Raises or lowers how likely a token is, from -100 to 100."
input LogitBias { token: Int! bias: Float! }

enum ChatRole { system developer user assistant }

input ChatMessageInput {
  role: ChatRole!
  "Its text; several are put together."
  content: [String!]!
  "Name of whoever speaks."
  name: String
}

type OpenAiModel {
  id: String!
  "Seconds since the epoch at which the server began."
  created: SafeInt!
  ownedBy: String!
}

"Tokens that a request used."
type Usage {
  promptTokens: Int!
  "None for embeddings."
  completionTokens: Int
  totalTokens: Int!
}

"Elements of a vector, a list of numbers; null for one that is no number."
scalar Vector

type Embeddings { model: String! data: [Embedding!]! usage: Usage! }

type Embedding {
  index: Int!
  embedding: Vector!
  "The same as 32-bit floats, little-endian."
  raw: Base64!
}

type Completions {
  id: String!
  "Seconds since the epoch."
  created: SafeInt!
  model: String!
  choices: [CompletionChoice!]!
  usage: Usage!
}

type CompletionChoice {
  "Number of the prompt."
  index: Int!
  text: String!
  "stop or length."
  finishReason: String
  "Probabilities of the tokens; none unless they are asked for."
  logprobs: Json
}

type ChatCompletions {
  id: String!
  "Seconds since the epoch."
  created: SafeInt!
  model: String!
  choices: [ChatChoice!]!
  usage: Usage!
}

type ChatChoice {
  index: Int!
  message: ChatMessage!
  "stop or length."
  finishReason: String
  "Probabilities of the tokens; none unless they are asked for."
  logprobs: Json
}

type ChatMessage { role: ChatRole! content: String! refusal: String }
`;

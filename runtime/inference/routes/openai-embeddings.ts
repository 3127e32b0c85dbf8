import type { Cancellation } from '../../shared/cancellation';
import type { TextNote } from '../payload-log/text-note';
import { writeParts } from '../tensors/parts';
import type { EmbeddingCall } from '../text/embedder';
import { invalidParameter } from '../text/errors';
import type { TextModel } from '../text/model';
import { normalized } from '../text/pooling';
import type { EmbeddingRequest } from './openai-request';

/** Embeddings in the order of their texts. */
export interface EmbeddingAnswer {
  /** The model, as it was asked for. */
  readonly model: string;
  readonly vectors: readonly Float32Array[];
  /** Tokens of all texts. */
  readonly tokens: number;
  /** Whether Base64 was asked for. */
  readonly base64: boolean;
}

function shortened(vector: Float32Array, dimensions: number | undefined): Float32Array {
  if (dimensions === undefined || dimensions === vector.length) return vector;
  if (dimensions > vector.length) throw invalidParameter('dimensions', `the model has ${vector.length}`);
  return normalized(vector.slice(0, dimensions));
}

/** Who asks for embeddings, and who is told of them. */
export interface Embedding extends EmbeddingCall {
  /** @default - nobody notes them */
  readonly note?: TextNote | undefined;
}

/** Answers a request for embeddings. @throws RequestError */
export async function embed(
  text: TextModel,
  { model, inputs, dimensions, base64 }: EmbeddingRequest,
  { note, ...call }: Embedding,
): Promise<EmbeddingAnswer> {
  const { vectors: whole, tokens } = await text.embedder.embed(inputs, call);
  const vectors = whole.map((vector) => shortened(vector, dimensions));
  note?.embedded(vectors, tokens);
  return { model, vectors, tokens, base64 };
}

/** A vector as its bytes, little-endian, in Base64. */
export function base64Of({ buffer, byteOffset, byteLength }: Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** A vector as a list of numbers. In all digits of a double: the fewest that say a float take five times as long. */
export const vectorText = (vector: Float32Array): string => JSON.stringify(Array.from(vector));

function* documentParts({ model, vectors, tokens, base64 }: EmbeddingAnswer): Generator<string> {
  yield '{"object":"list","data":[';
  for (const [index, vector] of vectors.entries()) {
    const embedding = base64 ? `"${base64Of(vector)}"` : vectorText(vector);
    yield `${index === 0 ? '' : ','}{"object":"embedding","index":${index},"embedding":${embedding}}`;
  }
  yield `],"model":${JSON.stringify(model)},"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}}}`;
}

/**
 * Embeddings in the form of OpenAI's API: a short request may have an answer of many megabytes, so others are answered
 * while it is written.
 *
 * @throws RequestError (413) where it is too long, and 499 when the client left meanwhile
 */
export async function writeEmbeddings(answer: EmbeddingAnswer, signal: Cancellation): Promise<Buffer> {
  const remedy = answer.base64
    ? 'send fewer texts, or ask for fewer dimensions'
    : 'ask for the encoding_format base64, or send fewer texts';
  return Buffer.concat(await writeParts(documentParts(answer), { signal, remedy }));
}

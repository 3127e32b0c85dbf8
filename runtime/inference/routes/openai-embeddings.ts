import type { TextNote } from '../payload-log/text-note';
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

/** Embeddings in the form of OpenAI's API. */
export function embeddingsDocument({ model, vectors, tokens, base64 }: EmbeddingAnswer): object {
  const data = vectors.map((vector, index) => {
    const embedding = base64 ? base64Of(vector) : Array.from(vector);
    return { object: 'embedding', index, embedding };
  });
  return { object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

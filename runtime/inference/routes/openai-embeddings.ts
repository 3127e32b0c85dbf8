import type { Cancellation } from '../../shared/cancellation';
import { invalidParameter } from '../text/errors';
import type { TextModel } from '../text/model';
import { normalized } from '../text/pooling';
import type { EmbeddingRequest } from './openai-request';

function shortened(vector: Float32Array, dimensions: number | undefined): Float32Array {
  if (dimensions === undefined || dimensions === vector.length) return vector;
  if (dimensions > vector.length) throw invalidParameter('dimensions', `the model has ${vector.length}`);
  return normalized(vector.slice(0, dimensions));
}

/** Answers a request for embeddings. @throws RequestError */
export async function embed(
  text: TextModel,
  request: EmbeddingRequest,
  signal: Cancellation,
  caller: string | undefined,
): Promise<object> {
  const { vectors, tokens } = await text.embedder.embed(request.inputs, signal, caller);
  const data = vectors.map((vector, index) => {
    const values = shortened(vector, request.dimensions);
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    const embedding = request.base64 ? bytes.toString('base64') : Array.from(values);
    return { object: 'embedding', index, embedding };
  });
  return { object: 'list', data, model: request.model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

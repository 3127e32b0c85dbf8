import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import { emptyCache } from '../../../runtime/inference/generation/cache';
import { readDecoder } from '../../../runtime/inference/generation/decoder';
import { feed } from '../../../runtime/inference/generation/graph-run';
import type { GenerationOptions, SamplingOptions } from '../../../runtime/inference/generation/protocol';

/** Takes the likeliest token each time. */
export const GREEDY: SamplingOptions = {
  temperature: 0,
  topP: 1,
  topK: 0,
  seed: 0,
  frequencyPenalty: 0,
  presencePenalty: 0,
  bias: [],
};

/** So many tokens, chosen greedily. */
export const greedy = (maxTokens: number, endTokens: readonly number[] = []): GenerationOptions => ({
  sampling: GREEDY,
  maxTokens,
  endTokens,
  logprobs: undefined,
});

/** A loaded model in this process. */
export async function loaded(file: string): Promise<OnnxBackend> {
  const backend = new OnnxBackend({ executionProvider: 'cpu', threads: 1 });
  await backend.load(file);
  return backend;
}

/** Greedy tokens of a naive loop: the whole text is run again for each token, and no cache is used. */
export async function naive(backend: OnnxBackend, prompt: readonly number[], count: number): Promise<number[]> {
  if (backend.signature === undefined) throw new Error('not loaded');
  const graph = readDecoder(backend.signature);
  const text = [...prompt];
  for (let turn = 0; turn < count; turn++) {
    const { scores } = await feed(backend, graph, {
      cache: emptyCache(graph.slots),
      tokens: [Int32Array.from(text)],
      held: [0],
    });
    const [row = new Float32Array()] = scores;
    text.push(row.indexOf(Math.max(...row)));
  }
  return text.slice(prompt.length);
}

import { PATHS } from '../../contract';
import { ask, jsonOf } from '../http';
import { at, list } from '../json';
import { bodyOf, headersOf, tensorSamples, textSamples } from './sample';
import type { Sample } from './sample';
import type { Signature } from './signature';

/** Milliseconds that a model may take for a sample: a run has its own limit in the server. */
const PATIENCE_MS = 60_000;

/** Names of the models that take text. */
export async function textModels(
  base: string,
  headers: Readonly<Record<string, string>>,
): Promise<ReadonlySet<string>> {
  const answer = await ask(`${base}${PATHS.openai}/models`, { headers }).catch(() => undefined);
  if (answer?.status !== 200) return new Set();
  return new Set(list(at(jsonOf(answer), 'data')).map((model) => String(at(model, 'id'))));
}

/** The first sample that the server answers with 200; undefined when it answers none. */
export async function workingSample(
  base: string,
  signature: Signature,
  takesText: boolean,
  headers: Readonly<Record<string, string>>,
): Promise<Sample | undefined> {
  const samples = [...(takesText ? textSamples(signature.name) : []), ...tensorSamples(signature)];
  for (const sample of samples) {
    const request = { method: 'POST', headers: { ...headers, ...headersOf(sample) }, body: bodyOf(sample) } as const;
    const answer = await ask(base + sample.path, { ...request, timeoutMs: PATIENCE_MS }).catch(() => undefined);
    if (answer?.status === 200) return sample;
  }
  return undefined;
}

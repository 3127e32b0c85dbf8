import { describe, expect, it } from 'vitest';
import type { GenerationStep } from '../../../../runtime/inference/generation/protocol';
import { LogprobWriter } from '../../../../runtime/inference/routes/openai-logprobs';

/** Texts of tokens by id: two bytes that are no character alone look the same. */
const TEXTS = ['the', 'cat', '\uFFFD', '\uFFFD', '__proto__', '\u00e9'];

const tokenTexts = (ids: readonly number[]): Promise<readonly string[]> =>
  Promise.resolve(ids.map((id) => TEXTS[id] ?? ''));

function step(token: number, chosen: number, ...top: (readonly [token: number, logprob: number])[]): GenerationStep {
  return { token, logprobs: { chosen, top } };
}

const written = (form: 'chat' | 'completion', ...steps: GenerationStep[]): Promise<object | null> =>
  new LogprobWriter({ tokenTexts }, form, false).take(steps);

describe('the probabilities of a completion', () => {
  it('are those of the likeliest where several tokens have the same text', async () => {
    const told = await written('completion', step(2, -0.5, [2, -0.5], [3, -1.5], [4, -2]));
    expect(told).toMatchObject({ tokens: ['\uFFFD'], token_logprobs: [-0.5] });
    const [top = {}] = (told as { readonly top_logprobs: readonly object[] }).top_logprobs;
    expect(Object.entries(top)).toEqual([
      ['\uFFFD', -0.5],
      ['__proto__', -2],
    ]);
  });

  it('name the drawn token too, likely or not', async () => {
    const steps = [step(1, -3, [0, -0.1], [5, -2]), step(0, -0.1, [0, -0.1]), step(5, -4)];
    expect(await written('completion', ...steps)).toMatchObject({
      top_logprobs: [{ the: -0.1, é: -2, cat: -3 }, { the: -0.1 }, { é: -4 }],
    });
  });
});

describe('the probabilities of a chat', () => {
  it('come with the bytes of each token, or with none where its text is no character', async () => {
    const told = await written('chat', step(5, -1, [5, -1], [2, -2], [0, -3]));
    expect(told).toEqual({
      content: [
        {
          ...{ token: '\u00e9', logprob: -1, bytes: [0xc3, 0xa9] },
          top_logprobs: [
            { token: '\u00e9', logprob: -1, bytes: [0xc3, 0xa9] },
            { token: '\uFFFD', logprob: -2, bytes: null },
            { token: 'the', logprob: -3, bytes: [...Buffer.from('the')] },
          ],
        },
      ],
      refusal: null,
    });
  });
});

import { describe, expect, it } from 'vitest';
import type { GenerationStep } from '../../../../runtime/inference/generation/protocol';
import { LogprobWriter } from '../../../../runtime/inference/routes/openai-logprobs';
import { Completer } from '../../../../runtime/inference/text/completer';
import type { CompleterParts } from '../../../../runtime/inference/text/completer';
import { TextEngine } from '../../../../runtime/inference/text/engine';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles, writeFiles } from '../../support/text-store';
import { sentencePiece } from '../../support/tokenizers';

type Decoding = { readonly lists: readonly (readonly number[])[]; readonly skipSpecial: boolean };

const PIECES = sentencePiece(['\u2581Hello', '\u2581world', '\u2581a']) as {
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
};

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

describe('the texts of tokens', () => {
  const files = { ...decoderFiles(), 'tokenizer.json': Buffer.from(JSON.stringify(PIECES)) };
  const engine = new TextEngine(writeFiles(temporaryFolder(), files));
  const id = (token: string): number => Object.keys(PIECES.model.vocab).indexOf(token);
  const completer = new Completer({
    description: engine.describe(),
    thread: { ask: async ({ lists, skipSpecial }: Decoding) => engine.decode(lists, skipSpecial) },
    observe: {},
  } as unknown as CompleterParts);
  const [hello, world, space, bare] = [id('\u2581Hello'), id('\u2581world'), id('\u2581'), id('w')];
  const told = (form: 'chat' | 'completion', ...ids: readonly number[]) =>
    new LogprobWriter(completer, form, false).take(ids.map((token) => step(token, -1, [token, -1], [bare, -2])));

  it('have the spaces that they have in an answer, and add up to it', async () => {
    const written = await told('completion', world, space, hello, bare);
    expect(written).toMatchObject({ tokens: [' world', ' ', ' Hello', 'w'], text_offset: [0, 6, 7, 13] });
    const collided = await new LogprobWriter(completer, 'completion', false).take([
      step(space, -1, [space, -1], [id('a'), -2]),
    ]);
    expect(collided).toMatchObject({ top_logprobs: [{ ' ': -1, a: -2 }] });
  });

  it('add up to a message, whose first word has no space before it, also where they come one by one', async () => {
    const ids = [hello, world, bare];
    const [text] = engine.decode([ids], true);
    expect(text).toBe('Hello worldw');
    const writer = new LogprobWriter(completer, 'chat', true);
    for (const token of ids) await writer.take([step(token, -1, [token, -1])]);
    for (const all of [writer.all(), await told('chat', ...ids)]) {
      const { content } = all as { readonly content: readonly { readonly token: string }[] };
      expect(content.map(({ token }) => token).join('')).toBe(text);
    }
  });

  it('are those of control tokens and of bytes, too', async () => {
    expect(await told('completion', id('</s>'), id('<0xC3>'))).toMatchObject({ tokens: ['</s>', '\uFFFD'] });
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

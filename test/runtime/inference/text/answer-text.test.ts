import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerText } from '../../../../runtime/inference/text/answer-text';
import { TextEngine } from '../../../../runtime/inference/text/engine';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles, writeFiles } from '../../support/text-store';
import { sentencePiece } from '../../support/tokenizers';

const engine = new TextEngine(writeFiles(temporaryFolder(), decoderFiles()));
const decode = async (lists: readonly (readonly number[])[]): Promise<string[]> => engine.decode(lists, true);

async function spoken(tokens: readonly number[], stops: readonly string[] = []): Promise<string[]> {
  const text = new AnswerText(decode, stops);
  const pieces: string[] = [];
  for (const [index, token] of tokens.entries()) {
    const piece = await text.push([token], index === tokens.length - 1);
    pieces.push(piece.text);
    if (piece.stopped) return [...pieces, 'STOP'];
  }
  return pieces;
}

/** Text and number of the tokens of an answer that takes them in groups of some sizes. */
async function grouped(
  ids: readonly number[],
  stops: readonly string[],
  sizes: readonly number[],
  prompt: readonly number[] = [],
) {
  const answer = new AnswerText(decode, stops, prompt);
  let [text, tokens, stopped] = ['', 0, false];
  for (let turn = 0; tokens < ids.length && !stopped; turn++) {
    const end = tokens + (sizes[turn % sizes.length] ?? 1);
    const piece = await answer.push(ids.slice(tokens, end), end >= ids.length);
    [text, tokens, stopped] = [text + piece.text, tokens + piece.tokens, piece.stopped];
  }
  return { text, tokens, stopped };
}

describe('the text of an answer', () => {
  it('is that of all tokens at once, and its pieces hold whole characters only', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), async (text) => {
        const [ids = []] = engine.encode([text], false);
        const pieces = await spoken(ids);
        expect(pieces.join('')).toBe(engine.decode([ids], true)[0]);
        if (!text.includes('\uFFFD')) expect(pieces.join('')).not.toContain('\uFFFD');
      }),
    );
  });

  it('has the spaces of all tokens at once, whatever control tokens without a text stand between them', async () => {
    const document = sentencePiece(['\u2581the', '\u2581cat', '\u2581\u2581', 'at']);
    const files = { ...decoderFiles(), 'tokenizer.json': Buffer.from(JSON.stringify(document)) };
    const pieces = new TextEngine(writeFiles(temporaryFolder(), files));
    const [words = []] = pieces.encode(['the cat   at a'], false);
    const ids = fc.array(fc.constantFrom(...words, 1, 2), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(ids, async (tokens) => {
        const answer = new AnswerText(async (lists) => pieces.decode(lists, true), []);
        let text = '';
        for (const [index, token] of tokens.entries()) {
          text += (await answer.push([token], index === tokens.length - 1)).text;
        }
        expect(text).toBe(pieces.decode([tokens], true)[0]);
      }),
      { numRuns: 300 },
    );
  });

  it('holds no part of a stop text back that turns out to be none', async () => {
    const [ids = []] = engine.encode(['the cat sat'], false);
    expect((await spoken(ids, ['cats'])).join('')).toBe('the cat sat');
  });

  it('ends before the first stop text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('cat', ' sat', 't on', 'mat', 'on the'), async (stop) => {
        const text = 'the cat sat on the mat';
        const [ids = []] = engine.encode([text], false);
        expect((await spoken(ids, [stop, 'never'])).join('')).toBe(`${text.slice(0, text.indexOf(stop))}STOP`);
      }),
    );
  });

  it('ends at the same token before a stop text, however many tokens come at once', async () => {
    const part = fc.oneof(fc.constantFrom('cat', ' sat', 'on', ' the', '\u{1f408}'), fc.string({ unit: 'grapheme' }));
    const text = fc.array(part, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(''));
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
    const place = fc.tuple(fc.nat(100), fc.integer({ min: 1, max: 6 }));
    await fc.assert(
      fc.asyncProperty(text, place, sizes, async (whole, [start, length], groups) => {
        fc.pre(!whole.includes('\uFFFD'));
        const [ids = []] = engine.encode([whole], false);
        const own = [...whole].slice(start, start + length).join('');
        const stops = [own, 'cat', 'on the'].filter((stop) => stop !== '');
        expect(await grouped(ids, stops, groups)).toEqual(await grouped(ids, stops, [1]));
      }),
      { numRuns: 300 },
    );
  });

  it('waits for the rest of a character however many tokens come before it at once', async () => {
    const [ids = []] = engine.encode(['zqxjkvwzqxjkvw\u{1f408}!'], false);
    expect((await grouped(ids, [], [ids.length - 3, 1])).text).toBe('zqxjkvwzqxjkvw\u{1f408}!');
  });

  it('has the whole of a character that begins in its prompt', async () => {
    const [ids = []] = engine.encode(['z\u2713!'], false);
    for (const length of [1, 2, 3]) {
      expect((await grouped(ids.slice(length), [], [1], ids.slice(0, length))).text).toBe('\u2713!');
    }
  });

  it('shows bytes that are no character in the end, and does not wait for ever', async () => {
    expect((await spoken([0xf0])).join('')).toBe('\uFFFD');
    const pieces = await spoken(Array<number>(40).fill(0xff));
    expect(pieces.slice(0, 20).join('')).toContain('\uFFFD');
    expect(pieces.join('').length).toBeGreaterThan(30);
  });
});

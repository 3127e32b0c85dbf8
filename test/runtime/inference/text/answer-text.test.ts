import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerText } from '../../../../runtime/inference/text/answer-text';
import { TextEngine } from '../../../../runtime/inference/text/engine';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles, writeFiles } from '../../support/text-store';

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

  it('shows bytes that are no character in the end, and does not wait for ever', async () => {
    expect((await spoken([0xf0])).join('')).toBe('\uFFFD');
    const pieces = await spoken(Array<number>(40).fill(0xff));
    expect(pieces.slice(0, 20).join('')).toContain('\uFFFD');
    expect(pieces.join('').length).toBeGreaterThan(30);
  });
});

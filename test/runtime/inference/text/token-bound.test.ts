import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextEngine } from '../../../../runtime/inference/text/engine';
import { TokenBound } from '../../../../runtime/inference/text/token-bound';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles, writeFiles } from '../../support/text-store';
import { sentencePiece, trainBpe, wordPiece } from '../../support/tokenizers';

type Document = Record<string, unknown>;

const TEXT =
  'the cat sat on the mat\n\n\n\n        and the dog ran from the cat and the cats    with 1234567 mats é日本';
const BYTE_LEVEL = trainBpe(TEXT, 60).document as Document;
const PIECES = sentencePiece([
  '\u2581the',
  '\u2581cat',
  '\u2581\u2581',
  '\u2581\u2581\u2581\u2581',
  'at',
  '日本',
]) as Document;
const split = { type: 'Split', pattern: { Regex: '\\s+|\\S+' }, behavior: 'Isolated', invert: false };
const added = (more: object): Document => ({
  ...{
    id: 5_000,
    content: ' <mark> ',
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: false,
  },
  ...more,
});

const TOKENIZERS: Record<string, Document> = {
  'byte-level': BYTE_LEVEL,
  'byte-level, in a normal form': { ...BYTE_LEVEL, normalizer: { type: 'NFC' } },
  'byte-level, split by a pattern of its own': {
    ...BYTE_LEVEL,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [split, { type: 'ByteLevel', use_regex: false }] },
  },
  'byte-level, with an added token': { ...BYTE_LEVEL, added_tokens: [added({})] },
  'of pieces': PIECES,
  'of pieces, with an added token': { ...PIECES, added_tokens: [added({ normalized: true })] },
};

function engineOf(document: Document): TextEngine {
  const files = { ...decoderFiles(), 'tokenizer.json': Buffer.from(JSON.stringify(document)) };
  return new TextEngine(writeFiles(temporaryFolder(), files));
}

const word = fc.constantFrom(
  'the',
  ' cat',
  ' ',
  '\n\n',
  '    ',
  ' <mark> ',
  'é',
  'e\u0301',
  '日本',
  '\u2581',
  '\u{1f408}',
  '<0x41>',
);
const text = fc
  .array(fc.oneof(word, fc.string({ unit: 'grapheme', maxLength: 6 })), { maxLength: 30 })
  .map((parts) => parts.join(''));

describe('the tokens that a text has at least', () => {
  it.each(Object.entries(TOKENIZERS))('are never more than it has: a tokenizer %s', (_name, document) => {
    const [engine, bound] = [engineOf(document), TokenBound.of(document, {})];
    if (bound === undefined) throw new Error('nothing is known of it');
    let most = 0;
    fc.assert(
      fc.property(text, (each) => {
        const least = bound.least(each);
        expect(least).toBeLessThanOrEqual(engine.encode([each], true)[0]?.length ?? 0);
        most = Math.max(most, least);
      }),
      { numRuns: 400 },
    );
    expect(most).toBeGreaterThan(3);
  });

  it('are unknown where a tokenizer may leave characters out, or take many for one token', () => {
    const documents: Document[] = [
      wordPiece() as Document,
      { ...BYTE_LEVEL, normalizer: { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' } },
      { ...BYTE_LEVEL, normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Strip' }] } },
      { ...BYTE_LEVEL, pre_tokenizer: { type: 'Whitespace' } },
      { ...BYTE_LEVEL, pre_tokenizer: { ...split, behavior: 'Removed' } },
      { ...BYTE_LEVEL, added_tokens: [added({ rstrip: true })] },
      { ...PIECES, model: { ...(PIECES['model'] as Document), byte_fallback: false } },
    ];
    for (const document of documents) expect(TokenBound.of(document, {})).toBeUndefined();
    expect(TokenBound.of(BYTE_LEVEL, { remove_space: true })).toBeUndefined();
    const formed = TokenBound.of({ ...BYTE_LEVEL, normalizer: { type: 'NFC' } }, {});
    expect([formed?.least('é'.repeat(99)), formed?.least('e\u0301'.repeat(99))]).toEqual([expect.any(Number), 0]);
    expect(formed?.least('é'.repeat(99))).toBeGreaterThan(0);
  });

  it('save the work for a prompt that has more than the model takes for certain', () => {
    const engine = engineOf(BYTE_LEVEL);
    const long = 'zq'.repeat(2 ** 21);
    expect(engine.prompt(long, 2048)).toEqual({ atLeast: 2 ** 22 });
    expect(engine.prompt('the cat', 2048)).toEqual({ ids: engine.encode(['the cat'], true)[0] });
    expect(engine.chat([{ role: 'user', content: long }], 2048)).toEqual({ atLeast: expect.any(Number) as number });
  });
});

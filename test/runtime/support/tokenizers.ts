/** Ids of the control tokens of the trained tokenizer, after 256 bytes and its merges. */
export interface TrainedTokenizer {
  readonly document: object;
  readonly vocabulary: number;
  readonly end: number;
}

/** Characters that stand for bytes in byte-level vocabularies: printable ones for themselves. */
function byteCharacters(): string[] {
  const isPlain = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPlain(byte) ? byte : next++));
}

type Pair = readonly [string, string];

function mostFrequent(words: readonly (readonly string[])[]): Pair | undefined {
  const counts = new Map<string, { pair: Pair; count: number }>();
  for (const word of words) {
    for (let index = 1; index < word.length; index++) {
      const pair: Pair = [word[index - 1] ?? '', word[index] ?? ''];
      const found = counts.get(pair.join('\0')) ?? { pair, count: 0 };
      found.count += 1;
      counts.set(pair.join('\0'), found);
    }
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || (a.pair.join() < b.pair.join() ? -1 : 1))[0]?.pair;
}

function joined(word: readonly string[], [left, right]: Pair): string[] {
  const result: string[] = [];
  for (let index = 0; index < word.length; index++) {
    if (word[index] === left && word[index + 1] === right) {
      result.push(left + right);
      index += 1;
    } else result.push(word[index] ?? '');
  }
  return result;
}

/** Control tokens of the conversations below. */
export const CONTROL = { end: '<|end|>', start: '<|start|>' } as const;

/** Trains byte-level pair encoding on a text: as many merges as asked for, the most frequent pair each time. */
export function trainBpe(text: string, merges: number): TrainedTokenizer {
  const characters = byteCharacters();
  const bytes = (word: string): string[] => [...Buffer.from(word)].map((byte) => characters[byte] ?? '');
  let words = (text.match(/ ?[^\s]+|\s+/g) ?? []).map(bytes);
  const rules: Pair[] = [];
  for (let turn = 0; turn < merges; turn++) {
    const pair = mostFrequent(words);
    if (pair === undefined) break;
    rules.push(pair);
    words = words.map((word) => joined(word, pair));
  }
  const tokens = [...characters, ...rules.map((pair) => pair.join(''))];
  const added = Object.values(CONTROL).map((content, index) => ({
    ...{ id: tokens.length + index, content, single_word: false, lstrip: false, rstrip: false },
    ...{ normalized: false, special: true },
  }));
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const document = {
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: added, normalizer: null },
    ...{ pre_tokenizer: byteLevel, post_processor: null, decoder: byteLevel },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: false, byte_fallback: false, merges: rules },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    },
  };
  return { document, vocabulary: tokens.length + added.length, end: tokens.length };
}

/** Words of the tokenizer below, by id. */
export const WORDS = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'the',
  'cat',
  'sat',
  'on',
  'mat',
  'dog',
  'ran',
  '##s',
  '##ning',
];

/** A word-piece tokenizer as BERT has it, which writes `[CLS]` before and `[SEP]` after a text. */
export function wordPiece(): object {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'].map((content, id) => ({
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  }));
  const token = (id: string, type: number): object => ({ SpecialToken: { id, type_id: type } });
  return {
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: special },
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [token('[CLS]', 0), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]', 0)],
      pair: [token('[CLS]', 0), { Sequence: { id: 'A', type_id: 0 } }, token('[SEP]', 0)],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [WORDS.indexOf(id)], tokens: [id] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
      vocab: Object.fromEntries(WORDS.map((word, id) => [word, id])),
    },
  };
}

const PIECE_CONTROLS = ['<unk>', '<s>', '</s>'];

/**
 * A tokenizer as Llama has it: a space is written into the token after it, bytes stand for what no piece does, and a
 * text of tokens has no space before its first word.
 */
export function sentencePiece(pieces: readonly string[]): object {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const characters = [...new Set(pieces.flatMap((piece) => [...piece]))];
  const merges: Pair[] = [];
  // From its first character on, so that each piece has all pieces that it is made of.
  const parts = pieces.flatMap((piece) => {
    const all = [...piece];
    return all.slice(1).map((character, index) => {
      const start = all.slice(0, index + 1).join('');
      merges.push([start, character]);
      return start + character;
    });
  });
  const tokens = [...new Set([...PIECE_CONTROLS, ...bytes, ...characters, ...parts])];
  const special = PIECE_CONTROLS.map((content, id) => ({
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  }));
  const [mark, space] = [{ type: 'Prepend', prepend: '\u2581' }, { String: ' ' }];
  return {
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: special },
    normalizer: {
      type: 'Sequence',
      normalizers: [mark, { type: 'Replace', pattern: space, content: '\u2581' }],
    },
    ...{ pre_tokenizer: null, post_processor: null },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' },
        ...[{ type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }],
      ],
    },
    model: {
      ...{ type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null },
      ...{ fuse_unk: true, byte_fallback: true, merges },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    },
  };
}

/** A chat template in the manner of today's models; it refuses what comes out of turn. */
export const CHAT_TEMPLATE = [
  '{% for message in messages %}',
  "{% if message.role == 'system' and not loop.first %}{{ raise_exception('a system message comes first') }}{% endif %}",
  "{{ '<|start|>' + message.role + '\\n' + message.content + (eos_token or '<|end|>') + '\\n' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|start|>assistant\\n' }}{% endif %}",
].join('');

import { isObject } from './files';
import type { JsonObject } from './files';

/** What becomes of a text before it is cut into tokens; undefined where that is not known without doing it. */
type Step = (text: string) => string | undefined;

const BYTES = 256;
/** Stands for a space in the tokens of SentencePiece. */
const MARK = '\u2581';

const inForm =
  (form: string): Step =>
  (text) =>
    text.normalize(form) === text ? text : undefined;
const marked: Step = (text) => text.replaceAll(' ', MARK);

const isMarking = ({ pattern, content }: JsonObject): boolean =>
  isObject(pattern) && pattern['String'] === ' ' && content === MARK;

/** The steps of a normalizer or pre-tokenizer; undefined for one that may leave characters out. */
function stepsOf(part: unknown): readonly Step[] | undefined {
  if (part === null || part === undefined) return [];
  if (!isObject(part)) return undefined;
  const type = String(part['type']);
  switch (type) {
    case 'Sequence':
      return stepsOfAll(part['normalizers'] ?? part['pretokenizers']);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return [inForm(type)];
    case 'Replace':
      return isMarking(part) ? [marked] : undefined;
    case 'Metaspace':
      return (part['replacement'] ?? MARK) === MARK && part['str_rep'] === undefined ? [marked] : undefined;
    case 'Split':
      return part['invert'] === true || String(part['behavior']).toLowerCase() === 'removed' ? undefined : [];
    case 'Prepend':
    case 'ByteLevel':
    case 'Digits':
    case 'Punctuation':
      return [];
    default:
      return undefined;
  }
}

function stepsOfAll(parts: unknown): readonly Step[] | undefined {
  if (!Array.isArray(parts)) return undefined;
  const steps = parts.map(stepsOf);
  return steps.includes(undefined) ? undefined : steps.flatMap((each) => each ?? []);
}

const isByteLevel = (part: unknown): boolean =>
  isObject(part) &&
  (part['type'] === 'ByteLevel' || (Array.isArray(part['pretokenizers']) && part['pretokenizers'].some(isByteLevel)));

/** The characters that stand for bytes in byte-level vocabularies: printable ones for themselves. */
function byteAlphabet(): ReadonlyMap<string, number> {
  const isPlain = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = BYTES;
  return new Map(
    Array.from({ length: BYTES }, (_, byte) => [String.fromCharCode(isPlain(byte) ? byte : next++), byte]),
  );
}

const byteToken = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;

/** Reads the bytes that a token stands for; undefined for a vocabulary in which some bytes have none. */
function readerOf(document: JsonObject, tokens: ReadonlySet<string>): ((token: string) => Uint8Array) | undefined {
  if (isByteLevel(document['pre_tokenizer'])) {
    const alphabet = byteAlphabet();
    if (![...alphabet.keys()].every((each) => tokens.has(each))) return undefined;
    return (token) => Uint8Array.from(token, (each) => alphabet.get(each) ?? 0);
  }
  const model = document['model'];
  const hasAll = Array.from({ length: BYTES }, (_, byte) => byteToken(byte)).every((each) => tokens.has(each));
  return isObject(model) && model['byte_fallback'] === true && hasAll ? (token) => Buffer.from(token) : undefined;
}

/** Texts of added tokens; undefined where one takes the spaces beside it. */
function addedTexts(document: JsonObject, steps: readonly Step[]): readonly string[] | undefined {
  const added: readonly unknown[] = Array.isArray(document['added_tokens']) ? document['added_tokens'] : [];
  const tokens = added.filter(isObject);
  if (tokens.some(({ lstrip, rstrip }) => lstrip === true || rstrip === true)) return undefined;
  const contents = tokens.map(({ content }) => String(content));
  return contents.flatMap((content) => [content, after(content, steps) ?? content]);
}

function after(text: string, steps: readonly Step[]): string | undefined {
  let result: string | undefined = text;
  for (const step of steps) result = result === undefined ? undefined : step(result);
  return result;
}

/**
 * How many tokens a text has at least, without the work of finding them. A byte is a share of a token: of the longest
 * one that holds such a byte. Shares of all bytes of a token are then no more than one, so a text has at least as many
 * tokens as its shares add up to.
 */
export class TokenBound {
  private constructor(
    private readonly steps: readonly Step[],
    private readonly shares: Float64Array,
  ) {}

  /** The bound of a tokenizer; undefined for one that may leave something out, or take many characters for one. */
  static of(document: JsonObject, config: JsonObject): TokenBound | undefined {
    const { model } = document;
    const steps = stepsOfAll([document['normalizer'], document['pre_tokenizer']]);
    const changes = config['remove_space'] === true || config['do_lowercase_and_remove_accent'] === true;
    if (!isObject(model) || !Array.isArray(model['merges']) || !isObject(model['vocab'])) return undefined;
    if (steps === undefined || changes) return undefined;
    const tokens = Object.keys(model['vocab']);
    const read = readerOf(document, new Set(tokens));
    const added = addedTexts(document, steps);
    if (read === undefined || added === undefined) return undefined;
    const longest = new Float64Array(BYTES).fill(1);
    const take = (bytes: Uint8Array): void => {
      for (const byte of bytes) longest[byte] = Math.max(longest[byte] ?? 1, bytes.length);
    };
    for (const token of tokens) take(read(token));
    for (const text of added) take(Buffer.from(text));
    return new TokenBound(
      steps,
      longest.map((length) => 1 / length),
    );
  }

  /** Tokens that a text has at least; 0 where nothing is known of it. */
  least(text: string): number {
    let sum = 0;
    for (const byte of Buffer.from(after(text, this.steps) ?? '')) sum += this.shares[byte] ?? 0;
    return Math.floor(sum);
  }
}

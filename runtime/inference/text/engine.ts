import { TEXT_FILES } from '../../contract';
import { invalidFile, isObject, readObject, readText } from './files';
import type { JsonObject } from './files';
import { Template, Tokenizer } from './libraries';
import type { TokenizerLibrary } from './libraries';
import { TokenBound } from './token-bound';

/** One message of a conversation. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
}

/** What the files of the tokenizer say. */
export interface TextDescription {
  readonly hasTemplate: boolean;
  /** Token that ends an answer. */
  readonly endToken: number | undefined;
  /** Token that the tokenizer writes after every text. */
  readonly closingToken: number | undefined;
  /** Token that fills up shorter texts. */
  readonly padToken: number | undefined;
  /** Length that the tokenizer states for its model. */
  readonly maxLength: number | undefined;
  /** Ids are below this. */
  readonly vocabulary: number;
  /** A token behind which others have the text that they have inside an answer; undefined where there is none. */
  readonly neutral: { readonly token: number; readonly text: string } | undefined;
}

/** Tokens of a text; how many there are at least where these are more than were asked for. */
export type Counted = { readonly ids: number[] } | { readonly atLeast: number };

/** Tokens of a conversation, or why there are none. */
export type Rendered =
  | Counted
  /** Index of the message that holds a control token. */
  | { readonly controlTokenIn: number }
  | { readonly refused: string };

const SANE_LENGTH = 2 ** 31;
const MOST_REASON = 200;
/** Where no file names the token for padding. */
const PAD = '[PAD]';

/** A mark, as roles have: letters, and signs that are neither letters, digits nor spaces. */
const isMark = (text: string): boolean => /\p{L}/u.test(text) && /[^\p{L}\p{N}\s]/u.test(text);

/** Text of a token in the configuration: a text, or an object that holds it. */
function tokenText(value: unknown): string | undefined {
  const text = isObject(value) ? value['content'] : value;
  return typeof text === 'string' ? text : undefined;
}

function templateText(dir: string, config: JsonObject): string | undefined {
  const stated = config['chat_template'];
  if (typeof stated === 'string') return stated;
  if (Array.isArray(stated)) {
    const chosen: unknown = stated.find((each) => isObject(each) && each['name'] === 'default');
    const text = isObject(chosen) ? chosen['template'] : undefined;
    if (typeof text === 'string') return text;
  }
  return readText(dir, TEXT_FILES.template);
}

/** A tokenizer that can only decode: what pairs of tokens become is most of its memory. */
function withoutMerges(document: JsonObject): JsonObject {
  const { model } = document;
  return isObject(model) && Array.isArray(model['merges'])
    ? { ...document, model: { ...model, merges: [] } }
    : document;
}

/** Turns text into tokens and back. It works at once and without bound: run it where nothing waits for it. */
export class TextEngine {
  private readonly tokenizer: TokenizerLibrary;
  private readonly template: InstanceType<typeof Template> | undefined;
  private readonly controls: readonly string[];
  /** Marks that the template writes, or looks for, and that no file calls control tokens. */
  private readonly marks: readonly string[];
  private readonly specials: Readonly<Record<string, string>>;
  private readonly config: JsonObject;
  private readonly bound: TokenBound | undefined;

  /**
   * @param decodesOnly true for one that only turns tokens into text, which takes a fraction of the memory
   * @throws ModelError when the files are missing or wrong
   */
  constructor(dir: string, decodesOnly = false) {
    const { tokenizer, tokenizerConfig } = TEXT_FILES;
    const document = readObject(dir, tokenizer);
    if (document === undefined) throw invalidFile(tokenizer, 'there is none');
    this.config = readObject(dir, tokenizerConfig) ?? {};
    try {
      this.tokenizer = new Tokenizer(decodesOnly ? withoutMerges(document) : document, this.config);
    } catch (error) {
      throw invalidFile(tokenizer, error instanceof Error ? error.message : String(error));
    }
    this.bound = decodesOnly ? undefined : TokenBound.of(document, this.config);
    const source = templateText(dir, this.config);
    try {
      this.template = source === undefined ? undefined : new Template(source);
    } catch (error) {
      throw invalidFile(TEXT_FILES.template, error instanceof Error ? error.message : String(error));
    }
    const added = [...this.tokenizer.get_added_tokens_decoder().values()];
    this.controls = added.filter(({ special }) => special).map(({ content }) => content);
    const others = added.filter(({ special }) => !special).map(({ content }) => content);
    this.marks = others.filter((content) => isMark(content) && source?.includes(content));
    const named = Object.entries(this.config).filter(([key]) => key.endsWith('_token'));
    this.specials = Object.fromEntries(
      named.flatMap(([key, value]) => [[key, tokenText(value)] as const]).filter(isPair),
    );
  }

  /** What the files say. */
  describe(): TextDescription {
    const stated = this.config['model_max_length'];
    const end = this.specials['eos_token'];
    const ids = [...this.tokenizer.get_vocab(true).values()];
    return {
      hasTemplate: this.template !== undefined,
      endToken: end === undefined ? undefined : this.tokenizer.token_to_id(end),
      closingToken: this.closingToken(),
      padToken: this.idOf(this.specials['pad_token'] ?? PAD),
      maxLength: typeof stated === 'number' && stated > 0 && stated < SANE_LENGTH ? Math.floor(stated) : undefined,
      vocabulary: ids.reduce((most, id) => Math.max(most, id + 1), 0),
      neutral: this.neutral(),
    };
  }

  private neutral(): TextDescription['neutral'] {
    const token = this.encode(['a'], false)[0]?.at(-1);
    if (token === undefined) return undefined;
    const [text = ''] = this.decode([[token]], false);
    return text.trim() === '' ? undefined : { token, text };
  }

  private idOf(token: string): number | undefined {
    return this.tokenizer.token_to_id(token);
  }

  private closingToken(): number | undefined {
    const [[last] = []] = this.encode(['a'], true).map((ids) => ids.slice(-1));
    return last !== undefined && this.tokenizer.get_added_tokens_decoder().get(last)?.special ? last : undefined;
  }

  /** Tokens of each text. */
  encode(texts: readonly string[], addSpecialTokens: boolean): number[][] {
    const options = { add_special_tokens: addSpecialTokens, return_token_type_ids: true } as const;
    return texts.map((text) => (text === '' && !addSpecialTokens ? [] : this.tokenizer.encode(text, options).ids));
  }

  /** Tokens of a prompt, unless it is certain that they are more than `most`: then nothing is worked out. */
  prompt(text: string, most: number, addSpecialTokens = true): Counted {
    const atLeast = this.bound?.least(text) ?? 0;
    if (atLeast > most) return { atLeast };
    const [ids = []] = this.encode([text], addSpecialTokens);
    return { ids };
  }

  /** Text of each list of tokens. */
  decode(lists: readonly (readonly number[])[], skipSpecialTokens: boolean): string[] {
    const options = { skip_special_tokens: skipSpecialTokens, clean_up_tokenization_spaces: false };
    return lists.map((ids) => (ids.length === 0 ? '' : this.tokenizer.decode([...ids], options)));
  }

  /** Tokens of a conversation, up to where its answer begins, as those of {@link prompt}. */
  chat(messages: readonly ChatMessage[], most = Number.POSITIVE_INFINITY): Rendered {
    const controlTokenIn = messages.findIndex((message) => this.holdsControl(message));
    if (controlTokenIn >= 0) return { controlTokenIn };
    let text: string;
    try {
      text = this.render(messages);
    } catch (error) {
      return { refused: (error instanceof Error ? error.message : String(error)).slice(0, MOST_REASON) };
    }
    // The template wrote the control tokens that belong there.
    return this.prompt(text, most, false);
  }

  /** Answers that are sent back may hold marks, such as the end of a thought; what others say may not. */
  private holdsControl({ role, content, name = '' }: ChatMessage): boolean {
    const all = [...this.controls, ...this.marks];
    const kept = role === 'assistant' ? this.controls : all;
    return kept.some((control) => content.includes(control)) || all.some((control) => name.includes(control));
  }

  private render(messages: readonly ChatMessage[]): string {
    if (this.template === undefined) throw new Error('a conversation without a template; this is a bug');
    return this.template.render({
      ...this.specials,
      messages: messages.map((message) => ({ ...message })),
      // Templates are written for a library that passes both always.
      ...{ tools: null, documents: null },
      add_generation_prompt: true,
    });
  }
}

function isPair(pair: readonly [string, string | undefined]): pair is readonly [string, string] {
  return pair[1] !== undefined;
}

import { createRequire } from 'node:module';

/** A token that was added to a vocabulary. */
export interface AddedToken {
  readonly content: string;
  /** True for control tokens. */
  readonly special: boolean;
}

/** A tokenizer of @huggingface/tokenizers, as far as it is used. */
export interface TokenizerLibrary {
  encode(
    text: string,
    options: { readonly add_special_tokens: boolean; readonly return_token_type_ids: true },
  ): { readonly ids: number[] };
  decode(
    ids: number[],
    options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
  get_added_tokens_decoder(): Map<number, AddedToken>;
  get_vocab(withAdded: boolean): Map<string, number>;
}

interface Tokenizers {
  readonly Tokenizer: new (tokenizer: object, config: object) => TokenizerLibrary;
}

interface Jinja {
  readonly Template: new (source: string) => { render(values: Readonly<Record<string, unknown>>): string };
}

// Their types are written for ES modules only; what is used of them stands above.
const load = createRequire(__filename);
const tokenizers = load('@huggingface/tokenizers') as Tokenizers;
const jinja = load('@huggingface/jinja') as Jinja;

/** Reads `tokenizer.json`. */
export const { Tokenizer } = tokenizers;

/** Renders chat templates. */
export const { Template } = jinja;

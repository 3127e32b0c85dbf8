import { TEXT_FILES } from '../../../contract';
import { RequestError } from '../../../shared/errors';
import { checkTextInputs } from '../../signature';
import { unpackStrings } from '../../tensors/bytes';
import type { Datatype, Tensor, TensorSpec } from '../../tensors/tensor';
import type { TextDescription } from '../../text/engine';
import { hasTokenizer } from '../../text/files';
import { TextThread } from '../../text/thread';
import { invalidProcessing, stepFailed, tokensRefused } from '../errors';
import type { Step, StepContext } from '../step';
import type { TokenizeSettings } from '../step-settings';

/** The tokenizer of a model, in a thread of its own. */
export interface Tokenizer {
  readonly thread: TextThread;
  readonly description: TextDescription;
}

const LABEL = 'tokenize';
const IDS = 'input_ids';
const MASK = 'attention_mask';
const DEFAULT_LENGTH = 2048;
/** Characters for each token that a text may have before it is looked at: more is refused unread. */
const CHARACTERS_PER_TOKEN = 128;
const INTEGERS: readonly Datatype[] = ['INT64', 'INT32'];

type Fill = (ids: readonly number[], place: number, padding: number) => number;

/** How each input of a model of text is filled. */
const FILLED: ReadonlyMap<string, Fill> = new Map<string, Fill>([
  [IDS, (ids, place, padding) => ids[place] ?? padding],
  [MASK, (ids, place) => (place < ids.length ? 1 : 0)],
  ['token_type_ids', () => 0],
  ['position_ids', (ids, place) => (place < ids.length ? place : 0)],
]);

/** Opens the tokenizer beside a model. @throws ModelError */
export async function openTokenizer(dir: string): Promise<Tokenizer> {
  if (!hasTokenizer(dir)) throw invalidProcessing(`there is no ${TEXT_FILES.tokenizer} beside the model`);
  const thread = new TextThread(dir);
  try {
    return { thread, description: await thread.ask({ do: 'describe' }) };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

interface Parts {
  readonly settings: TokenizeSettings;
  readonly tokenizer: Tokenizer;
  readonly outputs: readonly TensorSpec[];
  /** Tokens that the model takes of each text. */
  readonly maxLength: number;
  /** Tokens that each text is filled up to; undefined for the longest of its request. */
  readonly width: number | undefined;
}

function fitted(ids: readonly number[], index: number, { settings, tokenizer, maxLength }: Parts): readonly number[] {
  if (ids.length === 0) throw tokensRefused(settings.input, index, 'has no tokens');
  if (ids.length <= maxLength) return ids;
  if (!settings.truncate) {
    throw tokensRefused(settings.input, index, `has ${ids.length} tokens; the model takes ${maxLength}`);
  }
  const { closingToken } = tokenizer.description;
  return closingToken === undefined ? ids.slice(0, maxLength) : [...ids.slice(0, maxLength - 1), closingToken];
}

function textsOf({ data }: Tensor, { settings, maxLength }: Parts): string[] {
  const most = maxLength * CHARACTERS_PER_TOKEN;
  return unpackStrings(data).map((text, index) => {
    if (text.length <= most) return text;
    if (settings.truncate) return text.slice(0, most);
    throw tokensRefused(settings.input, index, `has ${text.length} characters; at most ${most}`);
  });
}

async function encoded(texts: readonly string[], { tokenizer }: Parts, context: StepContext): Promise<number[][]> {
  try {
    return await tokenizer.thread.encode(texts, context);
  } catch (error) {
    throw error instanceof RequestError ? error : stepFailed(LABEL, error);
  }
}

function tensorOf({ name, datatype }: TensorSpec, rows: readonly (readonly number[])[], width: number, pad: number) {
  const fill = FILLED.get(name) ?? ((): number => 0);
  const values = datatype === 'INT64' ? new BigInt64Array(rows.length * width) : new Int32Array(rows.length * width);
  rows.forEach((ids, row) => {
    for (let place = 0; place < width; place++) {
      const value = fill(ids, place, pad);
      const at = row * width + place;
      if (values instanceof BigInt64Array) values[at] = BigInt(value);
      else values[at] = value;
    }
  });
  return { name, datatype, shape: [rows.length, width], data: new Uint8Array(values.buffer) };
}

async function tokenized(tensor: Tensor, parts: Parts, context: StepContext): Promise<Tensor[]> {
  const { settings, tokenizer, outputs } = parts;
  checkTextInputs([tensor]);
  const lists = await encoded(textsOf(tensor, parts), parts, context);
  const rows = lists.map((ids, index) => fitted(ids, index, parts));
  const width = parts.width ?? rows.reduce((most, { length }) => Math.max(most, length), 0);
  const short = rows.findIndex(({ length }) => length < width);
  if (short >= 0 && !outputs.some(({ name }) => name === MASK)) {
    const count = rows[short]?.length ?? 0;
    throw tokensRefused(
      settings.input,
      short,
      `has ${count} tokens of ${width}, and the model takes no attention mask`,
    );
  }
  return outputs.map((spec) => tensorOf(spec, rows, width, tokenizer.description.padToken ?? 0));
}

/** Sizes that the inputs of the model leave open, or state. */
function sizesOf(outputs: readonly TensorSpec[]): { readonly rows: number; readonly width: number | undefined } {
  let [rows, width] = [-1, -1];
  for (const { name, datatype, shape } of outputs) {
    if (!INTEGERS.includes(datatype))
      throw invalidProcessing(`${JSON.stringify(name)} is ${datatype}; tokens are INT64 or INT32`);
    if (shape !== undefined && shape.length !== 2)
      throw invalidProcessing(`${JSON.stringify(name)} has not two dimensions`);
    if (shape?.[0] !== undefined && shape[0] !== -1) rows = shape[0];
    if (shape?.[1] !== undefined && shape[1] !== -1) width = shape[1];
  }
  return { rows, width: width === -1 ? undefined : width };
}

/**
 * Turns texts into what a model of text takes: `input_ids`, and `attention_mask`, `token_type_ids` and `position_ids`
 * where it has them. Texts of one request are filled up to the longest, or to what the model states.
 *
 * @throws ModelError
 */
export async function tokenizeStep(
  settings: TokenizeSettings,
  needed: ReadonlyMap<string, TensorSpec>,
  open: () => Promise<Tokenizer>,
): Promise<Step> {
  const outputs = [...needed.values()].filter(({ name }) => FILLED.has(name));
  if (!outputs.some(({ name }) => name === IDS)) throw invalidProcessing(`nobody takes ${IDS}`);
  const { rows, width } = sizesOf(outputs);
  const tokenizer = await open();
  const stated = settings.maxLength ?? tokenizer.description.maxLength ?? width ?? DEFAULT_LENGTH;
  const parts = { settings, tokenizer, outputs, maxLength: Math.min(stated, width ?? stated), width };
  return {
    ...{ label: LABEL, keeps: false, outputs },
    inputs: [{ name: settings.input, datatype: 'BYTES', shape: [rows] }],
    run: async ([texts], context) => (texts === undefined ? [] : tokenized(texts, parts, context)),
  };
}

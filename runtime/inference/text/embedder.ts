import type { Context } from '@opentelemetry/api';
import { TEXT_FILES } from '../../contract';
import type { Cancellation } from '../../shared/cancellation';
import type { ModelSignature } from '../backends/backend';
import type { InferenceRequest } from '../tensors/request';
import type { Datatype, Tensor, TensorSpec } from '../tensors/tensor';
import type { Asker } from '../threads/turn-queue';
import type { TextDescription } from './engine';
import { invalidParameter, tooManyTokens } from './errors';
import { invalidFile } from './files';
import { normalized, rowVectors } from './pooling';
import { embeddingOutput, isPooled } from './settings';
import type { TextSettings } from './settings';
import type { TextThread } from './thread';

/** A text, or its tokens. */
export type TextInput = string | readonly number[];

/** Embeddings in the order of their texts. */
export interface Embeddings {
  readonly vectors: readonly Float32Array[];
  /** Tokens of all texts. */
  readonly tokens: number;
}

/** What embeddings are made with. */
export interface EmbedderParts {
  readonly settings: TextSettings;
  readonly description: TextDescription;
  readonly thread: TextThread;
  readonly infer: (request: InferenceRequest, signal: Cancellation, caller?: string) => Promise<readonly Tensor[]>;
}

/** Who asks for embeddings. */
export interface EmbeddingCall {
  /** Fires when nobody waits for them. */
  readonly signal: Cancellation;
  /** The callers of a model take turns. @default - one with all others that are not named */
  readonly caller?: string | undefined;
  /** Span that runs are below. @default - none */
  readonly trace?: Context | undefined;
}

interface Row {
  readonly index: number;
  readonly ids: readonly number[];
}

/** Tokens of one run: beyond this a larger one is no cheaper per token, and its answer is long to read. */
const RUN_TOKENS = 1024;
/** Runs of one request that wait for the model at the same time. */
const RUNS_AT_ONCE = 4;
/** Characters for each token that a text may have before it is looked at: more is refused unread. */
const CHARACTERS_PER_TOKEN = 128;

/** Pooling where no file states one: that of most models. */
const ASSUMED = 'mean';

/** How each input of an encoder is filled from tokens. */
const FILLED: Readonly<Record<string, (id: number, place: number) => number>> = {
  input_ids: (id) => id,
  attention_mask: () => 1,
  token_type_ids: () => 0,
  position_ids: (_id, place) => place,
};

function tensorOf({ name, datatype }: TensorSpec, rows: readonly Row[], length: number): Tensor {
  const fill = FILLED[name] ?? ((): number => 0);
  const values = rows.flatMap(({ ids }) => ids.map(fill));
  const { buffer } = datatype === 'INT64' ? BigInt64Array.from(values, BigInt) : Int32Array.from(values);
  return { name, datatype, shape: [rows.length, length], data: new Uint8Array(buffer) };
}

/** Rows of equal length, in groups for one run each. Nothing is padded: no text changes the embedding of another. */
function grouped(rows: readonly Row[]): Row[][] {
  const byLength = new Map<number, Row[][]>();
  for (const row of rows) {
    const groups = byLength.get(row.ids.length) ?? [];
    byLength.set(row.ids.length, groups);
    const last = groups.at(-1);
    if (last !== undefined && (last.length + 1) * row.ids.length <= RUN_TOKENS) last.push(row);
    else groups.push([row]);
  }
  return [...byLength.values()].flat();
}

const INTEGERS: readonly Datatype[] = ['INT64', 'INT32'];

/** Turns texts into vectors with an encoder. */
export class Embedder {
  private readonly inputs: readonly TensorSpec[];
  private readonly output: TensorSpec;

  /** @throws ModelError for a graph that is no encoder of text */
  constructor(
    private readonly parts: EmbedderParts,
    signature: ModelSignature,
  ) {
    const stranger = signature.inputs.find(({ name, datatype }) => !FILLED[name] || !INTEGERS.includes(datatype));
    if (stranger !== undefined) {
      throw invalidFile(
        TEXT_FILES.config,
        `the task is embedding, and nothing is known to feed '${stranger.name}' with`,
      );
    }
    this.inputs = signature.inputs;
    const output = embeddingOutput(signature, parts.settings.output);
    if (output === undefined) throw invalidFile(TEXT_FILES.config, 'the model has no output');
    this.output = output;
  }

  /** True where vectors of tokens become one in a way that no file states. */
  get assumesPooling(): boolean {
    return this.parts.settings.pooling === undefined && !isPooled(this.output);
  }

  /** @throws RequestError */
  async embed(inputs: readonly TextInput[], call: EmbeddingCall): Promise<Embeddings> {
    const rows = await this.tokenize(inputs, call);
    const groups = grouped(rows);
    const vectors: Float32Array[] = [];
    const work = async (): Promise<void> => {
      for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
        const found = await this.run(group, call);
        group.forEach(({ index }, place) => (vectors[index] = found[place] ?? new Float32Array()));
      }
    };
    await Promise.all(Array.from({ length: Math.min(RUNS_AT_ONCE, groups.length) }, work));
    return { vectors, tokens: rows.reduce((sum, { ids }) => sum + ids.length, 0) };
  }

  private async run(rows: readonly Row[], { signal, caller, trace }: EmbeddingCall): Promise<Float32Array[]> {
    const { settings, infer } = this.parts;
    const length = rows[0]?.ids.length ?? 0;
    const inputs = this.inputs.map((spec) => tensorOf(spec, rows, length));
    const [output] = await infer({ id: undefined, inputs, outputs: [this.output.name], trace }, signal, caller);
    if (output === undefined) throw new Error('a run without its output; this is a bug');
    const vectors = rowVectors(output, settings.pooling ?? ASSUMED);
    return settings.normalize ? vectors.map(normalized) : vectors;
  }

  private async tokenize(inputs: readonly TextInput[], asker: Asker): Promise<Row[]> {
    const { maxLength, truncate } = this.parts.settings;
    const isText = (input: TextInput): input is string => typeof input === 'string';
    for (const [index, input] of truncate ? [] : inputs.entries())
      if (isText(input)) this.checkCharacters(input, index);
    const texts = inputs.filter(isText);
    const most = maxLength * CHARACTERS_PER_TOKEN;
    const cut = texts.map((text) => text.slice(0, most));
    const encoded = await this.parts.thread.encode(cut, asker);
    return inputs.map((input, index) => {
      const ids = typeof input === 'string' ? (encoded.shift() ?? []) : input;
      return { index, ids: this.fit(ids, index) };
    });
  }

  private checkCharacters(text: string, index: number): void {
    const most = this.parts.settings.maxLength * CHARACTERS_PER_TOKEN;
    if (text.length > most) throw tooManyTokens(`input[${index}]`, `${text.length} characters; at most ${most}`);
  }

  private fit(ids: readonly number[], index: number): readonly number[] {
    const { settings, description } = this.parts;
    const { maxLength, truncate } = settings;
    if (ids.length === 0) throw invalidParameter(`input[${index}]`, 'has no tokens');
    if (ids.some((id) => id >= description.vocabulary)) {
      throw invalidParameter(`input[${index}]`, `a token is not below ${description.vocabulary}`);
    }
    if (ids.length <= maxLength) return ids;
    if (!truncate) throw tooManyTokens(`input[${index}]`, `${ids.length} tokens; the model takes ${maxLength}`);
    const { closingToken } = description;
    return closingToken === undefined ? ids.slice(0, maxLength) : [...ids.slice(0, maxLength - 1), closingToken];
  }
}

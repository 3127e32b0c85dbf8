import { performance } from 'node:perf_hooks';
import type { Principal } from '../../shared/api-keys';
import type { Cancellation } from '../../shared/cancellation';
import type { ModelIdentity } from '../data-plane';
import { clientGone, isUnknownModel } from '../errors';
import { packStrings } from '../tensors/bytes';
import type { Tensor } from '../tensors/tensor';
import type { AnswerPiece } from '../text/completer';
import { HeldTexts } from './held-texts';
import type { PayloadLog } from './payload-log';
import { outcomeOf } from './record';
import type { Exchange, TextFacts } from './record';

/** A request that carries text. */
export interface TextRequest {
  /** Id of the operation. */
  readonly operation: string;
  readonly request: string;
  readonly trace: string | undefined;
  readonly caller: Principal | undefined;
  /** Name of the model that is asked for. */
  readonly model: string;
  readonly version: string | undefined;
  /** The model that answers, once it is chosen. */
  readonly served: () => ModelIdentity | undefined;
  /** Its texts; not asked for before the record is written. */
  readonly inputs: () => Tensor;
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
}

/** Texts, or lists of tokens, as a tensor. Tokens are written as text, because that is what they stand for. */
export function textsTensor(name: string, texts: readonly (string | object)[]): Tensor {
  const data = packStrings(texts.map((text) => (typeof text === 'string' ? text : JSON.stringify(text))));
  return { name, datatype: 'BYTES', shape: [texts.length], data };
}

function vectorsTensor(name: string, vectors: readonly Float32Array[]): Tensor {
  const width = vectors[0]?.length ?? 0;
  const all = new Float32Array(vectors.length * width);
  vectors.forEach((vector, index) => all.set(vector, index * width));
  return { name, datatype: 'FP32', shape: [vectors.length, width], data: new Uint8Array(all.buffer) };
}

/** What is noted of one request that carries text, while it is answered. It becomes one record, whatever happens. */
export class TextNote {
  private readonly started = performance.now();
  private answers: HeldTexts | undefined;
  private finish: (string | null)[] = [];
  private vectors: readonly Float32Array[] = [];
  private promptTokens: number | undefined;
  private completionTokens: number | undefined;

  constructor(
    private readonly log: Pick<PayloadLog, 'record' | 'recordBytes'>,
    private readonly asked: TextRequest,
  ) {}

  /** The prompts were read. @param tokens of each */
  read(tokens: readonly number[]): void {
    this.promptTokens = tokens.reduce((sum, count) => sum + count, 0);
    this.finish = tokens.map(() => null);
  }

  /** A part of an answer is sent. @param finish why it is the last one */
  sent(index: number, text: string, finish: AnswerPiece['finish']): void {
    this.answers ??= new HeldTexts(this.finish.length, this.log.recordBytes);
    this.answers.add(index, text);
    this.finish[index] = finish ?? null;
  }

  /** So many tokens were generated so far. */
  generated(tokens: number): void {
    this.completionTokens = tokens;
  }

  /** Texts became vectors. @param tokens of all texts */
  embedded(vectors: readonly Float32Array[], tokens: number): void {
    this.vectors = vectors;
    this.promptTokens = tokens;
  }

  /** Writes the record when the work is over. Requests of models that are not served are none of any model. */
  async follow<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.end(this.asked.signal.aborted ? clientGone().code : 'ok');
      return result;
    } catch (error) {
      if (!isUnknownModel(error)) this.end(outcomeOf(error));
      throw error;
    }
  }

  private end(outcome: string): void {
    const [at, ms] = [Date.now(), performance.now() - this.started];
    this.log.record(() => this.exchange(at, ms, outcome));
  }

  private exchange(at: number, ms: number, outcome: string): Exchange {
    const { request, trace, caller, served, inputs } = this.asked;
    const { name: model, version } = served() ?? { name: this.asked.model, version: this.asked.version };
    const outputs = this.outputs();
    return {
      ...{ at, ms, request, trace, model, version, caller, outcome },
      ...{ inputs: [inputs()], outputs, text: this.facts() },
    };
  }

  private outputs(): Exchange['outputs'] {
    if (this.vectors.length > 0) return [vectorsTensor('embedding', this.vectors)];
    return this.answers === undefined ? [] : [this.answers.tensor('completion')];
  }

  private facts(): TextFacts {
    return {
      operation: this.asked.operation,
      tokens: { prompt: this.promptTokens, completion: this.completionTokens },
      finish: this.answers && this.finish,
    };
  }
}

/** Begins a note of each request that the sample takes. */
export function textNotes(log: PayloadLog): (asked: TextRequest) => TextNote | undefined {
  return (asked) => (log.samples(asked.model) ? new TextNote(log, asked) : undefined);
}

import type { ModelSignature } from '../backends/backend';
import { TurnQueue } from '../threads/turn-queue';
import { cacheBytes } from './cache';
import { readDecoder } from './decoder';
import type { DecoderGraph } from './decoder';
import { feed } from './graph-run';
import type { GraphRunner } from './graph-run';
import { Group } from './group';
import type { Tell } from './group';
import { probe } from './probe';
import { failedStep } from './protocol';
import type { EngineOptions, GenerationOptions } from './protocol';
import { Sequence } from './sequence';

/** Bytes of scores that one run over a prompt may give, and the bounds of its length in tokens. */
const CHUNK = { bytes: 32 * 2 ** 20, least: 16, most: 512 } as const;

const FP32_BYTES = 4;

/**
 * Generates the tokens of many answers at once. Each turn takes one piece of one waiting prompt and one token for
 * every answer under way, and the next turn a piece of another prompt, so that neither a long prompt nor a long answer
 * keeps others waiting.
 */
export class Engine {
  /** Those whose prompt is not read yet. */
  private readonly waiting = new Set<Sequence>();
  /** The same in the order of their next pieces. */
  private readonly pieces = new TurnQueue<Sequence>();
  private groups: Group[] = [];
  private inRun = false;
  private readonly givenUp = new Set<number>();
  private readonly chunk: number;

  private constructor(
    private readonly runner: GraphRunner,
    private readonly graph: DecoderGraph,
    private readonly maxRows: number,
    vocabulary: number,
    private readonly tell: Tell,
  ) {
    const fitting = Math.floor(CHUNK.bytes / (FP32_BYTES * Math.max(1, vocabulary)));
    this.chunk = Math.min(CHUNK.most, Math.max(CHUNK.least, fitting));
  }

  /** Prepares a decoder, which it runs a few times to see how it may be run. */
  static async open(
    runner: GraphRunner,
    signature: ModelSignature,
    options: EngineOptions,
    tell: Tell,
  ): Promise<Engine> {
    const graph = readDecoder(signature);
    const { sharesRuns, vocabulary } = await probe(runner, graph);
    return new Engine(runner, graph, sharesRuns ? options.maxRows : 1, vocabulary, tell);
  }

  /** True while there is something to do. */
  get busy(): boolean {
    return this.waiting.size > 0 || this.groups.length > 0;
  }

  /** Bytes of all caches. */
  get heldBytes(): number {
    const waiting = [...this.waiting].reduce((sum, { cache }) => sum + cacheBytes(cache), 0);
    return this.groups.reduce((sum, { bytes }) => sum + bytes, waiting);
  }

  /** Takes a prompt in. */
  add(id: number, prompt: Int32Array, options: GenerationOptions): void {
    const sequence = new Sequence(id, prompt, options, this.graph.slots);
    this.waiting.add(sequence);
    this.enqueue(sequence);
  }

  /** Gives an answer up; its cache is free at once, or when the run that reads it is over. */
  cancel(id: number): void {
    this.givenUp.add(id);
    if (!this.inRun) this.letGo();
  }

  /** One turn: a piece of a prompt, and a token for every answer under way. */
  async turn(): Promise<void> {
    const sequence = this.pieces.shift();
    if (sequence !== undefined) await this.guard([sequence], () => this.prefill(sequence));
    for (const group of [...this.groups]) {
      await this.guard(group, () => group.step(this.runner, this.tell));
    }
    this.groups = this.groups.filter(({ size }) => size > 0);
  }

  /** The next piece of its prompt. */
  private pieceOf(sequence: Sequence): Int32Array {
    // The branch with a cache of a merged export may have been traced for one token: more would see what follows them.
    return sequence.chunk(this.graph.hasCacheBranch && sequence.held > 0 ? 1 : this.chunk);
  }

  /** After each piece others have their turn: by the tokens of their callers, and of one caller round and round. */
  private enqueue(sequence: Sequence): void {
    const cost = this.pieceOf(sequence).length;
    this.pieces.push(sequence, { caller: sequence.caller, cost, left: () => undefined });
  }

  private async prefill(sequence: Sequence): Promise<void> {
    const tokens = this.pieceOf(sequence);
    const fed = await feed(this.runner, this.graph, { cache: sequence.cache, tokens: [tokens], held: [sequence.held] });
    sequence.cache = fed.cache;
    sequence.held += tokens.length;
    if (!sequence.isPrefilled) {
      this.enqueue(sequence);
      return this.tell(sequence, {});
    }
    this.waiting.delete(sequence);
    const step = sequence.advance(fed.scores[0] ?? new Float32Array());
    if (step.finish === undefined) this.join(sequence);
    this.tell(sequence, step);
  }

  private join(sequence: Sequence): void {
    const fits = ({ lengthClass, size }: Group): boolean => lengthClass === sequence.lengthClass && size < this.maxRows;
    let group = this.groups.find(fits);
    if (group === undefined) {
      group = new Group(this.graph, sequence.lengthClass);
      this.groups.push(group);
    }
    group.change([sequence], () => false);
  }

  /** Lets a failure end only those that took part in the run. */
  private async guard(part: Group | readonly Sequence[], work: () => Promise<void>): Promise<void> {
    this.inRun = true;
    try {
      await work();
    } catch (error) {
      const took = (sequence: Sequence): boolean =>
        part instanceof Group ? part.has(sequence) : part.includes(sequence);
      this.leave(took, (sequence) => this.tell(sequence, failedStep(error)));
    } finally {
      this.inRun = false;
      this.letGo();
    }
  }

  private letGo(): void {
    if (this.givenUp.size === 0) return;
    this.leave(
      ({ id }) => this.givenUp.has(id),
      (sequence) => this.tell(sequence, { finish: 'cancelled' }),
    );
    this.givenUp.clear();
  }

  private leave(leaves: (sequence: Sequence) => boolean, then: (sequence: Sequence) => void): void {
    const left: Sequence[] = [...this.waiting].filter(leaves);
    for (const sequence of left) {
      this.waiting.delete(sequence);
      this.pieces.delete(sequence);
    }
    for (const group of this.groups) {
      group.change([], (sequence) => {
        const isLeaving = leaves(sequence);
        if (isLeaving) left.push(sequence);
        return isLeaving;
      });
    }
    this.groups = this.groups.filter(({ size }) => size > 0);
    left.forEach(then);
  }
}

import type { GenerationListener } from '../generation/answer';
import type { WrittenHeader } from '../host/frames';
import type { HostProcess } from '../host/process';
import type { HostReply, HostRequest } from '../host/protocol';
import { Slots } from '../../shared/slots';

/** A question to a worker, written already or not. */
export type Question = HostRequest | WrittenHeader;

/** What a worker answered. */
export interface Answer {
  readonly reply: HostReply;
  readonly payload: Uint8Array;
}

interface Waiting {
  readonly host: HostProcess;
  readonly lane: number;
  /** Told of an answer; true when it is the last one. */
  readonly told: (answer: Answer) => boolean;
  readonly reject: (error: Error) => void;
}

const CANCEL: HostRequest = { type: 'cancel' };

/** Questions to the workers of a host, each answered under its id. */
export class Conversation {
  private readonly waiting = new Slots<Waiting>();
  private readonly pending: number[] = [];

  /** Asks the worker of a lane. Rejects when its host ends first. */
  ask(host: HostProcess, lane: number, question: Question, parts: readonly Uint8Array[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const told = (answer: Answer): boolean => {
        resolve(answer);
        return true;
      };
      this.begin({ host, lane, told, reject }, question, parts);
    });
  }

  /** Asks for an answer that comes step by step. What it returns asks the worker to end it. */
  listen(
    host: HostProcess,
    lane: number,
    question: Question,
    parts: readonly Uint8Array[],
    listener: GenerationListener,
  ): () => void {
    const told = ({ reply }: Answer): boolean => {
      if (reply.type !== 'step') return false;
      listener.step(reply.step);
      return reply.step.finish !== undefined;
    };
    const id = this.begin({ host, lane, told, reject: listener.fail }, question, parts);
    return () => {
      if (this.waiting.get(id) !== undefined) host.send(lane, id, CANCEL, []);
    };
  }

  /** The lane with the fewest open questions. */
  quietest(lanes: number): number {
    let best = 0;
    for (let lane = 1; lane < lanes; lane++) {
      if ((this.pending[lane] ?? 0) < (this.pending[best] ?? 0)) best = lane;
    }
    return best;
  }

  /** Hands an answer to who asked. */
  receive(id: number, reply: HostReply, payload: Uint8Array): void {
    if (this.waiting.get(id)?.told({ reply, payload })) this.close(id);
  }

  /** Fails every open question to a host. */
  fail(host: HostProcess, error: Error): void {
    for (const [id, waiting] of this.waiting.entries()) {
      if (waiting.host === host) this.close(id)?.reject(error);
    }
  }

  private begin(waiting: Waiting, question: Question, parts: readonly Uint8Array[]): number {
    const { host, lane } = waiting;
    const id = this.waiting.add(waiting);
    this.pending[lane] = (this.pending[lane] ?? 0) + 1;
    host.send(lane, id, question, parts);
    return id;
  }

  private close(id: number): Waiting | undefined {
    const waiting = this.waiting.delete(id);
    if (waiting === undefined) return undefined;
    this.pending[waiting.lane] = (this.pending[waiting.lane] ?? 1) - 1;
    return waiting;
  }
}

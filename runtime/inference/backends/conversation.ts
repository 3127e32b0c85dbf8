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
  readonly worker: number;
  /** Told of an answer; true when it is the last one. */
  readonly told: (answer: Answer) => boolean;
  readonly reject: (error: Error) => void;
}

const CANCEL: HostRequest = { type: 'cancel' };

/** Questions to the workers of a host, each answered under its id. */
export class Conversation {
  private readonly waiting = new Slots<Waiting>();
  private readonly pending: number[] = [];

  /** Asks a worker. Rejects when its host ends first. */
  ask(host: HostProcess, worker: number, question: Question, parts: readonly Uint8Array[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const told = (answer: Answer): boolean => {
        resolve(answer);
        return true;
      };
      this.begin({ host, worker, told, reject }, question, parts);
    });
  }

  /** Asks for an answer that comes step by step. What it returns asks the worker to end it. */
  listen(
    host: HostProcess,
    worker: number,
    question: Question,
    parts: readonly Uint8Array[],
    listener: GenerationListener,
  ): () => void {
    const told = ({ reply }: Answer): boolean => {
      if (reply.type !== 'step') return false;
      listener.step(reply.step);
      return reply.step.finish !== undefined;
    };
    const id = this.begin({ host, worker, told, reject: listener.fail }, question, parts);
    return () => {
      if (this.waiting.get(id) !== undefined) host.send(worker, id, CANCEL, []);
    };
  }

  /** The worker with the fewest open questions. */
  quietest(workers: number): number {
    let best = 0;
    for (let worker = 1; worker < workers; worker++) {
      if ((this.pending[worker] ?? 0) < (this.pending[best] ?? 0)) best = worker;
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
    const { host, worker } = waiting;
    const id = this.waiting.add(waiting);
    this.pending[worker] = (this.pending[worker] ?? 0) + 1;
    host.send(worker, id, question, parts);
    return id;
  }

  private close(id: number): Waiting | undefined {
    const waiting = this.waiting.delete(id);
    if (waiting === undefined) return undefined;
    this.pending[waiting.worker] = (this.pending[waiting.worker] ?? 1) - 1;
    return waiting;
  }
}

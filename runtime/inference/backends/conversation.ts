import type { HostProcess } from '../host/process';
import type { HostReply, HostRequest } from '../host/protocol';

/** A question to a worker, before it has its id. */
export type Question = HostRequest extends infer R ? (R extends HostRequest ? Omit<R, 'id'> : never) : never;

/** What a worker answered. */
export interface Answer {
  readonly reply: HostReply;
  readonly payload: Uint8Array;
}

interface Waiting {
  readonly host: HostProcess;
  readonly lane: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Questions to the workers of a host, each answered under its id. */
export class Conversation {
  private nextId = 1;
  private readonly waiting = new Map<number, Waiting>();
  private readonly pending: number[] = [];

  /** Asks the worker of a lane. Rejects when its host ends first. */
  ask(host: HostProcess, lane: number, question: Question, parts: readonly Uint8Array[]): Promise<Answer> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { host, lane, resolve, reject });
      this.pending[lane] = (this.pending[lane] ?? 0) + 1;
      host.send(lane, { ...question, id }, parts);
    });
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
  receive(reply: HostReply, payload: Uint8Array): void {
    this.close(reply.id)?.resolve({ reply, payload });
  }

  /** Fails every open question to a host. */
  fail(host: HostProcess, error: Error): void {
    for (const [id, waiting] of [...this.waiting]) {
      if (waiting.host === host) this.close(id)?.reject(error);
    }
  }

  private close(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    if (waiting === undefined) return undefined;
    this.waiting.delete(id);
    this.pending[waiting.lane] = (this.pending[waiting.lane] ?? 1) - 1;
    return waiting;
  }
}

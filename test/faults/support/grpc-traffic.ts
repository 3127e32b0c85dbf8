import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError, StatusObject } from '@grpc/grpc-js';
import { GrpcClient, metadataOf } from '../../runtime/support/grpc-client';
import { KEY } from './servers';
import type { Reply } from './traffic';

const HEADERS = { authorization: `Bearer ${KEY}` };
/** A request to the model that gives `x` back as `y`. */
const TINY = {
  model_name: 'tiny',
  inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1, 2.5] } }],
};
/** Between two requests of a stream: most of the time nothing goes on there. */
const PAUSE_MS = 20;
const PATIENCE_MS = 30_000;
/** Code of an answer that says that the server is not ready. */
const DRAINING = 'LNMT8004';

interface Answer {
  readonly error_message: string;
}

/** Servers over gRPC, as clients choose among them that go by readiness. */
export class GrpcPool {
  private readonly clients = new Map<number, GrpcClient>();
  private turn = 0;

  /** @param isReady whether the server with this HTTP port gets new work */
  constructor(private readonly isReady: (http: number) => boolean) {}

  add(http: number, grpc: number): void {
    this.clients.set(http, GrpcClient.inference(grpc));
  }

  /** Takes a server out that has ended. */
  remove(http: number): void {
    this.clients.get(http)?.close();
    this.clients.delete(http);
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }

  /** One of those that are ready, in turn. */
  next(): GrpcClient {
    const ready = [...this.clients].filter(([http]) => this.isReady(http));
    const [, client] = ready[this.turn++ % Math.max(1, ready.length)] ?? [];
    if (client === undefined) throw new Error('no server is ready');
    return client;
  }

  /** One call, which nobody repeats. */
  async call(): Promise<Reply> {
    const sent = performance.now();
    const outcome = await this.next()
      .call('ModelInfer', TINY, HEADERS)
      .then(
        () => '200',
        (error: unknown) => `gRPC ${(error as ServiceError).code ?? String(error)}`,
      );
    const ms = performance.now() - sent;
    return { outcome, body: '', ms, serviceMs: ms, errorCode: undefined };
  }
}

type Outcome = 'answered' | 'moved' | 'failed';

interface Open {
  readonly call: ClientDuplexStream<object, Answer>;
  /** How it ended, once it has. */
  ended: Outcome | undefined;
  /** Told of the next answer, or of the end. */
  tell: (outcome: Outcome) => void;
}

/**
 * A client that keeps one stream, as those of Triton do: a stream that a server ends because it drains is opened anew
 * elsewhere, and what had no answer is asked again there. Any other end is a failure.
 */
export class StreamClient {
  answered = 0;
  /** Times that its stream was ended for it to go elsewhere. */
  moved = 0;
  readonly failures: string[] = [];
  private stream: Open | undefined;

  constructor(private readonly pool: GrpcPool) {}

  /** Asks on, one request after the other. */
  async run(over: () => boolean): Promise<void> {
    for (; !over(); await delay(PAUSE_MS)) await this.ask();
    this.stream?.call.cancel();
  }

  private async ask(): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
      const outcome = await this.once();
      if (outcome === 'answered') this.answered += 1;
      if (outcome !== 'answered') this.stream = undefined;
      if (outcome !== 'moved') return;
      this.moved += 1;
    }
    this.failures.push('nowhere answered');
  }

  private once(): Promise<Outcome> {
    const stream = (this.stream ??= this.open());
    return new Promise((resolve) => {
      if (stream.ended !== undefined) return resolve(stream.ended);
      stream.tell = resolve;
      stream.call.write(TINY);
    });
  }

  private open(): Open {
    const { raw } = this.pool.next();
    const method = Reflect.get(raw, 'ModelStreamInfer') as (...args: unknown[]) => ClientDuplexStream<object, Answer>;
    const call = method.call(raw, metadataOf(HEADERS));
    const stream: Open = { call, ended: undefined, tell: () => undefined };
    const failed = (why: string): Outcome => {
      this.failures.push(why);
      return 'failed';
    };
    call.on('data', ({ error_message: message }: Answer) => stream.tell(message === '' ? 'answered' : failed(message)));
    call.on('error', () => undefined);
    call.on('status', ({ code, details, metadata }: StatusObject) => {
      if (code === status.CANCELLED) return;
      // A connection that is lost is UNAVAILABLE too, and has no code of ours.
      const drains = code === status.UNAVAILABLE && metadata.get('x-error-code')[0] === DRAINING;
      stream.ended = drains ? 'moved' : failed(`gRPC ${code} ${details}`);
      stream.tell(stream.ended);
    });
    return stream;
  }
}

import { randomUUID } from 'node:crypto';
import { ResponderBuilder, ServerListenerBuilder, status } from '@grpc/grpc-js';
import type { Metadata, ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import type { Context } from '@opentelemetry/api';
import type { FastifyBaseLogger } from 'fastify';
import { scopeOf } from '../../shared/access-control';
import type { AccessControl, Judge } from '../../shared/access-control';
import type { Principal } from '../../shared/api-keys';
import type { AuditLog } from '../../shared/audit';
import { auditedCaller } from '../../shared/audit-plugin';
import type { CallerLimiter } from '../../shared/caller-limits';
import { presentedKey } from '../../shared/credentials';
import type { Credentials } from '../../shared/credentials';
import { asRequestError, badRequest, StartError } from '../../shared/errors';
import type { RequestError } from '../../shared/errors';
import { endSpan, startRequestSpan, traceFields } from '../../shared/tracing';
import { operationOfRpc, OPERATIONS } from '../operations/table';
import type { Operation, OperationId } from '../operations/table';
import { CLIENT_GONE } from '../observe';
import type { ObservedCall } from '../observe';
import { Closers, overhear } from './closers';
import type { Closer } from './closers';
import { RefusedMessage, sizeOf } from './decoding';
import { Incoming, PUBLIC_MESSAGE_BYTES } from './incoming';
import type { IntakeLimits } from './intake';
import { Unread, WatchedCall } from './stalled-calls';
import type { StalledCalls } from './stalled-calls';
import { httpStatusOf, statusOf } from './status';
import { StreamRoom } from './stream-room';

/** What a call has to pass. */
export interface GateOptions extends IntakeLimits {
  readonly access: AccessControl;
  readonly limiter: CallerLimiter;
  /** @default - none */
  readonly audit?: AuditLog | undefined;
  readonly log: FastifyBaseLogger;
  /** Told of every inference call when it is over, of refused ones too. */
  readonly observed: (call: ObservedCall) => void;
  /** Told of each answer until it is out. @default - nobody looks whether answers are read */
  readonly stalled?: Pick<StalledCalls, 'begin'>;
}

/** A model that a call is about. */
export interface CallSubject {
  readonly model?: string | undefined;
  readonly version?: string | undefined;
}

/** What is known of a call. */
export interface Call {
  readonly operation: OperationId;
  readonly request: string;
  /** Trace that it belongs to; absent where anyone may call. */
  readonly trace: Context | null;
  /** Address of the caller. */
  readonly address: string;
  principal: Principal | null;
  /**
   * Who it is by now, which a key that was taken away or ran out is not.
   *
   * @throws RequestError 401
   */
  renew: () => Principal | null;
  subject: CallSubject;
  /** The version that was chosen for it, where it names none. */
  answering?: CallSubject | undefined;
  /** Messages of a stream that were begun. */
  messages: number;
  /** What it failed with. */
  failure: RequestError | undefined;
}

const HEADERS = ['authorization', 'x-api-key'] as const;
/** As HTTP has it. */
const ANSWERED = 200;
const GONE = Number(CLIENT_GONE);

function credentialsOf(metadata: Metadata, call: ServerInterceptingCallInterface): Credentials {
  const headers: Record<string, string> = {};
  for (const name of HEADERS) {
    const values = metadata.get(name);
    if (values.length > 1) throw badRequest(`the header ${name} is sent twice`);
    const [value] = values;
    if (typeof value === 'string') headers[name] = value;
  }
  return { presented: presentedKey(headers), certificate: call.getAuthContext().sslPeerCertificate };
}

/** How a call ended, as HTTP has it. What it failed with counts only where its client was told. */
function outcomeOf({ failure }: Call, code: status): Pick<ObservedCall, 'status' | 'error'> {
  const told = code === status.OK || code === status.CANCELLED ? undefined : failure;
  return { status: told?.status ?? httpStatusOf(code), error: told?.code };
}

/** Address of a caller, without its port. */
function addressOf(call: ServerInterceptingCallInterface): string {
  return call
    .getPeer()
    .replace(/^(ipv[46]:)?/, '')
    .replace(/:\d+$/, '')
    .replace(/[[\]%].*$|^\[/g, '');
}

/**
 * What stands before every procedure: its row of the operation table, who calls, how often, whether they may, and the
 * audit log. A call of nobody is refused before its message is read.
 */
export class Gate {
  private readonly calls = new WeakMap<Metadata, Call>();

  constructor(private readonly options: GateOptions) {}

  /** Whether a model of a list is shown to who calls. */
  shows({ operation, principal }: Call, subject: CallSubject): boolean {
    const access = scopeOf(OPERATIONS[operation].access);
    return access === undefined || this.options.access.shows(principal, { operation, access, ...subject });
  }

  /** Judges the version that answers; undefined where nobody has to. */
  judge({ operation, principal, subject }: Call): Judge | undefined {
    const access = scopeOf(OPERATIONS[operation].access);
    return access && this.options.access.judge(principal, { operation, access, ...subject });
  }

  /**
   * Lets a call go on once it is known what it is about.
   *
   * @throws RequestError 403
   */
  pass(metadata: Metadata, subject: CallSubject): Call {
    const call = this.calls.get(metadata);
    if (call === undefined) throw new Error('a call came past the gate; this is a bug');
    call.subject = subject;
    const access = scopeOf(OPERATIONS[call.operation].access);
    if (access !== undefined) {
      this.options.access.permit(call.principal, { operation: call.operation, access, ...subject });
    }
    return call;
  }

  /**
   * Does the work of one message of a stream: judged by what its caller may do now, limited, counted and written down as a
   * call of its own. The first message took its place with its stream.
   *
   * @throws RequestError
   */
  async message<T>(metadata: Metadata, subject: CallSubject, work: (call: Call) => Promise<T>): Promise<T> {
    const started = performance.now();
    const begun = this.calls.get(metadata);
    if (begun !== undefined) begun.messages += 1;
    let failure: RequestError | undefined;
    let leave = (): void => undefined;
    let turn: Call | undefined;
    try {
      if (begun !== undefined) begun.principal = begun.renew();
      const call = this.pass(metadata, subject);
      if (call.messages > 1) leave = this.options.limiter.enter(call.principal, call.address);
      // Messages of one stream are answered beside one another.
      turn = { ...call };
      return await work(turn);
    } catch (error) {
      failure = asRequestError(error);
      throw error;
    } finally {
      leave();
      const seconds = (performance.now() - started) / 1000;
      const counted = turn?.answering ?? subject;
      this.options.observed({ ...counted, status: failure?.status ?? ANSWERED, error: failure?.code, seconds });
      if (begun !== undefined) this.audit({ ...begun, subject }, failure ? statusOf(failure).code : status.OK);
    }
  }

  /** Notes what a call fails with, which its status does not say. */
  failed(metadata: Metadata, error: RequestError): void {
    const call = this.calls.get(metadata);
    if (call !== undefined) call.failure = error;
  }

  /** For the options of the server. */
  readonly interceptor: ServerInterceptor = (definition, outer) => {
    const { path, requestStream } = definition;
    const closers = new Closers();
    let head: Metadata | undefined;
    const refuse = (error: RequestError): void => {
      if (head !== undefined) this.failed(head, error);
      if (error.cause !== undefined) this.options.log.error({ err: error.cause, code: error.code }, error.message);
      outer.sendStatus(statusOf(error));
    };
    overhear(outer, (code) => closers.close(code));
    const incoming = new Incoming(outer, this.limitsOf(path), requestStream, refuse);
    overhear(outer, () => incoming.answered());
    const unread = new Unread(outer, this.options.stalled);
    const room = requestStream ? new StreamRoom() : undefined;
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        head = metadata;
        const admitted = this.admit(path, metadata, outer, closers);
        admitted.then(() => next(metadata)).catch((error: unknown) => refuse(asRequestError(error)));
      })
      .withOnReceiveMessage((message: object, next) => {
        incoming.handedOn();
        room?.came(sizeOf(message));
        // A stream tells it in its answer.
        if (message instanceof RefusedMessage && !requestStream) refuse(message.error);
        else next(message);
      })
      // Of every call, when its stream is closed.
      .withOnCancel(() => {
        unread.forget();
        closers.close(status.CANCELLED);
      })
      .build();
    const responder = new ResponderBuilder().withStart((next) => next(listener)).build();
    return new WatchedCall(outer, responder, unread, room);
  };

  private limitsOf(path: string): IntakeLimits {
    const { messageBytes, receiveMs } = this.options;
    const [, { access }] = rowOf(path);
    return { receiveMs, messageBytes: access === 'public' ? PUBLIC_MESSAGE_BYTES : messageBytes };
  }

  private async admit(
    path: string,
    metadata: Metadata,
    outer: ServerInterceptingCallInterface,
    closers: Closers,
  ): Promise<void> {
    const [operation, { access }] = rowOf(path);
    const above = metadata.get('traceparent')[0];
    const attributes = { 'rpc.system': 'grpc', 'rpc.method': path };
    const trace = access === 'public' ? null : startRequestSpan(operation, above, attributes);
    const address = addressOf(outer);
    const call: Call = {
      ...{ operation, request: randomUUID(), trace, address },
      ...{ principal: null, renew: () => null, subject: {}, messages: 0, failure: undefined },
    };
    this.calls.set(metadata, call);
    if (access === 'infer') closers.push(this.observer(call));
    if (trace === null) return;
    closers.push((code) => {
      const { status: counted } = outcomeOf(call, code);
      endSpan(trace, { 'rpc.grpc.status_code': code }, counted === GONE || counted >= 500);
    });
    closers.push((code) => this.audit(call, code));
    const { access: control } = this.options;
    const credentials = credentialsOf(metadata, outer);
    call.principal = await control.authenticate(credentials);
    call.renew = () => control.renew(call.principal, credentials);
    closers.push(this.options.limiter.enter(call.principal, address));
  }

  private observer(call: Call): Closer {
    const started = performance.now();
    return (code) => {
      const subject = call.answering ?? call.subject;
      // Messages of a stream count one by one; a stream counts as a whole only where it was refused before the first.
      if (call.messages > 0) return;
      const seconds = (performance.now() - started) / 1000;
      this.options.observed({ ...subject, ...outcomeOf(call, code), seconds });
    };
  }

  private audit({ operation, request, principal, subject, trace }: Call, code: status): void {
    this.options.audit?.record({
      ...{ operation, transport: 'grpc', model: subject.model, version: subject.version, request },
      caller: auditedCaller(principal),
      outcome: status[code],
      trace: traceFields(trace)?.trace_id,
    });
  }
}

/**
 * The row of a procedure, by its path.
 *
 * @throws StartError LNMT8106 where there is none
 */
export function rowOf(path: string): readonly [OperationId, Operation] {
  const row = operationOfRpc(path.replace(/^\//, ''));
  if (row === undefined) throw new StartError('LNMT8106', `procedure ${path}`);
  return row;
}

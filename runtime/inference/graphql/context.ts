import type { Context as TraceContext } from '@opentelemetry/api';
import type { AccessControl } from '../../shared/access-control';
import type { Admission } from '../../shared/admission';
import type { Principal } from '../../shared/api-keys';
import type { AuditLog } from '../../shared/audit';
import type { CallerLimiter } from '../../shared/caller-limits';
import type { Cancellation } from '../../shared/cancellation';
import type { HealthState } from '../../shared/health';
import type { ModelIdentity } from '../data-plane';
import type { CallSubject } from '../grpc/gate';
import type { ObservedCall } from '../observe';
import type { OpenAiWork } from '../routes/openai-work';
import type { Viewer } from '../serving/disclosure';
import type { InferenceService } from '../serving/service';

/** What the fields of the schema work with. */
export interface GraphQlDeps {
  readonly models: InferenceService;
  /** Models that take text. */
  readonly openai: Pick<OpenAiWork, 'models' | 'model' | 'embeddings' | 'completions' | 'chat'>;
  readonly health: HealthState;
  readonly admission: Admission;
  readonly access: AccessControl;
  readonly limiter: CallerLimiter;
  /** @default - none */
  readonly audit?: AuditLog | undefined;
  /** Told of every inference call. */
  readonly observed: (call: ObservedCall) => void;
}

/** One request, as its fields see it. */
export interface FieldContext {
  readonly principal: Principal | null;
  /** Address of the caller. */
  readonly address: string;
  /** Id of the request. */
  readonly request: string;
  readonly trace: TraceContext | null;
  /** Fires when the client leaves. */
  readonly signal: Cancellation;
  /** A header, by its name in lower case. */
  readonly attribute: (name: string) => string | undefined;
  /** Operations that were asked for so far. */
  asked: number;
}

/** Arguments of a field; the schema has held them to their types. */
export type Arguments = Readonly<Record<string, unknown>>;

/** What a field asks and tells while it answers. */
export interface FieldCall extends Viewer {
  /** Judges the caller for a model that only the answer finds out about. @throws RequestError 403 */
  readonly permit: (model: string, version?: string) => void;
  /** Told which version is going to answer, where that was not asked for. */
  readonly answering: (model: ModelIdentity) => void;
}

/** One operation as a field. */
export interface Field {
  /** The model that it is about, where its arguments say it as a path does. @default - none */
  readonly subject?: (given: Arguments) => CallSubject;
  readonly answer: (given: Arguments, context: FieldContext, call: FieldCall) => unknown;
}

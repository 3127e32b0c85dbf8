import type { handleUnaryCall, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { FastifyBaseLogger } from 'fastify';
import { MODEL_NAME_PATTERN } from '../../contract';
import type { Admission } from '../../shared/admission';
import { asRequestError } from '../../shared/errors';
import type { HealthState } from '../../shared/health';
import type { OpenRequests } from '../../shared/open-requests';
import { unknownModel } from '../errors';
import type { ModelIdentity } from '../data-plane';
import { metadataOfServer } from '../metadata';
import { refuseParameters } from '../routes/repository';
import { Disclosure } from '../serving/disclosure';
import type { Viewer, Question } from '../serving/disclosure';
import type { InferenceService } from '../serving/service';
import type { Call, CallSubject, Gate } from './gate';
import { departure, infer, subjectOf } from './infer';
import { inferStream } from './infer-stream';
import type { ModelInferRequest, ModelInferResponse, ModelRequest, RepositoryModelRequest } from './messages';
import { statusOf } from './status';

/** What the procedures need. */
export interface HandlerDeps {
  readonly gate: Gate;
  readonly models: InferenceService;
  readonly health: HealthState;
  /** Takes every call in until it is answered. */
  readonly open: OpenRequests;
  readonly admission: Admission;
  readonly log: FastifyBaseLogger;
  /** Bytes of the largest message. */
  readonly messageBytes: number;
}

/** One procedure: the model that a request is about, and the answer. */
interface Procedure<Request, Response> {
  readonly subject: (request: Request) => CallSubject;
  readonly answer: (
    request: Request,
    call: ServerUnaryCall<Request, Response>,
    passed: Call,
  ) => Promise<Response> | Response;
}

const nothing = (): CallSubject => ({});
const named = ({ name, version }: ModelRequest): CallSubject => ({ model: name, version: version || undefined });
const questionOf = ({ name, version }: ModelRequest): Question => ({ name, version: version || undefined });

function unary<Request, Response>(
  deps: HandlerDeps,
  procedure: Procedure<Request, Response>,
): handleUnaryCall<Request, Response> {
  const run = async (call: ServerUnaryCall<Request, Response>): Promise<Response> => {
    const passed = deps.gate.pass(call.metadata, procedure.subject(call.request));
    const about = { id: passed.request, route: call.getPath(), model: passed.subject.model };
    return deps.open.follow(about, Promise.resolve(procedure.answer(call.request, call, passed)));
  };
  return (call, answered) => {
    run(call).then(
      (response) => answered(null, response),
      (thrown: unknown) => {
        const error = asRequestError(thrown);
        deps.gate.failed(call.metadata, error);
        if (error.status >= 500 && error.cause !== undefined) {
          deps.log.error({ err: error.cause, code: error.code }, error.message);
        }
        answered(statusOf(error));
      },
    );
  };
}

function inferProcedure(deps: HandlerDeps): Procedure<ModelInferRequest, ModelInferResponse> {
  return {
    subject: subjectOf,
    answer: (request, call, passed) => infer(deps, request, { call, passed, signal: departure(call) }),
  };
}

function repositoryProcedure(deps: HandlerDeps, verb: 'load' | 'unload'): Procedure<RepositoryModelRequest, object> {
  return {
    subject: ({ model_name: model }) => ({ model }),
    answer: async ({ model_name: name, parameters }) => {
      if (!MODEL_NAME_PATTERN.test(name)) throw unknownModel();
      refuseParameters(Object.keys(parameters));
      await deps.models[verb](name);
      return {};
    },
  };
}

/** The procedures that tell of one model. */
function disclosures(deps: HandlerDeps): UntypedServiceImplementation {
  const { models, gate } = deps;
  const disclosure = new Disclosure(models);
  const viewerOf = (passed: Call): Viewer => ({
    judge: gate.judge(passed),
    shows: (model, version) => gate.shows(passed, { model, version }),
  });
  return {
    ModelReady: unary<ModelRequest, object>(deps, {
      subject: named,
      answer: async (request, _call, passed) => ({
        ready: await disclosure.isReady(questionOf(request), viewerOf(passed)),
      }),
    }),
    ModelMetadata: unary<ModelRequest, object>(deps, {
      subject: named,
      answer: (request, _call, passed) => disclosure.metadata(questionOf(request), viewerOf(passed)),
    }),
    ModelConfig: unary<ModelRequest, object>(deps, {
      subject: named,
      answer: (request, _call, passed) => ({
        config: disclosure.configuration(questionOf(request), viewerOf(passed)),
      }),
    }),
  };
}

/** The procedures of `inference.GRPCInferenceService`. */
export function inferenceHandlers(deps: HandlerDeps): UntypedServiceImplementation {
  const { models, health, gate } = deps;
  const shown =
    (passed: Call) =>
    ({ name, version }: ModelIdentity): boolean =>
      gate.shows(passed, { model: name, version });
  return {
    ServerLive: unary(deps, { subject: nothing, answer: () => ({ live: health.live }) }),
    ServerReady: unary(deps, { subject: nothing, answer: () => ({ ready: health.ready }) }),
    ServerMetadata: unary(deps, { subject: nothing, answer: metadataOfServer }),
    ...disclosures(deps),
    ModelStatistics: unary<ModelRequest, object>(deps, {
      subject: ({ name, version }) => ({ model: name || undefined, version: version || undefined }),
      answer: ({ name, version }, _call, passed) => ({
        model_stats: models.statistics(name || undefined, version || undefined).filter(shown(passed)),
      }),
    }),
    ModelInfer: unary(deps, inferProcedure(deps)),
    ModelStreamInfer: inferStream(deps),
    RepositoryIndex: unary<{ readonly ready: boolean }, object>(deps, {
      subject: nothing,
      answer: ({ ready }, _call, passed) => ({ models: models.index(ready).filter(shown(passed)) }),
    }),
    RepositoryModelLoad: unary(deps, repositoryProcedure(deps, 'load')),
    RepositoryModelUnload: unary(deps, repositoryProcedure(deps, 'unload')),
  };
}

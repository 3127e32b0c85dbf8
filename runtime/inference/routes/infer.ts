import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Admission } from '../../shared/admission';
import { unsupportedMediaType } from '../../shared/errors';
import type { DataPlane } from '../data-plane';
import { parseJson } from '../tensors/json';
import { readRequest } from '../tensors/request';
import { writeResponse } from '../tensors/response';
import { MODEL_PATTERNS } from './models';
import type { ModelParams } from './models';

/** What the inference routes need. */
export interface InferDeps {
  readonly plane: DataPlane;
  readonly admission: Admission;
}

type InferRequest = FastifyRequest<{ Params: ModelParams; Body: unknown }>;

/** Fires when the client leaves before its answer. */
function departure(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

async function refuseEncoded(request: FastifyRequest): Promise<void> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw unsupportedMediaType('this content encoding');
}

async function infer(plane: DataPlane, request: InferRequest, reply: FastifyReply): Promise<string> {
  const { name, version } = request.params;
  plane.identify(name, version);
  const signal = departure(reply);
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const parsed = readRequest(parseJson(body));
  const outputs = await plane.infer(parsed, signal);
  void reply.type('application/json');
  return writeResponse({ modelName: plane.model.name, modelVersion: plane.model.version, id: parsed.id }, outputs);
}

/** Inference. Bodies are taken as bytes, because the codec bounds what `JSON.parse` does not. */
export function inferRoutes({ plane, admission }: InferDeps): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    // Clients of the protocol exist that send no media type.
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
      if (request.headers['content-type'] === undefined) done(null, body);
      else done(unsupportedMediaType('this media type'));
    });
    app.addHook('onRequest', refuseEncoded);
    app.addHook('onRequest', admission.hook);
    for (const pattern of MODEL_PATTERNS) {
      app.post(`${pattern}/infer`, { config: { access: 'infer' } }, (request: InferRequest, reply) =>
        infer(plane, request, reply),
      );
    }
  };
}

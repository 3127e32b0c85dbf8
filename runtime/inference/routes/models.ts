import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HEADERS, PATHS } from '../../contract';
import { metadataOfServer } from '../metadata';
import { Disclosure } from '../serving/disclosure';
import type { Viewer, Question } from '../serving/disclosure';
import type { InferenceService } from '../serving/service';
import { attributeOf } from './attribute';

/** Parameters of every path below a model. */
export interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

/** Patterns of a model and of one version of it. */
export const MODEL_PATTERNS = [`${PATHS.models}/:name`, `${PATHS.models}/:name/versions/:version`] as const;

type ModelRequest = FastifyRequest<{ Params: ModelParams }>;

const questionOf = (request: ModelRequest): Question => ({
  name: request.params.name,
  version: request.params.version,
  via: attributeOf(request)(HEADERS.via),
});

const viewerOf = (request: ModelRequest): Viewer => ({
  judge: request.judgeModel(request.params.name, request.params.version),
  shows: (name, version) => request.showsModel(name, version),
});

/** Server metadata, model metadata and model readiness. */
export function modelRoutes(models: InferenceService): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'read' } as const;
  const disclosure = new Disclosure(models);
  return async (app) => {
    app.get(PATHS.server, { config }, metadataOfServer);
    app.get(`${PATHS.models}/stats`, { config }, (request) => ({
      model_stats: models.statistics().filter(({ name, version }) => request.showsModel(name, version)),
    }));
    for (const pattern of MODEL_PATTERNS) {
      app.get(pattern, { config }, (request: ModelRequest) =>
        disclosure.metadata(questionOf(request), viewerOf(request)),
      );
      app.get(`${pattern}/config`, { config }, (request: ModelRequest) =>
        disclosure.configuration(questionOf(request), viewerOf(request)),
      );
      app.get(`${pattern}/stats`, { config }, (request: ModelRequest) => {
        const rows = models.statistics(request.params.name, request.params.version);
        return { model_stats: rows.filter(({ name, version }) => request.showsModel(name, version)) };
      });
      app.get(`${pattern}/ready`, { config }, async (request: ModelRequest, reply) => {
        const ready = await disclosure.isReady(questionOf(request), viewerOf(request));
        return reply.code(ready ? 200 : 503).send({ name: request.params.name, ready });
      });
    }
  };
}

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HEADERS, PATHS } from '../../contract';
import type { InferenceService } from '../serving/service';
import { metadataOfModel, metadataOfServer } from '../metadata';
import { configurationOf } from '../model-configuration';
import { attributeOf } from './attribute';

/** Parameters of every path below a model. */
export interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

/** Patterns of a model and of one version of it. */
export const MODEL_PATTERNS = [`${PATHS.models}/:name`, `${PATHS.models}/:name/versions/:version`] as const;

/** Servers that a question came through. */
const viaOf = (request: FastifyRequest): string | undefined => attributeOf(request)(HEADERS.via);

/** Server metadata, model metadata and model readiness. */
export function modelRoutes(models: InferenceService): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'read' } as const;
  return async (app) => {
    app.get(PATHS.server, { config }, metadataOfServer);
    app.get(`${PATHS.models}/stats`, { config }, (request) => ({
      model_stats: models.statistics().filter(({ name, version }) => request.showsModel(name, version)),
    }));
    for (const pattern of MODEL_PATTERNS) {
      app.get<{ Params: ModelParams }>(pattern, { config }, async (request) => {
        const { name, version } = request.params;
        return metadataOfModel(await models.describe(name, version, viaOf(request)));
      });
      app.get<{ Params: ModelParams }>(`${pattern}/config`, { config }, ({ params }) =>
        configurationOf(models.details(params.name, params.version)),
      );
      app.get<{ Params: ModelParams }>(`${pattern}/stats`, { config }, (request) => {
        const rows = models.statistics(request.params.name, request.params.version);
        return { model_stats: rows.filter(({ name, version }) => request.showsModel(name, version)) };
      });
      app.get<{ Params: ModelParams }>(`${pattern}/ready`, { config }, async (request, reply) => {
        const { name, version } = request.params;
        const ready = await models.isReady(name, version, viaOf(request));
        return reply.code(ready ? 200 : 503).send({ name, ready });
      });
    }
  };
}

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { MODEL_NAME_PATTERN, PATHS } from '../../contract';
import { unknownModel } from '../errors';
import { operationRefused } from '../registry/errors';
import type { InferenceService } from '../serving/service';
import { parseJson } from '../tensors/json';

interface Target {
  readonly name: string;
}

/** Body of the index request. @see https://github.com/triton-inference-server/server (model repository extension) */
interface IndexBody {
  readonly ready?: unknown;
}

/** Parameters that clients send and that change nothing here: no model depends on another. */
const IGNORED = ['unload_dependents'];

function refuseParameters(body: unknown): void {
  const given: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'parameters') : undefined;
  const names = typeof given === 'object' && given !== null ? Object.keys(given) : [];
  const stranger = names.find((name) => !IGNORED.includes(name));
  if (stranger !== undefined) {
    throw operationRefused(
      `the parameter ${JSON.stringify(stranger)} is not supported; models come from the repository`,
    );
  }
}

/** The model repository extension: what there is, and what is served of it. */
export function repositoryRoutes(models: InferenceService): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'manage' } as const;
  return async (app) => {
    // Clients send these without a body, whatever they say that it is, or without saying so.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
      body.length === 0 ? undefined : parseJson(body),
    );
    app.post<{ Body: IndexBody | undefined }>(`${PATHS.repository}/index`, { config }, ({ body }) =>
      models.index(body?.ready === true),
    );
    for (const verb of ['load', 'unload'] as const) {
      app.post<{ Params: Target }>(`${PATHS.repository}/models/:name/${verb}`, { config }, async (request, reply) => {
        const { name } = request.params;
        if (!MODEL_NAME_PATTERN.test(name)) throw unknownModel();
        refuseParameters(request.body);
        await models[verb](name);
        request.log.info({ key: request.principal?.id, name, verb }, 'model operation');
        return reply.code(200).send();
      });
    }
  };
}

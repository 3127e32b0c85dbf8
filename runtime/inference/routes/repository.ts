import type { FastifyInstance } from 'fastify';
import { MODEL_NAME_PATTERN, PATHS } from '../../contract';
import { invalidRequest, unknownModel } from '../errors';
import type { InferenceService } from '../serving/service';
import { takeOptionalJson } from './optional-body';

interface Target {
  readonly name: string;
}

/** Parameters that clients send and that change nothing here: what is unloaded takes no other model along. */
const IGNORED_PARAMETERS: readonly string[] = ['unload_dependents'];

type Fields = Readonly<Record<string, unknown>>;

/** An object, or nothing where there is none. @throws RequestError for anything else */
function fieldsOf(value: unknown, what: string): Fields {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalidRequest(`${what} is not an object`);
}

/** The parameters of a request; null stands for none, as clients write it. */
const parametersOf = (body: unknown): Fields =>
  fieldsOf(fieldsOf(body, 'the body')['parameters'] ?? undefined, 'parameters');

/** Whether an index request asks for models that are ready only. */
function readyOnly(body: unknown): boolean {
  const ready = fieldsOf(body, 'the body')['ready'] ?? false;
  if (typeof ready === 'boolean') return ready;
  throw invalidRequest('ready is not true or false');
}

/** @throws RequestError for the first parameter that is not known */
export function refuseParameters(names: readonly string[]): void {
  const stranger = names.find((name) => !IGNORED_PARAMETERS.includes(name));
  if (stranger === undefined) return;
  throw invalidRequest(`the parameter ${JSON.stringify(stranger)} is not supported; models come from the repository`);
}

/** The model repository extension: what there is, and what is served of it. */
export function repositoryRoutes(models: InferenceService): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'manage' } as const;
  return async (app) => {
    takeOptionalJson(app);
    app.post(`${PATHS.repository}/index`, { config }, (request) =>
      models.index(readyOnly(request.body)).filter(({ name, version }) => request.showsModel(name, version)),
    );
    for (const verb of ['load', 'unload'] as const) {
      app.post<{ Params: Target }>(`${PATHS.repository}/models/:name/${verb}`, { config }, async (request, reply) => {
        const { name } = request.params;
        if (!MODEL_NAME_PATTERN.test(name)) throw unknownModel();
        refuseParameters(Object.keys(parametersOf(request.body)));
        await models[verb](name);
        request.log.info({ key: request.principal?.id, name, verb }, 'model operation');
        return reply.code(200).send();
      });
    }
  };
}

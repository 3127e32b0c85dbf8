import type { FastifyInstance } from 'fastify';
import { PATHS } from '../../contract';
import { unknownModel } from '../errors';
import type { ModelRegistry } from '../registry';
import { unknownDecision } from '../traffic/errors';
import type { Traffic, TrafficReport } from '../traffic/traffic';
import { isVerdict } from '../traffic/trial';
import { takeOptionalJson } from './optional-body';

interface Target {
  readonly name: string;
}

const PATH = `${PATHS.repository}/models/:name/traffic`;

/** How the traffic of a model stands, and what someone decides on its canary. */
export function trafficRoutes(
  models: Pick<ModelRegistry, 'has'>,
  traffic: Pick<Traffic, 'report' | 'decide'>,
): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'manage' } as const;
  const report = (name: string): TrafficReport & { readonly model: string } => {
    if (!models.has(name)) throw unknownModel();
    return { model: name, ...traffic.report(name) };
  };
  return async (app) => {
    takeOptionalJson(app);
    app.get<{ Params: Target }>(PATH, { config }, ({ params }) => report(params.name));
    app.post<{ Params: Target; Body: unknown }>(PATH, { config }, (request) => {
      const { name } = request.params;
      report(name);
      const { body } = request;
      const verdict: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'canary') : undefined;
      if (!isVerdict(verdict)) throw unknownDecision();
      traffic.decide(name, verdict);
      request.log.info({ key: request.principal?.id, name, verdict }, 'decision on a canary');
      return report(name);
    });
  };
}

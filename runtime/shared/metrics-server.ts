import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { PATHS } from '../contract';
import { errorPlugin } from './error-plugin';
import type { HealthState } from './health';
import { healthRoutes } from './health-routes';
import { hardenedOptions, limitsPlugin } from './limits';

const MAX_BODY_BYTES = 1024;

/**
 * The metrics listener: a port of its own, so that a NetworkPolicy can keep it inside the cluster. The kubelet asks for
 * health here: clients behind the address of its node may hold all the connections that the other port grants one address.
 *
 * @param refresh sets the gauges that are computed when asked for
 */
export async function buildMetricsServer(
  registry: Registry,
  refresh: () => void | Promise<void>,
  health: HealthState,
): Promise<FastifyInstance> {
  const app = fastify(hardenedOptions(MAX_BODY_BYTES));
  await app.register(errorPlugin, { maxRequestBytes: MAX_BODY_BYTES });
  await app.register(limitsPlugin);
  await app.register(healthRoutes(health));
  app.get(PATHS.metrics, async (_request, reply) => {
    await refresh();
    void reply.type(registry.contentType);
    return registry.metrics();
  });
  return app;
}

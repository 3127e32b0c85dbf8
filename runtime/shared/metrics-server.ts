import { performance } from 'node:perf_hooks';
import { setImmediate as othersTurn } from 'node:timers/promises';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { PATHS } from '../contract';
import { errorPlugin } from './error-plugin';
import type { HealthState } from './health';
import { healthRoutes } from './health-routes';
import { hardenedOptions, limitsPlugin } from './limits';

const MAX_BODY_BYTES = 1024;
/** Milliseconds after which what writes metrics lets requests go on. */
const TURN_MS = 5;

/** All metrics as text. A server of thousands of models has a hundred thousand lines: nobody waits for more than a few. */
async function textOf(registry: Registry): Promise<string> {
  const texts: string[] = [];
  let since = performance.now();
  for (const { name } of registry.getMetricsAsArray()) {
    texts.push(await registry.getSingleMetricAsString(name));
    if (performance.now() - since < TURN_MS) continue;
    await othersTurn();
    since = performance.now();
  }
  return `${texts.join('\n\n')}\n`;
}

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
    return textOf(registry);
  });
  return app;
}

import type { FastifyBaseLogger } from 'fastify';
import type { AuditLog } from '../../shared/audit';
import type { ServerMetrics } from '../observe';
import { trafficLayer } from './layer';
import type { TrafficLayer } from './layer';
import { observeShadow, observeTraffic } from './observe';
import { Traffic } from './traffic';
import type { TrafficModels } from './traffic';

/** What traffic is given from outside. */
export interface TrafficParts {
  readonly log: FastifyBaseLogger;
  /** @default - none */
  readonly audit?: AuditLog | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The traffic of a server: what decides, and the layer that does what it says. */
export interface ServerTraffic extends TrafficLayer {
  readonly traffic: Traffic;
}

/** Builds the traffic of a server. A model without a rule passes it by. */
export function buildTraffic(
  models: TrafficModels,
  metrics: ServerMetrics,
  { log, audit, now }: TrafficParts,
): ServerTraffic {
  const clock = (): number => performance.now();
  const random = Math.random;
  const traffic = new Traffic({ models, observe: observeTraffic(metrics, log, audit), now, clock, random });
  const layer = trafficLayer({ traffic, models, observe: observeShadow(metrics, log), clock, random });
  return { traffic, ...layer };
}

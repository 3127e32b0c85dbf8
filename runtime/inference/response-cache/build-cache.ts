import type { FastifyBaseLogger } from 'fastify';
import type { ServerMetrics } from '../observe';
import type { ModelRegistry } from '../registry';
import type { Layer } from '../serving/layer';
import { cacheLayer } from './layer';
import { MemoryLevel } from './memory';
import { openRedis } from './redis-store';
import type { RedisSettings } from './redis-store';
import { SecondLevel } from './second-level';

/** Settings of the cache of a server. */
export interface ResponseCacheSettings {
  /** Bytes in this process. */
  readonly bytes: number;
  /** Seconds that answers are kept, where the model does not say. */
  readonly ttl: number;
  /** Models whose answers are kept though they do not say so. */
  readonly models: readonly string[];
  /** Whether callers get the answers of one another. */
  readonly shared: boolean;
  /** @default - none */
  readonly second?: (RedisSettings & { /** Seconds that a request waits. */ readonly wait: number }) | undefined;
}

/** The cache of a server. */
export interface ServerCache {
  readonly layer: Layer;
  /** Brings the gauges up to date. */
  readonly refresh: () => void;
  readonly close: () => void;
}

const STATES = { closed: 0, 'half-open': 1, open: 2 } as const;
/** Milliseconds between two lines on the same fault. */
const SAY_AGAIN_MS = 60_000;

/** Tells of faults now and then: a store that is away has one with every try. */
function sayNowAndThen(log: Pick<FastifyBaseLogger, 'warn'>, now: () => number): (error: unknown) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (now() - last < SAY_AGAIN_MS) return;
    last = now();
    log.warn({ err: error }, 'the second level of the response cache cannot be reached');
  };
}

async function openSecond(
  settings: ResponseCacheSettings['second'],
  metrics: ServerMetrics,
  log: Pick<FastifyBaseLogger, 'warn'>,
  now: () => number,
): Promise<SecondLevel | undefined> {
  if (settings === undefined) return undefined;
  const store = await openRedis(settings, sayNowAndThen(log, now));
  const observe = (outcome: string): void => metrics.responseCacheSecondLevel.inc({ outcome });
  return new SecondLevel({ store, waitMs: 1000 * settings.wait, observe, now });
}

/**
 * Builds the cache of a server.
 *
 * @throws StartError LNMT8103 when the client of the second level is not installed
 */
export async function buildCache(
  settings: ResponseCacheSettings,
  models: ModelRegistry,
  metrics: ServerMetrics,
  log: Pick<FastifyBaseLogger, 'warn'>,
): Promise<ServerCache> {
  const now = (): number => performance.now();
  const memory = new MemoryLevel(settings.bytes, () => metrics.responseCacheEvictions.inc(), now);
  const second = await openSecond(settings.second, metrics, log, now);
  const { ttl, shared } = settings;
  const layer = cacheLayer({
    ...{ models, memory, second, ttl, shared, now, always: new Set(settings.models) },
    observe: ({ name: model, version }, outcome, seconds) => {
      metrics.responseCacheRequests.inc({ model, version, outcome });
      if (outcome !== 'bypassed') metrics.tallies.of({ model, version }).lookedUp(outcome !== 'miss', seconds);
    },
  });
  const refresh = (): void => {
    metrics.responseCacheBytes.set(memory.bytes);
    metrics.responseCacheEntries.set(memory.count);
    if (second) metrics.responseCacheBreaker.set(STATES[second.state]);
  };
  return { layer, refresh, close: () => second?.close() };
}

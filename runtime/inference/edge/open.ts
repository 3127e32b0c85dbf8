import type { FastifyBaseLogger } from 'fastify';
import { PATHS } from '../../contract';
import type { InferenceConfig } from '../config';
import type { KnownModels, ServerMetrics } from '../observe';
import type { ModelRegistry } from '../registry';
import type { Layer } from '../serving/layer';
import type { InferenceService, LocalService } from '../serving/service';
import { Destination } from './destination';
import { proxyLayer } from './layer';
import { followPeerTls } from './peer-tls';
import { followSecret } from './secret-file';
import { showRefused } from './show-refused';
import { withUpstream } from './service';
import { Upstream } from './upstream';
import { UpstreamModels } from './upstream-models';
import { Via } from './via';
import { UpstreamWatch } from './watch';

const MIN_ANSWER_BYTES = 64 * 2 ** 20;

/** Settings of the upstream server. */
export interface UpstreamSettings {
  readonly destination: Destination;
  readonly mode: InferenceConfig['upstreamMode'];
  readonly connections: number;
  /** Names of headers that go along, in lower case. @default - only those that always do */
  readonly headers?: readonly string[];
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly patienceMs: number;
}

const now = (): number => performance.now();

/** Opens what the settings say of the upstream server; undefined where there is none. @throws StartError */
export function openUpstream(
  config: InferenceConfig,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
): UpstreamSettings | undefined {
  const { upstreamUrl, upstreamKeyFile: file, upstreamConnections: connections } = config;
  if (upstreamUrl === undefined) return undefined;
  const { upstreamCaFile: ca, upstreamCertFile: cert, upstreamCertKeyFile: key } = config;
  const destination = new Destination({
    ...{ url: new URL(upstreamUrl), connections, tls: followPeerTls({ ca, cert, key }, log) },
    secret: file === undefined ? undefined : followSecret(file, log),
  });
  return {
    ...{ destination, connections, mode: config.upstreamMode, headers: config.upstreamHeaders ?? [] },
    maxBytes: Math.max(MIN_ANSWER_BYTES, config.maxRequestBytes),
    timeoutMs: config.upstreamTimeout * 1000,
    patienceMs: config.upstreamPatience * 1000,
  };
}

/** What a server needs to have an upstream. */
export interface ServerProxy {
  readonly layer: Layer;
  /** The models with those of the upstream server. */
  readonly over: (service: LocalService) => InferenceService;
  /** True when the local models would answer, or else the upstream server. */
  readonly ready: () => boolean;
  /** Brings its gauges up to date. */
  readonly refresh: () => void;
  readonly close: () => void;
}

/** What is here. */
export interface LocalModels {
  readonly models: Pick<ModelRegistry, 'known' | 'isReady' | 'versions'>;
  /** The models, and what else has a name. */
  readonly known: Pick<KnownModels, 'known'>;
  /** True when everything required would answer. */
  readonly ready: () => boolean;
}

/** Puts the upstream server behind the models. */
export function buildProxy(
  settings: UpstreamSettings,
  { models, known, ready }: LocalModels,
  metrics: ServerMetrics,
  log: FastifyBaseLogger,
): ServerProxy {
  const via = new Via();
  const upstream = new Upstream({
    ...{ ...settings, now, log },
    observed: (outcome, seconds) => {
      metrics.upstreamRequests.inc({ outcome });
      metrics.upstreamDuration.observe(seconds);
    },
  });
  const remote = new UpstreamModels(upstream);
  const localReady = (): boolean => models.versions().length > 0 && ready();
  const watch = new UpstreamWatch(localReady, () => remote.succeeds(PATHS.ready, via.next(undefined) ?? ''));
  return {
    layer: proxyLayer({
      ...{ ...settings, upstream, via, now },
      canAnswer: (name, version) =>
        models.known(name, version) === undefined
          ? known.known(name, version) !== undefined
          : models.isReady(name, version),
      answered: (served_by, reason) => metrics.upstreamAnswers.inc({ served_by, reason }),
    }),
    over: (service) => withUpstream(service, remote, via),
    ready: () => localReady() || watch.reachable,
    refresh: () => {
      metrics.upstreamBreakerOpen.set(upstream.breaker.open ? 1 : 0);
      showRefused(metrics, { tls: 'upstream-tls', secret: 'upstream-key' }, settings.destination);
    },
    close: () => {
      watch.close();
      settings.destination.close();
    },
  };
}

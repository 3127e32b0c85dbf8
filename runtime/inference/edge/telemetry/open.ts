import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { METRICS } from '../../../contract';
import type { Registry } from 'prom-client';
import type { InferenceConfig } from '../../config';
import type { ServerMetrics } from '../../observe';
import { Destination } from '../destination';
import { followPeerTls } from '../peer-tls';
import { followSecret } from '../secret-file';
import { showRefused } from '../show-refused';
import { FolderDisk } from './disk';
import { Outbox } from './outbox';
import { Sender } from './sender';
import { Telemetry } from './telemetry';
import type { Clock } from './telemetry';

const NAMES: ReadonlySet<string> = new Set(Object.values(METRICS).map(({ name }) => name));

const recorded = (name: string): boolean => NAMES.has(name);

const CLOCK: Clock = {
  now: () => performance.now(),
  wall: () => new Date(),
  sleep: (ms, signal) => delay(ms, undefined, { signal, ref: false }).catch(() => undefined),
};

/** Where telemetry comes from, and who counts what becomes of it. */
export interface TelemetryParts {
  readonly registry: Registry;
  /** Brings the metrics that are computed when somebody asks up to date. */
  readonly refresh: () => Promise<void>;
  readonly metrics: ServerMetrics;
  readonly log: FastifyBaseLogger;
}

/**
 * Opens what the settings say of telemetry and begins; undefined where no collector is named.
 *
 * @throws StartError
 */
export async function openTelemetry(
  config: InferenceConfig,
  { registry, refresh, metrics, log }: TelemetryParts,
): Promise<Telemetry | undefined> {
  const { telemetryUrl, telemetryTokenFile: file, telemetryCaFile: ca, telemetryInterval } = config;
  if (telemetryUrl === undefined) return undefined;
  const secret = file === undefined ? undefined : followSecret(file, log);
  const tls = followPeerTls({ ca }, log);
  const destination = new Destination({ url: new URL(telemetryUrl), connections: 1, secret, tls });
  const failed = (operation: 'record' | 'write' | 'send') => (error: unknown) => {
    metrics.telemetryFailures.inc({ operation });
    log.debug({ err: error, operation }, 'telemetry waits');
  };
  const dir = path.resolve(config.telemetryDir);
  const outbox = await Outbox.open(
    {
      ...{ disk: new FolderDisk(dir), maxBytes: config.telemetryBytes, failed: failed('write') },
      dropped: (reason, records) => metrics.telemetryDropped.inc({ reason }, records),
    },
    dir,
  );
  const sender = new Sender({
    ...{ outbox, destination, failed: failed('send'), random: Math.random },
    sent: (records) => metrics.telemetrySent.inc(records),
    refused: (records, status) => {
      metrics.telemetryDropped.inc({ reason: 'refused' }, records);
      log.error({ records, status }, 'the collector refuses telemetry');
    },
  });
  const telemetry = new Telemetry({
    ...{ outbox, sender, registry, refresh, recorded, clock: CLOCK, intervalMs: telemetryInterval * 1000 },
    failed: failed('record'),
    observed: () => {
      metrics.telemetryPendingBytes.set(outbox.bytes);
      showRefused(metrics, { tls: 'telemetry-tls', secret: 'telemetry-token' }, destination);
    },
  });
  telemetry.start();
  return telemetry;
}

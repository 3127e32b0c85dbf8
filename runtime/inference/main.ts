#!/usr/bin/env node
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { EXIT_CODES } from '../contract';
import { ApiKeyFile } from '../shared/api-key-file';
import { KeyFileError } from '../shared/api-keys';
import { EnvError } from '../shared/env';
import { createLogger } from '../shared/logging';
import { Shutdown } from '../shared/shutdown';
import { HostBackend } from './backends/host-backend';
import { isLoopback, readConfig } from './config';
import type { InferenceConfig } from './config';
import { ModelError } from './errors';
import { hostCommand } from './host/command';
import { ModelCache } from './models/cache';
import { openStore } from './models/open-store';
import { buildServer } from './server';
import type { InferenceServer } from './server';
import { SERVER_NAME } from './version';

const RETRY_MS = { first: 500, most: 15_000 } as const;

function readKeys(config: InferenceConfig, log: Logger): ApiKeyFile | undefined {
  if (config.auth === 'api-keys') return new ApiKeyFile(config.apiKeysDir, log);
  if (!isLoopback(config.bindAddress)) {
    log.warn({ reason: config.authNoneReason }, 'authentication is off and others can reach this server');
  }
  return undefined;
}

function buildBackend(config: InferenceConfig, log: Logger): HostBackend {
  const { executionProvider, threads, runTimeout, workers } = config;
  const host = hostCommand(process.execPath, process.env);
  const { maxRows } = config.batching;
  return new HostBackend({
    ...{ host, onnx: { executionProvider, threads }, runTimeout, log, workers },
    memoryBytes: config.hostMemoryBytes,
    ...(maxRows > 0 ? { maxRows } : {}),
  });
}

async function listen(config: InferenceConfig, { app, metricsApp }: InferenceServer, log: Logger): Promise<void> {
  const host = config.bindAddress;
  await metricsApp.listen({ host, port: config.metricsPort });
  await app.listen({ host, port: config.httpPort });
  const portOf = (address: string | AddressInfo | null): unknown =>
    typeof address === 'object' ? address?.port : null;
  const ports = { http: portOf(app.server.address()), metrics: portOf(metricsApp.server.address()) };
  log.info({ address: host, ...ports, auth: config.auth }, 'listening');
}

/** Fetches and loads, again and again while only the store is at fault. */
async function loadModel(config: InferenceConfig, server: InferenceServer, log: Logger): Promise<void> {
  const cache = new ModelCache(openStore(config), config.modelCacheDir);
  const model = { name: config.modelName, version: config.modelVersion };
  for (let pause: number = RETRY_MS.first; ; pause = Math.min(2 * pause, RETRY_MS.most)) {
    try {
      const { file, digest, fetched } = await cache.obtain(model);
      await server.load(file);
      log.info({ ...model, digest, fetched }, 'model ready');
      return;
    } catch (error) {
      if (!(error instanceof ModelError && error.retryable)) throw error;
      log.warn({ err: error, pauseMs: pause }, 'model not loaded, trying again');
      await delay(pause);
    }
  }
}

function endOnSignals(
  config: InferenceConfig,
  server: InferenceServer,
  log: Logger,
  release: () => Promise<void>,
): void {
  const { app, health, admission } = server;
  const shutdown = new Shutdown({ app, health, log, release, inFlight: () => admission.inFlight }, config);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void shutdown.signal(signal).then((code) => process.exit(code)));
  }
}

async function serve(config: InferenceConfig, log: Logger): Promise<void> {
  const keys = readKeys(config, log);
  const backend = buildBackend(config, log);
  const server = await buildServer(config, { backend, log, registry: new Registry(), keys, now: Date.now });
  endOnSignals(config, server, log, async () => {
    keys?.close();
    await Promise.all([backend.close(), server.metricsApp.close()]);
  });
  await listen(config, server, log);
  await loadModel(config, server, log);
}

function start(): void {
  let config: InferenceConfig;
  try {
    config = readConfig(process.env);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    process.stderr.write(`${SERVER_NAME}: ${error.message}\n`);
    process.exit(EXIT_CODES.usage);
  }
  const log = createLogger(SERVER_NAME, config.logLevel);
  serve(config, log).catch((error: unknown) => {
    log.fatal({ err: error }, error instanceof Error ? error.message : 'the server cannot start');
    process.exit(error instanceof KeyFileError ? EXIT_CODES.usage : EXIT_CODES.failure);
  });
}

start();

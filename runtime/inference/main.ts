#!/usr/bin/env node
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { EXIT_CODES, INFERENCE_ENV } from '../contract';
import { KeyFileError } from '../shared/api-keys';
import { EnvError } from '../shared/env';
import { StartError } from '../shared/errors';
import { createLogger } from '../shared/logging';
import { Shutdown } from '../shared/shutdown';
import { startTracing } from '../shared/trace-export';
import { openAccess } from './access';
import { HostBackend } from './backends/host-backend';
import { readConfig } from './config';
import type { InferenceConfig } from './config';
import { openUpstream } from './edge/open';
import { openTelemetry } from './edge/telemetry/open';
import type { Telemetry } from './edge/telemetry/telemetry';
import { ModelError } from './errors';
import { openGrpc } from './grpc/listener';
import { hostCommand } from './host/command';
import { openModels } from './models/open-models';
import { PluginError } from './processing/errors';
import { openSteps } from './processing/open';
import type { RunSettings } from './registry';
import { openPayloadLog } from './payload-log/open';
import { buildServer } from './server';
import type { InferenceServer } from './server';
import { SERVER_NAME, SERVER_VERSION } from './version';

/** The provider of the server, unless the model insists on the CPU. */
function providerOf({ executionProvider }: InferenceConfig, { device }: RunSettings): typeof executionProvider {
  if (device === 'cpu') return 'cpu';
  if (device === 'gpu' && executionProvider === 'cpu') {
    throw new ModelError('LNMT8310', 'it insists on a GPU, and the execution provider of this server is cpu');
  }
  return executionProvider;
}

function buildBackend(config: InferenceConfig, settings: RunSettings, log: Logger): HostBackend {
  const { threads, runTimeout, loadTimeout, gpuIndex, allowCpuFallback, dedicatedCores } = config;
  const executionProvider = providerOf(config, settings);
  const workers = settings.instances ?? config.workers;
  const host = hostCommand(process.execPath, process.env);
  const maxRows = settings.maxBatchSize ?? config.batching.maxRows;
  return new HostBackend({
    ...{
      host,
      onnx: { executionProvider, threads, gpuIndex, allowCpuFallback, dedicatedCores },
      runTimeout,
      loadTimeout,
      log,
      workers,
    },
    memoryBytes: config.hostMemoryBytes,
    ...(maxRows > 0 ? { maxRows } : {}),
  });
}

async function listen(config: InferenceConfig, { app, metricsApp, grpc }: InferenceServer, log: Logger): Promise<void> {
  const host = config.bindAddress;
  await metricsApp.listen({ host, port: config.metricsPort });
  await app.listen({ host, port: config.httpPort });
  const portOf = (address: string | AddressInfo | null): unknown =>
    typeof address === 'object' ? address?.port : null;
  const grpcPort = config.grpcPort === undefined ? undefined : await grpc.listen(host, config.grpcPort);
  const ports = { http: portOf(app.server.address()), metrics: portOf(metricsApp.server.address()), grpc: grpcPort };
  log.info({ address: host, ...ports, auth: config.auth }, 'listening');
}

function endOnSignals(
  config: InferenceConfig,
  server: InferenceServer,
  log: Logger,
  release: () => Promise<void>,
): void {
  const { app, health, open, grpc } = server;
  const close = (): Promise<unknown> => {
    open.close();
    return Promise.all([app.close(), grpc.close()]);
  };
  const parts = { app: { close }, health, log, release, cut: () => open.cut() };
  const shutdown = new Shutdown(parts, config);
  health.onDraining(() => grpc.drain());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void shutdown.signal(signal).then((code) => process.exit(code)));
  }
}

async function exportTraces(config: InferenceConfig, log: Logger): Promise<(() => Promise<void>) | undefined> {
  const { otlpEndpoint: endpoint } = config;
  if (endpoint === undefined) return undefined;
  const setting = INFERENCE_ENV.otlpEndpoint.name;
  return startTracing({ setting, endpoint, service: SERVER_NAME, version: SERVER_VERSION, log });
}

async function serve(config: InferenceConfig, log: Logger): Promise<void> {
  const access = await openAccess(config, log);
  const endTracing = await exportTraces(config, log);
  const registry = new Registry();
  const late: { telemetry?: Telemetry | undefined } = {};
  const payloads = config.telemetryPayloads ? (lines: string) => late.telemetry?.putLines('payload', lines) : undefined;
  const steps = await openSteps(config, { node: process.execPath, searchPath: process.env['PATH'] ?? '', log });
  const server = await buildServer(config, {
    openGrpc: config.grpcPort === undefined ? undefined : openGrpc,
    ...(await openModels(config, log)),
    createBackend: (settings) => buildBackend(config, settings, log),
    memoryOf: (backend) => (backend instanceof HostBackend ? backend.memoryBytes || undefined : undefined),
    ...{ log, registry, ...access, steps, now: Date.now, upstream: openUpstream(config, log) },
    openPayloadLog: (counted) => openPayloadLog(config, log, counted, payloads),
  });
  late.telemetry = await openTelemetry(config, { registry, refresh: server.refresh, metrics: server.metrics, log });
  endOnSignals(config, server, log, async () => {
    server.grpc.cut();
    await Promise.all([server.release(), server.payloadLog?.close()]);
    await late.telemetry?.close();
    const ends = [server.models.close(), server.metricsApp.close(), access.close()];
    await Promise.all([...ends, endTracing?.(), steps.close()]);
  });
  await listen(config, server, log);
  await server.start();
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
    const isUsage = [KeyFileError, StartError, PluginError].some((kind) => error instanceof kind);
    process.exit(isUsage ? EXIT_CODES.usage : EXIT_CODES.failure);
  });
}

start();

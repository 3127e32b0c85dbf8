import { performance } from 'node:perf_hooks';
import type { FastifyBaseLogger } from 'fastify';
import type { AccessControl, Policy } from '../../shared/access-control';
import { observePipeline } from '../observe';
import type { KnownModels, ServerMetrics } from '../observe';
import type { ModelRegistry } from '../registry';
import { Pipelines } from './pipelines';
import type { PipelineSpec } from './spec';

/** What the pipelines of a server are made with. */
export interface PipelineParts {
  readonly models: ModelRegistry;
  readonly metrics: ServerMetrics;
  readonly access: AccessControl;
  /** @default - scopes suffice, which are the same for every model */
  readonly policy?: Policy | undefined;
  /** Pipelines that are known once the models are. @default - none */
  readonly ensembles?: () => readonly PipelineSpec[];
  readonly log: FastifyBaseLogger;
}

/** The pipelines of a server; undefined where it has none. */
export function buildPipelines(
  specs: readonly PipelineSpec[] | undefined,
  parts: PipelineParts,
): Pipelines | undefined {
  const { models, metrics, access, policy, log, ensembles } = parts;
  if (!specs?.length && ensembles === undefined) return undefined;
  return new Pipelines({
    ...{ specs: specs ?? [], log, now: () => performance.now(), isModel: (name) => models.has(name) },
    ...(ensembles === undefined ? {} : { later: ensembles }),
    observe: (pipeline) => observePipeline(metrics, pipeline),
    ...(policy === undefined
      ? {}
      : {
          permit: (caller, model, version) =>
            access.permit(caller ?? null, { operation: 'ModelInfer', access: 'infer', model, version }),
        }),
  });
}

/** The names that requests may have in metrics: those of models, and those of pipelines. */
export function knownWith(models: KnownModels, pipelines: Pipelines | undefined): KnownModels {
  if (pipelines === undefined) return models;
  return {
    has: (name) => pipelines.has(name) || models.has(name),
    known: (name, version) => (pipelines.has(name) ? pipelines.known(name, version) : models.known(name, version)),
  };
}

/** Brings the gauges of pipelines up to date. */
export function refreshPipelineMetrics(pipelines: Pipelines | undefined, metrics: ServerMetrics): void {
  // What was unloaded on request fails nobody who could do something about it.
  metrics.pipelineReady.reset();
  for (const { identity, withdrawn, ready } of pipelines?.states() ?? []) {
    if (!withdrawn) metrics.pipelineReady.set({ pipeline: identity.name }, ready ? 1 : 0);
  }
}

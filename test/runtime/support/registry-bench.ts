import { pino } from 'pino';
import { Registry } from 'prom-client';
import { parseProcessing } from '../../../runtime/inference/processing/settings';
import { buildRegistry } from '../../../runtime/inference/registry';
import type { ModelRegistry, ModelsConfig, ModelSpec } from '../../../runtime/inference/registry';
import { estimateBytes } from '../../../runtime/inference/registry/memory-budget';
import { decodeRequest } from '../../../runtime/inference/tensors/request';
import type { InferenceRequest } from '../../../runtime/inference/tensors/request';
import { buildServerMetrics } from '../../../runtime/inference/server-metrics';
import { FakeBackend } from './fake-backend';
import { FakeSource } from './fake-source';
import { DEMO_REQUEST } from './server';

const never = new AbortController().signal;

/** Bytes that a model without weights is taken to need. */
export const ONE = estimateBytes(0);

/** Steps that keep the answers of the fake model between 0 and 1. */
export const FILTER = parseProcessing({ after: [{ step: 'filter', tensor: 'y', clamp: [0, 1] }] }, 'processing');

/** A request that the fake model takes, with this member beside its tensors. */
export const demoRequest = (more: Partial<InferenceRequest> = {}): InferenceRequest => ({
  ...decodeRequest(Buffer.from(JSON.stringify(DEMO_REQUEST)), undefined),
  ...more,
});

export const lazy = (name: string): ModelSpec => ({ name, load: 'lazy' });
export const pinned = (name: string): ModelSpec => ({ name, load: 'pinned' });

/** A registry over models in memory, and every backend that it made. */
export class RegistryBench {
  readonly source = new FakeSource({ a: ['1', '2', '10'], b: ['1'], c: ['1'] });
  readonly backends: FakeBackend[] = [];
  /** Lines of its log. */
  readonly log: Readonly<Record<string, unknown>>[] = [];
  /** What each new backend is made with. */
  prepare: (backend: FakeBackend) => void = () => undefined;
  /** Bytes that each is found to take once it is loaded; undefined where nobody knows. */
  bytes: number | undefined;
  registry: ModelRegistry = this.build([]);

  build(models: readonly ModelSpec[], modelMemoryBytes = 0, more: Partial<ModelsConfig> = {}): ModelRegistry {
    const write = (line: string): void => void this.log.push(JSON.parse(line) as Readonly<Record<string, unknown>>);
    this.registry = buildRegistry(
      { models, modelMemoryBytes, ...more },
      {
        sourceOf: (name) => (name.startsWith('no-') ? undefined : this.source),
        createBackend: () => {
          const backend = new FakeBackend();
          this.prepare(backend);
          this.backends.push(backend);
          return backend;
        },
        memoryOf: () => this.bytes,
        log: pino({ level: 'info' }, { write }),
      },
      buildServerMetrics(new Registry()),
    );
    return this.registry;
  }

  /** Name and version of the model that answered. */
  infer(name: string, version?: string, more: Partial<InferenceRequest> = {}): Promise<string> {
    const answer = this.registry.infer(name, version, demoRequest(more), never);
    return answer.then(({ model }) => `${model.name}/${model.version}`);
  }

  /** Lines of the log with this message. */
  said(message: string): readonly Readonly<Record<string, unknown>>[] {
    return this.log.filter(({ msg }) => msg === message);
  }

  /** Backends that are open. */
  get up(): number {
    return this.backends.filter(({ up }) => up).length;
  }
}

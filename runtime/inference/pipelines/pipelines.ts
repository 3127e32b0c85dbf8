import type { FastifyBaseLogger } from 'fastify';
import type { Principal } from '../../shared/api-keys';
import type { ModelIdentity } from '../data-plane';
import { unknownModel } from '../errors';
import type { Answer, IndexEntry, ModelMetadata } from '../registry';
import { loadFailed } from '../registry/errors';
import type { InferenceCall, Layer } from '../serving/layer';
import type { LocalService } from '../serving/service';
import type { Statistics } from '../serving/statistics';
import type { CheckResult } from './check';
import type { PipelineObserver } from './frame';
import { Pipeline } from './pipeline';
import { PipelineError, problemText, quote } from './problems';
import type { Problem } from './problems';
import { modelsOf } from './spec';
import type { PipelineSpec } from './spec';

/** What pipelines work with. */
export interface PipelinesDeps {
  readonly specs: readonly PipelineSpec[];
  readonly log: Pick<FastifyBaseLogger, 'info' | 'error'>;
  /** Pipelines that are known once the models are; those of {@link specs} go before them. @default - none */
  readonly later?: () => readonly PipelineSpec[];
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** From 0 to below 1. @default Math.random */
  readonly random?: () => number;
  /** True for the name of a model, which a pipeline must not hide. */
  readonly isModel: (name: string) => boolean;
  /** Told of the work of a pipeline. */
  readonly observe: (pipeline: ModelIdentity) => PipelineObserver;
  /**
   * Refuses a caller that may not use a model.
   * @default - whoever may use a pipeline may use its models in it
   */
  readonly permit?: (caller: Principal | undefined, model: string, version: string | undefined) => void;
}

interface Entry {
  readonly pipeline: Pipeline;
  readonly observer: PipelineObserver;
  /** True once it was ready. */
  proved: boolean;
}

/** What platform clients are told, in the word that Triton has for it. */
const PLATFORM = 'ensemble';

/** The pipelines of a server: a layer that answers for them, and a view of the service that shows them among the models. */
export class Pipelines {
  private readonly entries = new Map<string, Entry>();
  private inner: LocalService | undefined;

  constructor(private readonly deps: PipelinesDeps) {}

  /** Answers for pipelines, and lets everything else pass. What their steps ask takes the way from the outermost layer. */
  readonly layer: Layer = (next) => (call) => {
    const entry = this.entries.get(call.name);
    return entry === undefined ? next(call) : this.infer(entry, call);
  };

  /**
   * A service that shows the pipelines, too.
   *
   * @param inner has {@link layer} among its layers
   */
  over(inner: LocalService, statistics: Pick<Statistics, 'layer' | 'of'>): LocalService {
    this.inner = { ...inner, infer: statistics.layer(inner.infer) };
    for (const spec of this.deps.specs) this.add(spec);
    return {
      infer: inner.infer,
      identify: (name, version) => this.identity(name, version) ?? inner.identify(name, version),
      describe: (name, version) => this.describe(name, version) ?? inner.describe(name, version),
      details: (name, version) => {
        const metadata = this.describe(name, version);
        return metadata ? { ...metadata, batching: undefined } : inner.details(name, version);
      },
      statistics: (name, version) => {
        if (name === undefined) {
          return [...inner.statistics(), ...statistics.of(this.states().map(({ identity }) => identity))];
        }
        const identity = this.identity(name, version);
        return identity ? statistics.of([identity]) : inner.statistics(name, version);
      },
      isReady: (name, version) => this.find(name, version)?.pipeline.ready ?? inner.isReady(name, version),
      index: (readyOnly) => [...inner.index(readyOnly), ...this.index(readyOnly)],
      load: async (name) => {
        const entry = this.entries.get(name);
        if (entry !== undefined) return this.load(entry);
        await inner.load(name);
        this.refresh();
      },
      unload: async (name) => {
        const entry = this.entries.get(name);
        if (entry === undefined) await inner.unload(name);
        else entry.pipeline.withdrawn = true;
        this.refresh();
      },
    };
  }

  private add(spec: PipelineSpec): void {
    const { inner } = this;
    if (inner === undefined) throw new TypeError('pipelines without a service; this is a bug');
    const pipeline = new Pipeline(spec, inner, (of, result) => this.report(of, result));
    const observer = this.deps.observe({ name: spec.name, version: spec.version });
    this.entries.set(spec.name, { pipeline, observer, proved: false });
  }

  /**
   * Holds all pipelines to their models, once these are brought up.
   *
   * @throws PipelineError for those without which the server does not serve
   */
  start(): void {
    for (const spec of this.deps.later?.() ?? []) if (!this.entries.has(spec.name)) this.add(spec);
    this.refresh();
    const problems = [...this.entries.values()].flatMap(({ pipeline }): readonly Problem[] => {
      const { name, required } = pipeline.spec;
      if (!this.deps.isModel(name)) return required ? pipeline.problems : [];
      return [{ code: 'LNMT8351', what: `pipeline ${quote(name)}: there is a model of this name, too` }];
    });
    if (problems.length > 0) throw new PipelineError(problems);
  }

  /**
   * True once every required pipeline was ready. One that breaks later refuses for itself only: the models of the server
   * serve on.
   */
  get proved(): boolean {
    return [...this.entries.values()].every((entry) => {
      entry.proved ||= !entry.pipeline.spec.required || entry.pipeline.ready;
      return entry.proved;
    });
  }

  /** True for the name of a pipeline. */
  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** A pipeline as metrics name it; undefined for a name or version that is none. */
  known(name: string, version: string | undefined): ModelIdentity | undefined {
    const spec = this.entries.get(name)?.pipeline.spec;
    return spec && isVersion(spec, version) ? { name, version: spec.version } : undefined;
  }

  /** All pipelines: whether each was unloaded on request, and whether it would answer now. */
  states(): readonly { readonly identity: ModelIdentity; readonly withdrawn: boolean; readonly ready: boolean }[] {
    return [...this.entries.values()].map(({ pipeline: { spec, withdrawn, ready } }) => ({
      identity: { name: spec.name, version: spec.version },
      withdrawn,
      ready,
    }));
  }

  private async infer({ pipeline, observer }: Entry, call: InferenceCall): Promise<Answer> {
    const { spec } = pipeline;
    const { now, random = Math.random, permit } = this.deps;
    const { inner } = this;
    if (inner === undefined || !isVersion(spec, call.version)) throw unknownModel();
    if (permit !== undefined && spec.access === 'models') {
      for (const { name, version } of modelsOf(spec)) permit(call.caller, name, version);
    }
    const identity = { name: spec.name, version: spec.version };
    call.judge?.(identity);
    const asked = spec.access === 'models' ? call : { ...call, judge: undefined };
    return pipeline.infer({ pipeline: identity, call: asked, infer: inner.infer, now, random, observer, bytes: 0 });
  }

  private find(name: string, version: string | undefined): Entry | undefined {
    const entry = this.entries.get(name);
    if (entry !== undefined && !isVersion(entry.pipeline.spec, version)) throw unknownModel();
    return entry;
  }

  private identity(name: string, version: string | undefined): ModelIdentity | undefined {
    const spec = this.find(name, version)?.pipeline.spec;
    return spec && { name, version: spec.version };
  }

  private describe(name: string, version: string | undefined): ModelMetadata | undefined {
    const pipeline = this.find(name, version)?.pipeline;
    return pipeline && { name, versions: [pipeline.spec.version], platform: PLATFORM, ...pipeline.describe() };
  }

  private index(readyOnly: boolean): readonly IndexEntry[] {
    const rows = [...this.entries.values()].map(({ pipeline }): IndexEntry => {
      const { spec, reason } = pipeline;
      const state = reason === '' ? 'READY' : pipeline.check().state === 'waiting' ? 'LOADING' : 'UNAVAILABLE';
      return { name: spec.name, version: spec.version, state: pipeline.withdrawn ? 'UNAVAILABLE' : state, reason };
    });
    return readyOnly ? rows.filter(({ state }) => state === 'READY') : rows;
  }

  /** Takes a pipeline into service, when it fits. */
  private load({ pipeline }: Entry): void {
    const { problems } = pipeline;
    if (problems.length > 0) {
      throw loadFailed(problems.map(problemText).join('; '), new PipelineError(problems));
    }
    pipeline.withdrawn = false;
  }

  private refresh(): void {
    for (const { pipeline } of this.entries.values()) pipeline.check();
  }

  private report({ spec: { name, version } }: Pipeline, result: CheckResult): void {
    const { log } = this.deps;
    if (result.state === 'fits') log.info({ name, version }, 'pipeline fits its models');
    if (result.state === 'wrong') {
      log.error({ name, version, problems: result.problems.map(problemText) }, 'pipeline does not fit its models');
    }
  }
}

const isVersion = (spec: PipelineSpec, version: string | undefined): boolean =>
  version === undefined || version === spec.version;

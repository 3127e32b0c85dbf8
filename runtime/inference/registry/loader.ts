import type { FastifyBaseLogger } from 'fastify';
import type { DriftBaseline } from '../../contract';
import type { Backend, ModelSignature } from '../backends/backend';
import type { DataPlane, ModelIdentity } from '../data-plane';
import { readBaseline } from '../drift/baseline';
import type { InferenceRequest } from '../tensors/request';
import { readGolden } from './golden';
import { LoadedModel } from './loaded-model';
import { estimateBytes } from './memory-budget';
import { Popularity } from './popularity';
import type { Residents } from './residents';
import type { RunSettings } from './spec';
import type { VerifiedModel } from './source';
import { Semaphore } from '../../shared/semaphore';
import { checkGolden, fitting, warmUp } from './warm-up';

/** Models that are loaded at the same time: each takes cores from those that serve. */
const LOADS = 4;

/** What answers for one version, not loaded yet. */
export interface Engine {
  readonly plane: DataPlane;
  readonly backend: Backend;
  /** Bytes that it holds now; undefined when nobody knows. */
  readonly measure: () => number | undefined;
}

/** What loading needs. */
export interface LoaderDeps {
  /** Makes what answers for a version. */
  readonly createEngine: (model: ModelIdentity, settings: RunSettings) => Engine;
  readonly residents: Residents;
  readonly log: Pick<FastifyBaseLogger, 'info'>;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Told what a version is held against from now on. @default - nobody asks */
  readonly watched?: ((model: ModelIdentity, digest: string, baseline: DriftBaseline | undefined) => void) | undefined;
}

/** What is loaded, and how. */
export interface LoadOrder {
  readonly identity: ModelIdentity;
  readonly files: VerifiedModel;
  readonly settings: RunSettings;
  readonly pinned: boolean;
  /** The model whose answers it is held to. */
  readonly predecessor: LoadedModel | undefined;
  /** Asked before its files are read again; rejects while they are not what they were. @default - nobody asks */
  readonly check?: (() => Promise<void>) | undefined;
  /** The model that it is to replace, which serves meanwhile and must not make room for it. */
  readonly replaced: LoadedModel | undefined;
  /** What clients send and get, where steps around the model make it another. @default - what the model takes and gives */
  readonly signature?: ModelSignature | undefined;
  /** Called when it has to leave the memory. */
  readonly forget: (model: LoadedModel) => void;
}

/** Loads models beside those that serve: process, graph, warm-up, golden answers. A model that fails leaves no trace. */
export class Loader {
  /** Bytes that a model was found to take, by digest. */
  private readonly measured = new Map<string, number>();
  /** Uses of versions, by name and version: they count on while a version is not loaded. */
  private readonly popularity = new Map<string, Popularity>();
  private readonly turns = new Semaphore(LOADS);

  constructor(private readonly deps: LoaderDeps) {}

  /** @throws ModelError, RequestError */
  async load(order: LoadOrder): Promise<LoadedModel> {
    const { digest, report } = order.files;
    const needed = this.measured.get(digest) ?? estimateBytes(report.weightBytes);
    const started = this.deps.now();
    const model = await this.deps.residents.admit(needed, () => this.turns.run(() => this.start(order, needed)), {
      forget: order.forget,
      staying: order.replaced,
    });
    this.measured.set(digest, model.bytes);
    const seconds = (this.deps.now() - started) / 1000;
    model.loadSeconds = seconds;
    const { fetched, offline } = order.files;
    this.deps.log.info({ ...order.identity, digest, fetched, offline, seconds }, 'model ready');
    return model;
  }

  private async start(order: LoadOrder, reserved: number): Promise<LoadedModel> {
    const { identity, settings, files, pinned, predecessor } = order;
    const { now, createEngine } = this.deps;
    const { plane, backend, measure } = createEngine(identity, settings);
    try {
      await plane.load(files.file, order.check);
      if (files.golden !== undefined) await checkGolden(plane, await readGolden(files.golden));
      const signature = order.signature ?? plane.describe();
      const baseline = files.baseline === undefined ? undefined : await readBaseline(files.baseline, signature);
      const samples = this.samplesFor(plane, predecessor);
      await warmUp(plane, samples, { previous: predecessor?.plane, measuredMs: backend.capacity().runMs, now });
      const parts = { plane, backend, digest: files.digest, pinned, reserved, measure, now };
      const model = new LoadedModel({ ...parts, popularity: this.popularityOf(identity) });
      this.deps.watched?.(identity, files.digest, baseline);
      for (const sample of samples) model.samples.add(sample, Number.NEGATIVE_INFINITY);
      return model;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  /** What its predecessor was asked, as far as this one can be asked it, too. */
  private samplesFor(plane: DataPlane, predecessor: LoadedModel | undefined): readonly InferenceRequest[] {
    const recorded = predecessor?.samples.list() ?? [];
    const samples = fitting(recorded, plane.describe());
    const leftOut = recorded.length - samples.length;
    if (leftOut > 0) {
      const what = 'recorded requests do not fit the new signature and are left out of the warm-up';
      this.deps.log.info({ ...plane.model, leftOut, of: recorded.length }, what);
    }
    return samples;
  }

  private popularityOf({ name, version }: ModelIdentity): Popularity {
    const key = `${name}/${version}`;
    const known = this.popularity.get(key) ?? new Popularity();
    this.popularity.set(key, known);
    return known;
  }
}

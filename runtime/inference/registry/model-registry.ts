import type { FastifyBaseLogger } from 'fastify';
import type { Cancellation } from '../../shared/cancellation';
import { RequestError } from '../../shared/errors';
import type { ModelSignature } from '../backends/backend';
import type { DataPlane, ModelIdentity } from '../data-plane';
import type { Patience } from '../deadline';
import { ModelError, unknownModel } from '../errors';
import type { ModelDetails } from '../model-configuration';
import type { Processing } from '../processing/processing';
import type { Processor } from '../processing/processor';
import type { InferenceRequest } from '../tensors/request';
import type { Tensor } from '../tensors/tensor';
import { Demands } from './demands';
import type { DemandDeps } from './demands';
import { loadFailed, modelPinned, notLoaded } from './errors';
import type { FileGuard } from './file-guard';
import type { LoadedModel } from './loaded-model';
import type { Loader } from './loader';
import type { ModelVersion, VersionState } from './model-version';
import { reasonOf } from './reasons';
import { Refresher } from './refresher';
import type { Residents } from './residents';
import { Scrubber } from './scrubber';
import { ServedModel } from './served-model';
import type { ModelSource } from './source';
import type { ModelSpec, ServingRules } from './spec';
import { VersionKeeper } from './version-keeper';

/** What the registry works with. */
export interface RegistryDeps {
  /** Models that are served from the start. */
  readonly models: readonly ModelSpec[];
  /**
   * Models beside those, which a repository is asked for at start.
   * @default - none
   */
  readonly discover?: () => Promise<readonly ModelSpec[]>;
  /** Where a model comes from; undefined for a name that no repository can hold. */
  readonly sourceOf: (name: string) => ModelSource | undefined;
  readonly loader: Loader;
  readonly residents: Residents;
  readonly guard: FileGuard;
  /**
   * Seconds between two checks of the files of loaded models.
   * @default 0 - they are checked when they are loaded
   */
  readonly scrubInterval?: number | undefined;
  readonly log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** Requests that may wait for one version to be loaded; one more is refused. */
  readonly mostWaiting: number;
  /** Told of each request that was given up while it waited for a load. @default - nobody is told */
  readonly dropped?: DemandDeps['dropped'];
  /** Told when the set of versions changes. */
  readonly changed: (model: ModelIdentity) => void;
  /** Makes the steps around a version. @throws ModelError */
  readonly processing: Pick<Processing, 'open'>;
  /**
   * Told of each load that failed; without a name where the model is not one of those served.
   * @default - nobody is told
   */
  readonly failed?: (name: string | undefined, error: unknown) => void;
}

/** An answer and the version that gave it. */
export interface Answer {
  readonly model: ModelIdentity;
  /** Never changed in place: others may hold them, too. */
  readonly outputs: readonly Tensor[];
  /** Identity of the files that gave it. @default - nobody knows */
  readonly digest?: string;
  /** True where the model was not asked, as the answer was there already. @default false */
  readonly cached?: boolean;
  /** Who gave it, where that may be another server. @default - this one */
  readonly servedBy?: 'local' | 'upstream';
  /** True where another server gave it because the model here failed. @default false */
  readonly failedHere?: boolean;
}

/** A version that is served, and how it stands. */
export interface Standing {
  readonly identity: ModelIdentity;
  /** True when it would answer now. */
  readonly ready: boolean;
  /** Identity of its files; undefined until they are there. */
  readonly digest: string | undefined;
}

/** What the protocol says of a model. */
export interface ModelMetadata extends ModelSignature {
  readonly name: string;
  readonly versions: readonly string[];
  /** What runs it. @default - ONNX Runtime */
  readonly platform?: string;
}

/** One row of the repository index. */
export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: VersionState;
  readonly reason: string;
}

/** Times that a request loads a model which is gone before it can be used. */
const TURNS = 20;

/** All models of a server, without any transport: REST, gRPC and others ask here. */
export class ModelRegistry {
  private readonly models = new Map<string, ServedModel>();
  /** Models that are loaded on request and are not known yet, and how many requests that are. */
  private readonly arriving = new Map<string, { readonly model: ServedModel; loads: number }>();
  private readonly keeper: VersionKeeper;
  private readonly demands: Demands;
  private readonly refresher: Refresher;
  private readonly scrubber: Scrubber;

  constructor(private readonly deps: RegistryDeps) {
    this.keeper = new VersionKeeper(deps);
    this.demands = new Demands({ ...deps, keeper: this.keeper });
    this.refresher = new Refresher(deps, this.keeper);
    for (const spec of deps.models) this.models.set(spec.name, new ServedModel(spec));
    this.scrubber = new Scrubber({
      ...{ interval: deps.scrubInterval ?? 0, guard: deps.guard, log: deps.log },
      versions: () => this.versions(),
      renew: (entry) => this.keeper.renew(entry),
    });
  }

  /** Brings up what is required; everything else follows on its own. @throws ModelError, InspectionError */
  async start(): Promise<void> {
    const { discover } = this.deps;
    this.scrubber.start();
    const found = discover ? await this.refresher.patiently('the repository', discover) : [];
    for (const spec of found) {
      if (this.models.has(spec.name)) continue;
      this.models.set(spec.name, this.arriving.get(spec.name)?.model ?? new ServedModel(spec));
    }
    const all = [...this.models.values()];
    for (const model of all.filter(({ required }) => !required)) {
      this.refresher.persist(model).catch((error: unknown) => {
        this.deps.log.error({ err: error, name: model.spec.name }, 'lazy model cannot be served');
      });
    }
    await Promise.all(all.filter(({ required }) => required).map((model) => this.refresher.persist(model)));
  }

  /** True when every required model would answer now. */
  get ready(): boolean {
    return [...this.models.values()].every((model) => !model.required || model.ready);
  }

  /** Every version that is known. */
  versions(): readonly ModelVersion[] {
    return [...this.models.values()].flatMap(({ versions }) => [...versions.values()]);
  }

  /** The models that are to serve, each with its versions as far as they are known: those unloaded on request are not. */
  inService(): readonly { readonly name: string; readonly versions: readonly ModelVersion[] }[] {
    const wanted = [...this.models.values()].filter(({ unloaded }) => !unloaded);
    return wanted.map(({ spec: { name }, versions }) => ({ name, versions: [...versions.values()] }));
  }

  /** The version that a request means. @throws RequestError */
  identify(name: string, version: string | undefined): ModelIdentity {
    return this.find(name, version).identity;
  }

  /** The same, for metrics: undefined for what is not served. */
  known(name: string, version: string | undefined): ModelIdentity | undefined {
    return this.models.get(name)?.resolve(version)?.identity;
  }

  /** The steps around the version that is meant; undefined where there are none. */
  processor(name: string, version: string | undefined): Processor | undefined {
    return this.models.get(name)?.resolve(version)?.processor;
  }

  /** How a version stands; undefined for one that is not served. */
  standing(name: string, version: string | undefined): Standing | undefined {
    const entry = this.models.get(name)?.resolve(version);
    if (entry === undefined) return undefined;
    const { identity, ready, files } = entry;
    return { identity, ready, digest: files?.digest };
  }

  /** What stands before a model; the same object until its repository is asked again. */
  rulesOf(name: string): ServingRules | undefined {
    return this.models.get(name)?.rules;
  }

  /** Names of all models. */
  names(): readonly string[] {
    return [...this.models.keys()];
  }

  /** True for the name of a model, whatever version. */
  has(name: string): boolean {
    return this.models.has(name);
  }

  /** What the protocol says of a model. @throws RequestError */
  describe(name: string, version: string | undefined): ModelMetadata {
    const { signature } = this.find(name, version);
    if (signature === undefined) throw notLoaded();
    const versions = this.models.get(name)?.served.map(({ identity }) => identity.version) ?? [];
    const { inputs, outputs } = signature;
    return { name, versions, inputs, outputs };
  }

  /** How a model is served. @throws RequestError */
  details(name: string, version: string | undefined): ModelDetails {
    const { loaded } = this.find(name, version);
    return { ...this.describe(name, version), batching: loaded?.plane.ready ? loaded.plane.batching : undefined };
  }

  /** The versions that a name, or nothing, stands for. @throws RequestError */
  identities(name: string | undefined, version: string | undefined): readonly ModelIdentity[] {
    if (name === undefined)
      return [...this.models.values()].flatMap(({ served }) => served.map((each) => each.identity));
    const found = this.find(name, version).identity;
    return version === undefined ? (this.models.get(name)?.served ?? []).map(({ identity }) => identity) : [found];
  }

  /** True when the model would answer now. @throws RequestError */
  isReady(name: string, version: string | undefined): boolean {
    return this.find(name, version).ready;
  }

  /** Answers a request, loading the model when it is lazy and not in memory. @throws RequestError */
  async infer(
    name: string,
    version: string | undefined,
    request: InferenceRequest,
    signal: Cancellation,
    caller?: string,
  ): Promise<Answer> {
    return this.use(name, version, { signal, deadline: request.deadline }, async (plane, loaded) => {
      const outputs = await plane.infer(request, signal, caller);
      loaded.samples.add(request, this.deps.now());
      return { model: plane.model, outputs, digest: loaded.digest };
    });
  }

  /**
   * Holds a version in memory for one piece of work.
   *
   * @param patience how long it may wait until it is there
   * @throws RequestError
   */
  async use<T>(
    name: string,
    version: string | undefined,
    patience: Patience,
    work: (plane: DataPlane, loaded: LoadedModel) => Promise<T>,
  ): Promise<T> {
    for (let turn = 0; turn < TURNS; turn += 1) {
      const entry = this.find(name, version);
      const loaded = entry.loaded ?? (await this.demand(entry, patience));
      // Between its loading and this turn another model may have needed the room.
      if (loaded?.ended === false) return loaded.use((plane) => work(plane, loaded));
    }
    throw notLoaded();
  }

  /** Every version, by name and version; those that are ready only, when that is asked. */
  index(readyOnly: boolean): readonly IndexEntry[] {
    return this.versions()
      .filter(({ ready }) => ready || !readyOnly)
      .map((entry) => ({
        ...entry.identity,
        state: entry.ready ? ('READY' as const) : entry.state === 'READY' ? ('UNAVAILABLE' as const) : entry.state,
        reason: entry.state === 'READY' && !entry.ready ? 'its process is being replaced' : entry.reason,
      }));
  }

  /**
   * Loads a model, or what has changed of it, beside what is served; that goes on when the new one fails.
   *
   * @throws RequestError
   */
  async load(name: string): Promise<void> {
    const model = this.models.get(name);
    await (model === undefined ? this.arrive(name) : this.bring(model));
  }

  /** Takes a model out of service, and out of memory once its requests are answered. @throws RequestError */
  async unload(name: string): Promise<void> {
    const model = this.models.get(name);
    if (model === undefined) throw unknownModel();
    if (model.spec.load === 'pinned') throw modelPinned();
    await model.inTurn(() => this.keeper.retire(model.withdraw(), 'unloaded'));
  }

  /** Ends all models. */
  async close(): Promise<void> {
    this.scrubber.close();
    this.refresher.close();
    this.demands.close();
    await Promise.all([this.deps.residents.close(), ...this.versions().map(({ processor }) => processor?.retire())]);
  }

  private find(name: string, version: string | undefined): ModelVersion {
    const model = this.models.get(name);
    const entry = model?.resolve(version);
    if (entry !== undefined) return entry;
    const coming = model !== undefined && !model.unloaded && model.served.length === 0;
    throw coming && (version === undefined || model.versions.has(version)) ? notLoaded() : unknownModel();
  }

  /** Brings up a model that is not known yet, once for all who ask for it meanwhile. */
  private async arrive(name: string): Promise<void> {
    const arrival = this.arriving.get(name) ?? { model: this.adopt(name), loads: 0 };
    this.arriving.set(name, arrival);
    arrival.loads += 1;
    try {
      await this.bring(arrival.model);
    } finally {
      arrival.loads -= 1;
      if (arrival.loads === 0) this.arriving.delete(name);
      // What serves is known, whatever failed after that.
      if (arrival.model.served.length > 0) this.models.set(name, arrival.model);
    }
  }

  private async bring(model: ServedModel): Promise<void> {
    const { name } = model.spec;
    try {
      await this.refresher.refresh(model, true);
    } catch (error) {
      const isKnown = this.models.has(name);
      this.deps.failed?.(isKnown ? name : undefined, error);
      this.deps.log.error({ err: error, name }, 'model not loaded');
      if (error instanceof RequestError) throw error;
      if (!isKnown && error instanceof ModelError && error.code === 'LNMT8301') throw unknownModel();
      throw loadFailed(reasonOf(error), error);
    }
  }

  private adopt(name: string): ServedModel {
    if (this.deps.sourceOf(name) === undefined) throw unknownModel();
    return new ServedModel({ name, load: 'lazy' });
  }

  private demand(entry: ModelVersion, patience: Patience): Promise<LoadedModel | undefined> {
    const model = this.models.get(entry.identity.name);
    if (model === undefined) throw unknownModel();
    return this.demands.meet(model, entry, patience);
  }
}

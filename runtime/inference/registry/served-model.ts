import { ModelError } from '../errors';
import { ModelVersion } from './model-version';
import { compareVersions, DEFAULT_ALIAS } from './spec';
import type { ModelSpec, ServingRules } from './spec';

/** One model of a server: its versions, and the names that stand for some of them. */
export class ServedModel {
  /** Versions that are served, and those that are on the way. */
  readonly versions = new Map<string, ModelVersion>();
  /** True after it was unloaded on request: then nobody waits for it. */
  unloaded = false;
  /** What stands before it; a new object whenever its repository was asked. */
  rules: ServingRules = {};
  private active: readonly string[] = [];
  private aliases: Readonly<Record<string, string>> = {};
  private turn: Promise<unknown> = Promise.resolve();

  constructor(readonly spec: ModelSpec) {}

  /** Versions that requests may name, from old to new. */
  get served(): readonly ModelVersion[] {
    return this.active.flatMap((version) => this.versions.get(version) ?? []);
  }

  /** True for a version that requests may name. */
  serves(entry: ModelVersion): boolean {
    return this.served.includes(entry);
  }

  /** True when the server is not ready without it. */
  get required(): boolean {
    return this.spec.load !== 'lazy' && !this.unloaded;
  }

  /** True while what serves is not known to be what its repository says: nothing, or what was known without asking. */
  get behind(): boolean {
    return !this.unloaded && (this.active.length === 0 || this.served.some(({ files }) => files?.offline));
  }

  /** True when every version of it would answer. */
  get ready(): boolean {
    return this.active.length > 0 && this.served.every(({ ready }) => ready);
  }

  /** The version that a request means: one by name or alias, or the one for everybody. */
  resolve(version: string | undefined): ModelVersion | undefined {
    const wanted = version ?? DEFAULT_ALIAS;
    const name = Object.hasOwn(this.aliases, wanted) ? this.aliases[wanted] : wanted;
    const found = name !== undefined && this.active.includes(name) ? this.versions.get(name) : undefined;
    if (found !== undefined || version !== undefined) return found;
    const newest = this.active.at(-1);
    return newest === undefined ? undefined : this.versions.get(newest);
  }

  /** The version of this name, which is made when there is none. */
  version(version: string): ModelVersion {
    const found = this.versions.get(version);
    if (found !== undefined) return found;
    const { name, load } = this.spec;
    const made = new ModelVersion({ name, version }, load);
    this.versions.set(version, made);
    return made;
  }

  /**
   * Serves these versions under these aliases from now on. Returns the versions that are served no more.
   *
   * @throws ModelError when an alias names a version that is not ready: then nothing changes
   */
  publish(versions: readonly string[], aliases: Readonly<Record<string, string>>): readonly ModelVersion[] {
    for (const [alias, version] of Object.entries(aliases)) {
      if (versions.includes(version) && this.versions.get(version)?.ready) continue;
      throw new ModelError('LNMT8310', `the alias ${alias} names version ${version}, which is not ready`);
    }
    this.active = [...versions].sort(compareVersions);
    this.aliases = aliases;
    this.unloaded = false;
    return this.forget((version) => !versions.includes(version));
  }

  /** Versions that are not served. They are known no more while others are; when none is, they tell why. */
  dropUnserved(): readonly ModelVersion[] {
    const isServed = (version: string): boolean => this.active.includes(version);
    if (this.active.length > 0) return this.forget((version) => !isServed(version));
    return [...this.versions.values()];
  }

  /** Serves nothing any more. Returns what was served. */
  withdraw(): readonly ModelVersion[] {
    this.active = [];
    this.aliases = {};
    this.unloaded = true;
    return [...this.versions.values()];
  }

  /** Lets one change of this model end before the next begins. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private forget(gone: (version: string) => boolean): readonly ModelVersion[] {
    const leaving = [...this.versions.values()].filter(({ identity }) => gone(identity.version));
    for (const { identity } of leaving) this.versions.delete(identity.version);
    return leaving;
  }
}

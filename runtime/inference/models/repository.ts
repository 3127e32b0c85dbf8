import fs from 'node:fs/promises';
import path from 'node:path';
import { DRIFT_BASELINE, MODEL_NAME_PATTERN, MODEL_STORE } from '../../contract';
import type { ModelIdentity } from '../data-plane';
import { ModelError } from '../errors';
import { checkExternalFiles, Inspections } from '../inspector';
import type { ModelReport } from '../inspector';
import type { PipelineSpec } from '../pipelines';
import type { AcceptedVersion, Ask, ModelSettings, ModelSource, VerifiedModel } from '../registry';
import { isUnfit } from '../registry/reasons';
import { compareVersions } from '../registry/spec';
import { Semaphore } from '../../shared/semaphore';
import { signatureRefused } from '../signing/errors';
import type { SignatureVerifier } from '../signing/verifier';
import type { ModelCache } from './cache';
import type { CachedModel } from './cache';
import { readText } from './download';
import type { ConfigFile } from './known';
import { ConfigMemberError, membersOf, SETTINGS_MEMBERS, settingsOf } from './model-config';
import type { ModelStore } from './store';
import { parseTritonConfig } from './triton-config';
import { ENSEMBLE_FIELD, parseTritonEnsemble } from './triton-ensemble';

/** Files beside the versions of a model that say how it is served: ours, and Triton's. */
const CONFIG = { own: 'config.json', triton: 'config.pbtxt' } as const;
const MAX_CONFIG_BYTES = 1 << 20;
const MAX_SIGNATURE_BYTES = 1 << 20;
/** Versions are whole numbers from 1, in Triton's repositories as in ours; other folders are none. */
export const VERSION_FOLDER = /^[1-9]\d{0,14}$/;
/** Newest versions that are looked at. */
const MAX_VERSIONS = 100;
const CONFIGS_AT_ONCE = 8;

const isAbsent = (error: unknown): boolean => error instanceof ModelError && error.code === 'LNMT8301';

/** Stores say of what one may not list that it is forbidden, whether it is there or not. */
const isForbidden = (error: unknown): boolean =>
  error instanceof ModelError && error.cause instanceof Error && error.cause.name === 'AccessDenied';

/** A list of names that a store says. */
interface Listed {
  /** Of the note. */
  readonly key: string;
  /** Those that were last found good, which go before those that were last seen. @default - nobody knows */
  readonly good?: () => Promise<readonly string[] | undefined>;
  readonly whom?: Ask | undefined;
}

/** Models in a store, in either layout, through the cache on disk. */
export class Repository implements ModelSource {
  private readonly inspections = new Inspections();
  private readonly reports = new Map<string, ModelReport>();
  private readonly cached = new Map<VerifiedModel, CachedModel>();
  /** What says how each model is served, as it was last read. */
  private readonly said = new Map<string, ConfigFile | undefined>();

  constructor(
    private readonly store: ModelStore,
    private readonly cache: ModelCache,
    /** Holds models to their signatures. @default - nobody does */
    private readonly signatures?: SignatureVerifier,
  ) {}

  /**
   * Names of all models that it holds.
   *
   * @param strangers told of the folders whose names no model can have
   * @throws ModelError
   */
  async names(strangers?: (folders: readonly string[]) => void): Promise<readonly string[]> {
    return this.listed({ key: '' }, async () => {
      const entries = await this.store.list('');
      const folders = entries.filter(({ bytes }) => bytes === undefined).map(({ name }) => name);
      const others = folders.filter((name) => !MODEL_NAME_PATTERN.test(name));
      if (others.length > 0) strangers?.(others);
      return folders.filter((name) => MODEL_NAME_PATTERN.test(name)).sort();
    });
  }

  async settings(name: string, whom?: Ask): Promise<ModelSettings> {
    const config = await this.configOf(name, whom);
    this.said.set(name, config);
    if (config === undefined) return {};
    return config.file === CONFIG.own ? this.ownSettings(config.text) : parseTritonConfig(config.text, name);
  }

  /**
   * The ensembles among these names, as pipelines. One that cannot be served is left to be refused as a model.
   *
   * @param required whether the server waits for them
   * @throws ModelError when the store cannot be reached
   */
  async ensembles(names: readonly string[], required: boolean): Promise<readonly PipelineSpec[]> {
    const turns = new Semaphore(CONFIGS_AT_ONCE);
    const found = names.map((name) => turns.run(() => this.ensemble(name, required)));
    return (await Promise.all(found)).filter((each) => each !== undefined);
  }

  private async ensemble(name: string, required: boolean): Promise<PipelineSpec | undefined> {
    const config = await this.configOf(name);
    if (config?.file !== CONFIG.triton || !config.text.includes(ENSEMBLE_FIELD)) return undefined;
    const versions = await this.listed({ key: `${name}#folders` }, () => this.folders(name));
    try {
      return parseTritonEnsemble(config.text, { name, version: versions.at(-1) ?? '1', required });
    } catch (error) {
      if (error instanceof ModelError) return undefined;
      throw error;
    }
  }

  private async configOf(name: string, whom?: Ask): Promise<ConfigFile | undefined> {
    const key = `${name}#settings`;
    const { config } = await this.orLast<{ readonly config?: ConfigFile }>(
      whom,
      async () => {
        const found = (await this.config(name, CONFIG.own)) ?? (await this.config(name, CONFIG.triton));
        const news = found === undefined ? {} : { config: found };
        await this.cache.notes.write(key, news);
        return news;
      },
      async () => {
        const note = (await this.cache.notes.good(name)) ?? (await this.cache.notes.read(key));
        return typeof note === 'object' && note !== null ? note : undefined;
      },
    );
    return config;
  }

  async versions(name: string, whom?: Ask): Promise<readonly string[]> {
    const { notes } = this.cache;
    const good = async (): Promise<readonly string[] | undefined> => (await notes.good(name))?.versions;
    return this.listed({ key: `${name}#versions`, good, whom }, () => this.listVersions(name));
  }

  async obtain(model: ModelIdentity, whom?: Ask): Promise<VerifiedModel> {
    const cached = await this.cache.obtain(model, whom === 'last-good');
    try {
      await this.checkSignature(cached);
      const report = this.reports.get(cached.digest) ?? (await this.inspections.inspect(cached.file));
      const listed = new Set(cached.manifest.files.map((file) => file.path));
      await checkExternalFiles(path.dirname(cached.file), report.externalFiles, listed);
      this.reports.set(cached.digest, report);
      const beside = (name: string): string => path.join(path.dirname(cached.file), name);
      const golden = listed.has(MODEL_STORE.golden) ? { golden: beside(MODEL_STORE.golden) } : {};
      const baseline = listed.has(DRIFT_BASELINE.file) ? { baseline: beside(DRIFT_BASELINE.file) } : {};
      const { file, digest, fetched, offline } = cached;
      const verified: VerifiedModel = { file, digest, fetched, offline, report, ...golden, ...baseline };
      this.cached.set(verified, cached);
      return verified;
    } catch (error) {
      this.cache.release(cached.digest);
      if (isUnfit(error)) await this.rejected(model, cached);
      throw error;
    }
  }

  async accepted(name: string, served: readonly AcceptedVersion[]): Promise<void> {
    const versions: string[] = [];
    for (const { version, files, proven } of served) {
      if (proven) await this.cache.accept({ name, version }, files.digest);
      if (proven || (await this.cache.isGood({ name, version }, files.digest))) versions.push(version);
    }
    if (versions.length === 0) return;
    const config = this.said.get(name);
    const good = JSON.stringify({ versions, config });
    if (JSON.stringify(await this.cache.notes.good(name)) === good) return;
    await this.cache.notes.write(`${name}#good`, config === undefined ? { versions } : { versions, config });
  }

  async rejected(model: ModelIdentity, { digest }: Pick<VerifiedModel, 'digest'>): Promise<void> {
    await this.cache.reject(model, digest);
  }

  async recheck(model: VerifiedModel, gently = false): Promise<boolean> {
    const cached = this.cached.get(model);
    return cached !== undefined && this.cache.intact(cached, gently);
  }

  async repair(model: ModelIdentity, files: VerifiedModel): Promise<void> {
    const cached = this.cached.get(files);
    if (cached === undefined) throw new ModelError('LNMT8301', 'it is not in use any more');
    await this.cache.repair(model, cached);
  }

  release(model: VerifiedModel): void {
    if (this.cached.delete(model)) this.cache.release(model.digest);
  }

  /** Before anything of it is looked into. @throws ModelError LNMT8312 */
  private async checkSignature({ file, manifest: { files } }: CachedModel): Promise<void> {
    if (this.signatures === undefined) return;
    const row = files.find((each) => each.path === MODEL_STORE.signature);
    if (row !== undefined && row.bytes > MAX_SIGNATURE_BYTES) throw signatureRefused('it is too large');
    const signature = path.join(path.dirname(file), MODEL_STORE.signature);
    this.signatures.check(row === undefined ? undefined : await fs.readFile(signature, 'utf8'), files);
  }

  /** Folders of versions, from old to new; the newest ones. */
  private async folders(name: string): Promise<readonly string[]> {
    const entries = await this.store.list(name);
    const folders = entries.filter((entry) => entry.bytes === undefined && VERSION_FOLDER.test(entry.name));
    return folders
      .map((entry) => entry.name)
      .sort(compareVersions)
      .slice(-MAX_VERSIONS);
  }

  private async listVersions(name: string): Promise<readonly string[]> {
    const newest = await this.folders(name);
    const whole: string[] = [];
    const bare: string[] = [];
    for (const version of newest) {
      const files = (await this.store.list(`${name}/${version}`)).map((entry) => entry.name);
      if (files.includes(MODEL_STORE.manifest)) whole.push(version);
      else if (files.includes(MODEL_STORE.model)) bare.push(version);
    }
    // Where manifests are written, a version without one is on its way.
    return whole.length > 0 ? whole : bare;
  }

  private async config(name: string, file: string): Promise<ConfigFile | undefined> {
    try {
      return { file, text: await readText(this.store, `${name}/${file}`, MAX_CONFIG_BYTES) };
    } catch (error) {
      if (isAbsent(error) || isForbidden(error)) return undefined;
      throw error;
    }
  }

  private ownSettings(text: string): ModelSettings {
    try {
      const fields = membersOf(JSON.parse(text), CONFIG.own, SETTINGS_MEMBERS);
      return settingsOf(fields, CONFIG.own);
    } catch (error) {
      const what = error instanceof ConfigMemberError ? error.message : `${CONFIG.own} is not JSON`;
      throw new ModelError('LNMT8310', what, false, error);
    }
  }

  /** What the store says; where it cannot be reached, what it said last. */
  private async orLast<T>(
    whom: Ask = 'repository',
    ask: () => Promise<T>,
    recall: () => Promise<T | undefined>,
  ): Promise<T> {
    try {
      if (whom === 'last-good') throw new ModelError('LNMT8301', 'nothing was found good before', true);
      return await ask();
    } catch (error) {
      const last = error instanceof ModelError && error.retryable ? await recall() : undefined;
      if (last === undefined) throw error;
      return last;
    }
  }

  /** A list of names that the store says, or said last. */
  private listed({ key, good, whom }: Listed, ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
    return this.orLast(
      whom,
      async () => {
        const names = await ask();
        if (names.length > 0) await this.cache.notes.write(key, names);
        return names;
      },
      async () => {
        const note = (await good?.()) ?? (await this.cache.notes.read(key));
        return Array.isArray(note) && note.every((name) => typeof name === 'string') ? note : undefined;
      },
    );
  }
}

import type { Readable } from 'node:stream';
import { MODEL_STORE } from '../../contract';
import { ModelError } from '../errors';
import { VERSION_FOLDER } from './repository';
import type { ModelStore, StoreEntry } from './store';

/** Version of a model whose files lie at the root. */
const ONLY_VERSION = '1';
const WHOLE: readonly string[] = [MODEL_STORE.model, MODEL_STORE.manifest];

const segmentsOf = (path: string): readonly string[] => (path === '' ? [] : path.split('/'));
const isVersion = ({ name, bytes }: StoreEntry): boolean => bytes === undefined && VERSION_FOLDER.test(name);
const areFiles = (entries: readonly StoreEntry[]): boolean =>
  entries.some(({ name, bytes }) => bytes !== undefined && WHOLE.includes(name));

/**
 * A store that may be one model and no repository, as whoever copies a model to the disk leaves it: the files of a version
 * at the root, or folders of versions. Then it is a repository that holds it under the given name; any other stays what it is.
 */
export class NamedStore implements ModelStore {
  /** Folders that are put before the root. */
  private before: Promise<readonly string[]> | undefined;

  constructor(
    private readonly store: ModelStore,
    private readonly name: string,
  ) {}

  async open(file: string, start?: number, tag?: string): Promise<Readable> {
    const place = await this.placeOf(file);
    if (place === undefined) throw new ModelError('LNMT8301', `no file ${file}`);
    return this.store.open(place, start, tag);
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    // What lies there may have become another since it was last asked for all of it.
    if (folder === '') this.before = undefined;
    const place = await this.placeOf(folder);
    if (place !== undefined) return this.store.list(place);
    const [segments, before] = [segmentsOf(folder), await this.prefix()];
    const next = before[segments.length];
    return next !== undefined && segments.every((each, index) => each === before[index]) ? [{ name: next }] : [];
  }

  /** Where it lies in the store; undefined for what does not. */
  private async placeOf(path: string): Promise<string | undefined> {
    const [segments, before] = [segmentsOf(path), await this.prefix()];
    const isBelow = before.every((each, index) => each === segments[index]);
    return isBelow ? segments.slice(before.length).join('/') : undefined;
  }

  private prefix(): Promise<readonly string[]> {
    this.before ??= this.look().catch((error: unknown) => {
      this.before = undefined;
      throw error;
    });
    return this.before;
  }

  private async look(): Promise<readonly string[]> {
    const root = await this.store.list('');
    if (areFiles(root)) return [this.name, ONLY_VERSION];
    for (const { name } of root.filter(isVersion)) if (areFiles(await this.store.list(name))) return [this.name];
    return [];
  }
}

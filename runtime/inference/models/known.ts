import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import type { ModelIdentity } from '../data-plane';
import { writeDurably } from './durable';

/** What a repository said of a version when it was last reached. */
export interface KnownVersion {
  /** Text of the manifest, whose digest names the folder. */
  readonly manifest: string;
  /** Names, sizes and tags of the files, where the repository has no manifest. */
  readonly listing?: string;
}

/** A file that says how a model is served. */
export interface ConfigFile {
  readonly file: string;
  readonly text: string;
}

/** What served of a model when all of it was good. */
export interface GoodModel {
  readonly versions: readonly string[];
  readonly config?: ConfigFile;
}

/** Small notes beside the cached models, by key: what a server that starts without its repositories goes by. */
export class Notes {
  constructor(
    private readonly dir: string,
    /** Tells the notes of one repository from those of another. */
    private readonly origin: string,
  ) {}

  /** A note; undefined when there is none, or none that can be read. */
  async read(key: string): Promise<unknown> {
    try {
      return JSON.parse(await fs.readFile(this.file(key), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** Writes a note where that is possible: what it holds is served all the same, only a start without it would fail. */
  async write(key: string, value: unknown): Promise<void> {
    await fs
      .mkdir(this.dir, { recursive: true, mode: 0o700 })
      .then(() => writeDurably(this.file(key), JSON.stringify(value)))
      .catch(() => undefined);
  }

  /** What was last known of a version, or last known to be good. */
  async version({ name, version }: ModelIdentity, kind: '' | '#good' = ''): Promise<KnownVersion | undefined> {
    const value = await this.read(`${name}/${version}${kind}`);
    if (typeof value !== 'object' || value === null) return undefined;
    const { manifest, listing } = value as Partial<Record<keyof KnownVersion, unknown>>;
    if (typeof manifest !== 'string') return undefined;
    return typeof listing === 'string' ? { manifest, listing } : { manifest };
  }

  /** What served of a model when it was last found good. */
  async good(name: string): Promise<GoodModel | undefined> {
    const value = await this.read(`${name}#good`);
    if (typeof value !== 'object' || value === null) return undefined;
    const { versions, config } = value as Partial<Record<keyof GoodModel, unknown>>;
    if (!Array.isArray(versions) || !versions.every((each) => typeof each === 'string')) return undefined;
    if (typeof config !== 'object' || config === null) return { versions };
    const { file, text } = config as Partial<Record<keyof ConfigFile, unknown>>;
    return typeof file === 'string' && typeof text === 'string' ? { versions, config: { file, text } } : { versions };
  }

  private file(key: string): string {
    const digest = createHash('sha256')
      .update(JSON.stringify([this.origin, key]))
      .digest('hex');
    return path.join(this.dir, `.known-${digest}.json`);
  }
}

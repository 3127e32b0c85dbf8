import fs from 'node:fs';
import fsp from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { API_KEYS_FILE } from '../../contract';
import { readOnnxFile } from '../model/onnx-file';
import { modelSources } from '../model/files';
import type { ModelFileSource } from '../model/files';
import { temporaryStoreFailed } from './errors';
import type { FoundModel } from './find-models';

/** What a copy moves at a time. */
const PIECE_BYTES = 4 * 2 ** 20;

/** A graph and what belongs to it. */
export interface GraphFiles {
  readonly name: string;
  readonly files: readonly ModelFileSource[];
}

/** The files of a graph. @throws LNMT6012, LNMT6024 */
export function graphFiles(name: string, graph: string): GraphFiles {
  return { name, files: modelSources(graph, readOnnxFile(graph).externalData) };
}

async function copyFile(source: string, copy: string, signal: AbortSignal): Promise<void> {
  try {
    await fsp.copyFile(source, copy, fs.constants.COPYFILE_FICLONE_FORCE);
  } catch {
    // The system's own copy cannot be ended, and one of many GiB takes minutes.
    const pieces = { highWaterMark: PIECE_BYTES };
    await pipeline(fs.createReadStream(source, pieces), fs.createWriteStream(copy, pieces), { signal });
  }
}

/** What a server is given that lasts as long as it: copies of graphs in the layout of a repository, settings, keys. */
export class TemporaryStore {
  private constructor(private readonly folder: string) {}

  /** Makes the folder. Call {@link remove} in any case. @throws LNMT6056 */
  static create(): TemporaryStore {
    const root = os.tmpdir();
    try {
      return new TemporaryStore(fs.mkdtempSync(path.join(root, 'lnmt-serve-')));
    } catch (error) {
      throw temporaryStoreFailed(root, error instanceof Error ? error.message : String(error));
    }
  }

  /** Folder for the verified files of the server. */
  get cacheDir(): string {
    return path.join(this.folder, 'cache');
  }

  /** Folder of the key file. */
  get keysDir(): string {
    return path.join(this.folder, 'keys');
  }

  /** File that lists the models. */
  get modelsFile(): string {
    return path.join(this.folder, 'models.json');
  }

  /**
   * Puts a version there, all of it or nothing, and nothing where the signal comes first. Blocks are shared where the file system
   * can; a link would change with the file, and the store of the server refuses links.
   *
   * @throws LNMT6056
   */
  async publish({ name, files }: GraphFiles, version: number, signal: AbortSignal): Promise<void> {
    const model = path.join(this.folder, 'store', name);
    const staging = path.join(model, `.${version}`);
    try {
      for (const { path: relative, source } of files) {
        const copy = path.join(staging, relative);
        fs.mkdirSync(path.dirname(copy), { recursive: true });
        await copyFile(source, copy, signal);
      }
      signal.throwIfAborted();
      fs.renameSync(staging, path.join(model, String(version)));
    } catch (error) {
      fs.rmSync(staging, { recursive: true, force: true });
      if (signal.aborted) return;
      throw temporaryStoreFailed(this.folder, error instanceof Error ? error.message : String(error));
    }
  }

  /** Takes a version away; what the server has of it is a copy of its own. */
  withdraw(name: string, version: number): void {
    fs.rmSync(path.join(this.folder, 'store', name, String(version)), { recursive: true, force: true });
  }

  /** Writes the list of models. @param version the one version of stored models, where it was chosen */
  list(models: readonly FoundModel[], version: string | undefined): void {
    const own = pathToFileURL(path.join(this.folder, 'store')).href;
    const rows = models.map((model) =>
      model.kind === 'graph'
        ? { name: model.name, uri: own, load: 'pinned' }
        : {
            ...{ name: model.name, uri: pathToFileURL(model.repository).href, load: 'eager' },
            ...(version === undefined ? {} : { versions: [version] }),
          },
    );
    fs.writeFileSync(this.modelsFile, JSON.stringify({ models: rows }));
  }

  /** Writes the key file, so that a reader finds the old one or the new one. */
  writeKeys(text: string): void {
    fs.mkdirSync(this.keysDir, { recursive: true, mode: 0o700 });
    const file = path.join(this.keysDir, API_KEYS_FILE);
    fs.writeFileSync(`${file}.new`, text, { mode: 0o600 });
    fs.renameSync(`${file}.new`, file);
  }

  /** Removes everything. */
  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

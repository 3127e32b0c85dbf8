import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import fsp from 'node:fs/promises';
import path from 'node:path';
import { MODEL_STORE } from '../../contract';
import { storeFailed, versionTaken } from '../errors';
import { syncFolder, writeDurably } from '../write-file';
import type { PushOutcome, PushRequest, PushTarget } from './push';

/** That of the manifest. */
const FILE_MODE = 0o644;

/** A store in a folder. A version appears as a whole, by one rename. */
export class FileTarget implements PushTarget {
  constructor(private readonly dir: string) {}

  async push(request: PushRequest): Promise<PushOutcome> {
    const target = path.join(this.dir, request.name, request.version);
    if (fs.existsSync(target)) return this.compare(request, target);
    const staging = path.join(this.dir, request.name, `.${request.version}.${randomUUID()}`);
    try {
      await this.stage(request, staging);
      fs.renameSync(staging, target);
      syncFolder(path.dirname(target));
      return 'pushed';
    } catch (error) {
      // Somebody else published the same version in the meantime.
      if (fs.existsSync(path.join(target, MODEL_STORE.manifest))) return this.compare(request, target);
      throw storeFailed(target, error instanceof Error ? error.message : String(error));
    } finally {
      // Below a file there is nothing to remove, and the attempt would say so in the place of what went wrong.
      if (fs.existsSync(staging)) fs.rmSync(staging, { recursive: true, force: true });
    }
  }

  private async stage({ files, manifest }: PushRequest, staging: string): Promise<void> {
    fs.mkdirSync(staging, { recursive: true });
    for (const file of files) {
      const copy = path.join(staging, file.path);
      await fsp.mkdir(path.dirname(copy), { recursive: true });
      await fsp.copyFile(file.source, copy);
      // A copy has the mode of its source, and whoever reads the manifest reads the rest.
      await fsp.chmod(copy, FILE_MODE);
      const handle = await fsp.open(copy, 'r');
      await handle.sync().finally(() => handle.close());
    }
    writeDurably(path.join(staging, MODEL_STORE.manifest), manifest, FILE_MODE);
  }

  private compare({ name, version, files, manifest }: PushRequest, target: string): PushOutcome {
    const file = path.join(target, MODEL_STORE.manifest);
    if (!fs.existsSync(file)) throw versionTaken(name, version, `${target} exists without a ${MODEL_STORE.manifest}`);
    if (fs.readFileSync(file, 'utf8') !== manifest) throw versionTaken(name, version, 'with other content');
    const sizeOf = (each: string): unknown => fs.statSync(path.join(target, each), { throwIfNoEntry: false })?.size;
    const damaged = files.find((each) => sizeOf(each.path) !== each.bytes);
    if (damaged === undefined) return 'unchanged';
    throw versionTaken(name, version, `${damaged.path} is not as its ${MODEL_STORE.manifest} says`);
  }
}

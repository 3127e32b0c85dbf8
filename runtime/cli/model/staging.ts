import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { OnnxModel } from '../../inference/rewriter/model';
import { DATA_ENDING, writeModel } from '../../inference/rewriter/write';
import type { WriteOptions, Written } from '../../inference/rewriter/write';
import { inTheWay } from '../errors';
import { Interrupted } from '../failure';
import { syncFolder } from '../write-file';

/** A model that is written beside its place, tried, and moved there when it is good. */
export class Staging {
  private readonly folder: string;
  private readonly name: string;
  private readonly target: string;
  private files: readonly string[] = [];
  private discarded = false;

  /**
   * @param out where the model shall be
   * @param interruption discards the model
   * @throws LNMT6005 when something is there
   */
  constructor(out: string, interruption?: AbortSignal) {
    this.target = path.dirname(out);
    this.name = path.basename(out);
    const taken = [out, `${out}${DATA_ENDING}`].filter((file) => fs.existsSync(file));
    if (taken.length > 0) throw inTheWay(taken, 'name another file with --out, or move what is there');
    this.folder = path.join(this.target, `.${this.name}.${randomUUID()}`);
    interruption?.addEventListener('abort', () => this.discard(), { once: true });
  }

  /** The model while it is tried. */
  get file(): string {
    return path.join(this.folder, this.name);
  }

  /** Writes the model. @throws Interrupted when it was discarded */
  write(model: OnnxModel, options: WriteOptions = {}): Written {
    this.open();
    const written = writeModel(model, this.folder, this.name, options);
    this.files = written.files;
    return written;
  }

  /** A folder for files that are needed meanwhile. @throws Interrupted when the model was discarded */
  scratch(): string {
    this.open();
    return fs.mkdtempSync(path.join(this.folder, 'scratch-'));
  }

  /**
   * Moves the model to its place: the weights first, so that a graph never waits for them.
   *
   * @throws LNMT6005 when something came there meanwhile, Interrupted when the model was discarded
   */
  publish(): void {
    if (this.discarded) throw new Interrupted();
    const placed: string[] = [];
    try {
      for (const name of [...this.files].reverse()) {
        const to = path.join(this.target, name);
        // A link, unlike a rename, replaces nothing.
        fs.linkSync(path.join(this.folder, name), to);
        placed.push(to);
      }
    } catch (error) {
      for (const file of placed) fs.rmSync(file, { force: true });
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      throw isTaken ? inTheWay([path.join(this.target, this.name)], 'name another file with --out') : error;
    }
    this.discard();
    syncFolder(this.target);
  }

  /** Removes what is not in its place. */
  discard(): void {
    this.discarded = true;
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  /** Makes the folder, but for work that goes on after it was discarded. */
  private open(): void {
    if (this.discarded) throw new Interrupted();
    fs.mkdirSync(this.folder, { recursive: true });
  }
}

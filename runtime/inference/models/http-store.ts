import type { Readable } from 'node:stream';
import { ModelError } from '../errors';
import { bodyOf, GuardedHttp } from './guarded-http';
import type { ModelStore, StoreEntry } from './store';

/** A store behind HTTPS. It has no folders, so versions are named and every one has its manifest. */
export class HttpStore implements ModelStore {
  private readonly http: GuardedHttp;

  constructor(
    /** URL of the root of the store. */
    private readonly base: URL,
    private readonly headers: Readonly<Record<string, string>> = {},
    /** @default - that of {@link GuardedHttp} */
    silenceMs?: number,
  ) {
    this.http = new GuardedHttp(base, silenceMs);
  }

  async open(file: string, start = 0): Promise<Readable> {
    const root = this.base.href.endsWith('/') ? this.base.href : `${this.base.href}/`;
    const path = file.split('/').map(encodeURIComponent).join('/');
    const question = { file, start, homeHeaders: this.headers };
    return bodyOf(await this.http.get(new URL(path, root), question), question);
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    throw new ModelError('LNMT8309', `${folder === '' ? 'its root' : folder} was asked for`);
  }
}
